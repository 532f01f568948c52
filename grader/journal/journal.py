"""The journal as commands use it.

Whatever happens is put into the inbox, durably and at once, and the few things that grading needs are read from there
and from the snapshot: neither opens the database. The first question that only the database can answer does, and
moves what waits into it before it answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from grader.journal.entries import (
    Answer,
    AnswerOutcome,
    Attempt,
    Dispute,
    Entry,
    Note,
    NoteKind,
    State,
    clean,
    new_id,
    now,
)
from grader.journal.home import Home
from grader.journal.inbox import Inbox
from grader.journal.snapshot import Snapshots, Standing
from grader.verdict import Verdict, pack

if TYPE_CHECKING:
    from grader.journal.schedule import Card
    from grader.journal.store import Logged, Store

Kept = TypeVar("Kept", Attempt, Note, Answer, Dispute)


class Journal:
    """One user's journal. Reading from the database raises JournalError, one line, where it cannot be used."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._inbox = Inbox(home.folder / "inbox")
        self._snapshots = Snapshots(home.folder)

    @classmethod
    def of_user(cls) -> Journal:
        return cls(Home.of_user())

    # ------------------------------------------- what happens; OSError where it cannot be kept

    def record(self, verdict: Verdict, source: str) -> Attempt:
        """Keep an attempt."""
        return self._put(
            Attempt(
                new_id(),
                now(),
                verdict.exercise,
                digest(source),
                verdict.outcome,
                float(verdict.points),
                float(verdict.max_points),
                pack(verdict),
            )
        )

    def note(self, kind: NoteKind, exercise: str) -> Note:
        """Keep that something else happened at an exercise."""
        return self._put(Note(new_id(), now(), kind, exercise))

    def record_answer(
        self, question: str, *, language: str, text: str, grade: dict[str, Any], score: float, outcome: AnswerOutcome
    ) -> Answer:
        """Keep an answer. `grade` is JSON-able and whatever its grader wants to find again."""
        return self._put(
            Answer(new_id(), now(), question, language, clean(text), min(max(float(score), 0.0), 1.0), outcome, grade)
        )

    def dispute(self, answer: Answer, point: str) -> Dispute:
        """Keep that a candidate wants a point of an answer counted as covered."""
        return self._put(Dispute(new_id(), now(), answer.question, point, answer.id))

    # ------------------------------------------------------------- what grading needs, light

    def standing(self) -> dict[str, Standing]:
        """Every exercise that was tried, or hinted at."""
        waiting = self._inbox.waiting()  # before the snapshot: see there
        snapshot = self._snapshots.read()
        found = dict(snapshot.exercises)
        for one in waiting:
            before = found.get(one.subject, Standing(False, None))
            if one.id in snapshot.drained:
                continue
            if one.kind == "attempt":
                found[one.subject] = Standing(before.passed or one.outcome == "passed", one.time)
            elif one.kind == "hint":
                found[one.subject] = Standing(before.passed, before.time, before.hints + 1)
        return found

    def state(self) -> dict[str, State]:
        """Every exercise that was tried: passed once is passed."""
        return {id: "passed" if one.passed else "started" for id, one in self.standing().items() if one.time}

    def last(self, exercise: str | None = None) -> Attempt | None:
        """The latest attempt at one exercise, or at all."""
        for one in reversed(self._inbox.waiting()):
            if one.kind == "attempt" and exercise in (None, one.subject):
                found = self._inbox.read(one)
                if isinstance(found, Attempt):
                    return found
        if exercise is None:
            tried = {id: one.time for id, one in self._snapshots.read().exercises.items() if one.time}
            exercise = max(tried, key=lambda id: tried[id]) if tried else None
        return self._snapshots.last(exercise) if exercise else None

    def hints_since_last(self, exercise: str) -> int:
        """How many hints were given since the latest attempt."""
        found = self.standing().get(exercise)
        return found.hints if found else 0

    @property
    def begun(self) -> bool:
        """Whether there is anything to ask a database for."""
        return bool(self.home.url) or self.home.database.exists() or bool(self._inbox.waiting())

    def catch_up(self) -> None:
        """On a machine that has not seen this database yet: learn from it how the exercises stand."""
        if self.home.url and not self._snapshots.exists:
            _ = self._store

    # ------------------------------------------------------------ what the database is asked

    def attempts(self, exercise: str | None = None) -> list[Attempt]:
        """The attempts at one exercise, or at all, oldest first."""
        return self._drained().entries(Attempt, exercise)

    def notes(self, exercise: str | None = None) -> list[Note]:
        """What else happened."""
        return self._drained().entries(Note, exercise)

    def answers(self, question: str | None = None) -> list[Answer]:
        """The answers to one question, or to all, oldest first."""
        return self._drained().entries(Answer, question)

    def disputes(self, question: str | None = None) -> list[Dispute]:
        """The points that were disputed."""
        return self._drained().entries(Dispute, question)

    def log(self, limit: int | None = None) -> tuple[list[Logged], int]:
        """The latest attempts and answers, oldest first, and how many there are in all."""
        return self._drained().log(limit)

    def cards(self) -> list[Card]:
        """The review card of everything that was passed or answered."""
        return self._drained().cards()

    def due(self, at: datetime | None = None) -> list[Card]:
        """What is to be reviewed by the end of the day, the most forgotten first."""
        from grader.journal.schedule import due_today

        return due_today(self.cards(), at or now())

    def streak(self, at: datetime | None = None) -> int:
        """On how many days in a row something was done, by the user's clock."""
        from grader.journal.schedule import days_in_a_row

        days = {time.astimezone().date() for time in self._drained().times()}
        return days_in_a_row(days, (at or now()).astimezone().date())

    def export(self) -> str:
        """The whole journal as JSON."""
        from grader.journal.transfer import dumped

        store = self._drained()
        entries: list[Entry] = [*store.entries(Attempt), *store.entries(Note)]
        return dumped([*entries, *store.entries(Answer), *store.entries(Dispute)])

    def import_(self, text: str, name: str) -> tuple[int, int]:
        """Take in what `export` wrote; `name` is for messages. How many entries were new, and how many there were."""
        from grader.journal.transfer import loaded

        entries: Sequence[Entry] = loaded(text, name)
        return self._drained().import_(entries), len(entries)

    def close(self) -> None:
        """Let go of the database."""
        if "_store" in self.__dict__:
            self._store.close()
            del self.__dict__["_store"]

    def _put(self, entry: Kept) -> Kept:
        self._inbox.put(entry)
        return entry

    @cached_property
    def _store(self) -> Store:
        from grader.journal.store import Store

        store = Store(self.home)
        store.drain()
        return store

    def _drained(self) -> Store:
        """The database with everything in it that has happened."""
        if "_store" in self.__dict__:
            self._store.drain()
        return self._store


def digest(source: str) -> str:
    """What tells two submissions apart."""
    import hashlib

    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()
