"""What a submission earned: the results of all checks, in both languages until the moment they are shown.

Light: the client shows a verdict without importing torch. `to_json` is the contract of `practice run --json`;
`pack` and `unpack` carry a verdict between our own processes and into the journal with both languages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from grader.errors import Language, Text

Outcome = Literal["passed", "failed", "broken", "not_run"]
NOTHING = Text("", "")


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check on one submission. `message` says what is wrong, `hint` the way out; both are empty when it passed.

    `output` is what the submission printed during the check. It is shown on a terminal and is not part of the JSON
    contract.
    """

    id: str
    title: Text
    outcome: Outcome
    points: float
    max_points: float
    message: Text = NOTHING
    hint: Text = NOTHING
    counterexample: Text = NOTHING
    snippet: str = ""
    output: str = ""
    seconds: float = 0.0

    def to_json(self, language: Language) -> dict[str, Any]:
        return {
            "id": self.id,
            "title": self.title.say(language),
            "outcome": self.outcome,
            "points": self.points,
            "max_points": self.max_points,
            "message": self.message.say(language),
            "hint": self.hint.say(language),
            "counterexample": self.counterexample.say(language),
            "snippet": self.snippet,
            "seconds": round(self.seconds, 4),
        }


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Catalogued mistakes that together behave exactly as the submission does."""

    mistakes: tuple[str, ...]
    what: Text
    hint: Text

    def to_json(self, language: Language) -> dict[str, Any]:
        parts = (self.what.say(language), self.hint.say(language))
        return {"mistakes": list(self.mistakes), "hint": "\n".join(part for part in parts if part)}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The results of all checks on one submission.

    `isolation` and `layers` say what confined the worker that ran it.
    """

    exercise: str
    submission: str
    checks: tuple[CheckResult, ...]
    diagnosis: tuple[Diagnosis, ...]
    isolation: Literal["strict", "partial", "none"]
    layers: tuple[str, ...]
    content_version: str
    seconds: float

    @property
    def outcome(self) -> Literal["passed", "failed", "broken"]:
        """Passed only when checks ran and every one of them passed; broken when the grader is at fault."""
        outcomes = {check.outcome for check in self.checks}
        if "broken" in outcomes or not outcomes:
            return "broken"
        return "passed" if outcomes == {"passed"} else "failed"

    @property
    def passed(self) -> bool:
        return self.outcome == "passed"

    @property
    def points(self) -> float:
        return sum(check.points for check in self.checks)

    @property
    def max_points(self) -> float:
        return sum(check.max_points for check in self.checks)

    def to_json(self, language: Language = "en") -> dict[str, Any]:
        """The one object that `practice run --json` prints."""
        return {
            "exercise": self.exercise,
            "submission": self.submission,
            "outcome": self.outcome,
            "points": self.points,
            "max_points": self.max_points,
            "seconds": round(self.seconds, 4),
            "content_version": self.content_version,
            "isolation": {"level": self.isolation, "layers": list(self.layers)},
            "checks": [check.to_json(language) for check in self.checks],
            "diagnosis": [diagnosis.to_json(language) for diagnosis in self.diagnosis],
        }


_TEXTS = frozenset({"title", "message", "hint", "counterexample", "what"})


def pack(result: CheckResult | Diagnosis | Verdict) -> dict[str, Any]:
    """As JSON-able values that keep both languages."""

    def plain(value: object) -> object:
        if isinstance(value, Text):
            return [value.en, value.zh]
        if isinstance(value, (CheckResult, Diagnosis)):
            return pack(value)
        if isinstance(value, tuple):
            return [plain(item) for item in value]
        return value

    return {name: plain(getattr(result, name)) for name in result.__slots__}


def _unpacked(data: dict[str, Any]) -> dict[str, Any]:
    return {
        name: Text(*value) if name in _TEXTS else tuple(value) if isinstance(value, list) else value
        for name, value in data.items()
    }


def unpack_check(data: dict[str, Any]) -> CheckResult:
    return CheckResult(**_unpacked(data))


def unpack(data: dict[str, Any]) -> Verdict:
    """The verdict that `pack` wrote."""
    fields = _unpacked(data)
    fields["checks"] = tuple(unpack_check(check) for check in fields["checks"])
    fields["diagnosis"] = tuple(Diagnosis(**_unpacked(one)) for one in fields["diagnosis"])
    return Verdict(**fields)
