"""What happened in an interview."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from grader.content.exercise import Exercise, Topic
from grader.content.question import Question
from grader.errors import Text
from grader.interview.plan import Plan
from grader.verdict import Verdict

if TYPE_CHECKING:
    from grader.answers.result import Grade, PointGrade

Ending = Literal["finished", "time", "interrupted", "input"]


@dataclass
class Probe:
    """What was asked about an answer, for a point that it had missed."""

    point: PointGrade
    answer: str = ""


@dataclass
class Asked:
    """A question that was put. `grade` is that of the first answer, `whole` of all that was said; None: skipped."""

    question: Question
    follows: Question | None = None
    answer: str = ""
    grade: Grade | None = None
    probe: Probe | None = None
    whole: Grade | None = None
    seconds: float = 0.0

    @property
    def topic(self) -> Topic:
        """The one under which it was asked."""
        return self.follows.topic if self.follows else self.question.topic

    @property
    def score(self) -> float:
        """What came only when it was asked for counts half."""
        if self.grade is None:
            return 0.0
        return round((self.grade.score + (self.whole or self.grade).score) / 2, 3)

    @property
    def final(self) -> Grade | None:
        """The grade of everything that was said."""
        return self.whole or self.grade

    @property
    def text(self) -> str:
        """Everything that was said."""
        return "\n".join(part for part in (self.answer, self.probe.answer if self.probe else "") if part.strip())


@dataclass
class Coded:
    """An exercise that was handed out. Without a verdict it was skipped, not handed in, or not graded: see `fault`."""

    exercise: Exercise
    verdict: Verdict | None = None
    skipped: bool = False
    fault: Text | None = None
    seconds: float = 0.0

    @property
    def score(self) -> float | None:
        """The share of the points; None where nothing can be said."""
        if self.skipped:
            return 0.0
        if self.verdict is None or self.verdict.outcome == "broken" or not self.verdict.max_points:
            return None
        return self.verdict.points / self.verdict.max_points


@dataclass
class Record:
    """An interview as far as it went."""

    plan: Plan
    begun: datetime
    asked: list[Asked] = field(default_factory=list)
    coded: list[Coded] = field(default_factory=list)
    ending: Ending = "finished"
    seconds: float = 0.0

    @property
    def empty(self) -> bool:
        """Whether there is nothing to report on."""
        return not any(one.grade for one in self.asked) and not any(one.verdict for one in self.coded)

    @property
    def unreached(self) -> tuple[Question | Exercise, ...]:
        """What was planned, and never came up."""
        met = {one.question.id for one in self.asked}
        handed_out = {one.exercise.id for one in self.coded}
        return (
            *(one for one in self.plan.questions if one.id not in met),
            *(one for one in self.plan.exercises if one.id not in handed_out),
        )
