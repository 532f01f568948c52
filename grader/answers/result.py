"""What the grading of an answer says."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from grader.content.question import Status
from grader.errors import Language, Text

Outcome = Literal["adequate", "partial", "inadequate"]
Flag = Literal["empty", "copied_question", "keyword_list", "instructions", "off_topic", "too_long"]

ADEQUATE = 0.55
PARTIAL = 0.25


@dataclass(frozen=True, slots=True)
class PointGrade:
    """One point of the rubric. `evidence` is a part of the answer, word by word; '' where there is none."""

    id: str
    text: Text
    weight: float
    required: bool
    status: Status
    evidence: str
    hint: Text


@dataclass(frozen=True, slots=True)
class Wrong:
    """Something wrong that the answer says."""

    quote: str
    misconception: str
    why: Text


@dataclass(frozen=True, slots=True)
class Grade:
    """An answer, graded. `score` goes from 0 to 1."""

    question: str
    language: Language
    score: float
    outcome: Outcome
    points: tuple[PointGrade, ...]
    wrong: tuple[Wrong, ...]
    flags: tuple[Flag, ...]

    def to_json(self, language: Language) -> dict[str, Any]:
        """The contract's object, its texts in one language."""
        return {
            "question": self.question,
            "language": self.language,
            "score": self.score,
            "outcome": self.outcome,
            "points": [
                {
                    "id": point.id,
                    "status": point.status,
                    "evidence": point.evidence,
                    "hint": "" if point.status == "covered" else point.hint.say(language),
                }
                for point in self.points
            ],
            "wrong": [
                {"quote": each.quote, "misconception": each.misconception, "why": each.why.say(language)}
                for each in self.wrong
            ],
            "flags": list(self.flags),
        }

    def pack(self) -> dict[str, Any]:
        """As plain values, with both languages."""
        return asdict(self)


def outcome(score: float) -> Outcome:
    """What a score amounts to."""
    if score >= ADEQUATE:
        return "adequate"
    return "partial" if score >= PARTIAL else "inadequate"
