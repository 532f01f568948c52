"""How an interview goes: one question after another, what follows from an answer, then code; until the time is over.

A grade is never told: an interviewer nods and asks on. Where and how things are said is the room's affair.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from grader.content.exercise import Exercise
from grader.content.question import Question
from grader.errors import Text
from grader.interview.plan import Plan, draw_key
from grader.interview.record import Asked, Coded, Probe, Record
from grader.verdict import Verdict

if TYPE_CHECKING:
    from grader.answers.result import Grade, PointGrade

Clock = Callable[[], float]
Find = Callable[[str], Question | None]  # the question of an id, where it can be asked


class InputEndedError(Exception):
    """Nobody is there any more to answer."""


class Room(Protocol):
    """Where the interview takes place. `left` is in seconds; an answer of None was skipped.

    Each of these may raise InputEndedError or KeyboardInterrupt, which end the interview.
    """

    def ask(self, question: Question, *, number: int | None, left: float) -> str | None:
        """Put a question; `number` is None for one that follows from the last."""

    def probe(self, point: PointGrade, *, left: float) -> str | None:
        """Ask for something that the last answer missed."""

    def grade(self, question: Question, answer: str) -> Grade:
        """What an answer is worth. Nothing is shown of it."""

    def keep(self, asked: Asked) -> None:
        """A question is done with."""

    def code(self, exercise: Exercise, *, number: int, left: float) -> Verdict | Text | None:
        """Hand out an exercise and grade what is made of it. None where it was left, a Text why it has no verdict."""


def conduct(
    plan: Plan, room: Room, find: Find, *, clock: Clock = time.monotonic, now: datetime | None = None
) -> Record:
    """Hold the interview. Whatever ends it, the record tells how far it went."""
    record = Record(plan, now or datetime.now(UTC))
    session = _Session(record, room, find, clock)
    try:
        session.talk()
        session.code()
        record.ending = "time" if record.unreached else "finished"
    except KeyboardInterrupt:
        record.ending = "interrupted"
    except InputEndedError:
        record.ending = "input"
    record.seconds = session.elapsed
    return record


class _Session:
    def __init__(self, record: Record, room: Room, find: Find, clock: Clock) -> None:
        self._record = record
        self._plan = record.plan
        self._room = room
        self._find = find
        self._clock = clock
        self._begun = clock()

    @property
    def elapsed(self) -> float:
        return self._clock() - self._begun

    @property
    def _left(self) -> float:
        return max(self._plan.minutes * 60 - self.elapsed, 0.0)

    @property
    def _may_talk(self) -> bool:
        """Whether the time that is kept for the code has not begun."""
        return self.elapsed < self._plan.talking * 60

    def talk(self) -> None:
        for number, question in enumerate(self._plan.questions, 1):
            if not self._may_talk:
                return
            asked = self._question(Asked(question), number)
            if asked.final is None or not self._may_talk:
                continue
            if (following := self._following(asked)) is not None:
                self._question(Asked(following, follows=question), None)

    def code(self) -> None:
        for number, exercise in enumerate(self._plan.exercises, 1):
            if not self._left:
                return
            self._exercise(Coded(exercise), number)

    def _question(self, asked: Asked, number: int | None) -> Asked:
        """A question, and what is asked about the answer; kept as far as it went."""
        begun = self._clock()
        self._record.asked.append(asked)
        try:
            answer = self._room.ask(asked.question, number=number, left=self._left)
            if answer is not None:
                asked.answer, asked.grade = answer, self._room.grade(asked.question, answer)
                if self._may_talk and (point := missed(asked.grade)) is not None:
                    self._probe(asked, point)
        except (KeyboardInterrupt, InputEndedError):
            if asked.grade is None:
                self._record.asked.pop()  # neither answered nor skipped
            raise
        finally:
            asked.seconds = self._clock() - begun
            if asked.grade is not None:
                self._room.keep(asked)
        return asked

    def _probe(self, asked: Asked, point: PointGrade) -> None:
        assert asked.grade is not None
        asked.probe = Probe(point)
        answer = self._room.probe(point, left=self._left)
        if answer is not None:
            asked.probe.answer = answer
            whole = self._room.grade(asked.question, asked.text)
            # two answers may be one too long, or one list of keywords, where the first was neither
            asked.whole = asked.grade if whole.flags and not asked.grade.flags else whole

    def _following(self, asked: Asked) -> Question | None:
        """One of the question's follow-ups, for who answered it without being asked further."""
        if asked.probe is not None:
            return None
        met = {one.question.id for one in self._record.asked} | {one.id for one in self._plan.questions}
        ids = [id for id in asked.question.follow_ups if id not in met]
        ids.sort(key=lambda id: draw_key(self._plan.seed, id))
        return next((found for id in ids if (found := self._find(id)) is not None), None)

    def _exercise(self, coded: Coded, number: int) -> None:
        begun = self._clock()
        self._record.coded.append(coded)
        try:
            result = self._room.code(coded.exercise, number=number, left=self._left)
            if isinstance(result, Text):
                coded.fault = result
            else:
                coded.verdict, coded.skipped = result, result is None
        finally:
            coded.seconds = self._clock() - begun


def missed(grade: Grade) -> PointGrade | None:
    """The point to ask for: the heaviest required one that is not covered, else one that the answer turned over."""
    open_ = [point for point in grade.points if point.required and point.status != "covered"]
    open_ = open_ or [point for point in grade.points if point.status == "contradicted"]
    return max(open_, key=lambda point: point.weight, default=None)
