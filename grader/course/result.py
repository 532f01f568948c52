"""What grading one part of one student's submission came to. Everything after grading (gradebook, report, exports)
reads these.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from grader.errors import Text

# passed, failed: the verdict's. broken: the grader was at fault, and the part must be looked at. missing: nothing was
# handed in for it. unreadable: something was, and it cannot be graded; `notes` say why.
Outcome = Literal["passed", "failed", "broken", "missing", "unreadable"]
PartKind = Literal["exercise", "question"]


@dataclass(frozen=True, slots=True)
class Note:
    """Something about a submission that an instructor should know: a forged cell, an unreadable file."""

    kind: str  # "forged", "unreadable", "duplicate", "late", ..: one word, to count by
    text: Text


@dataclass(frozen=True, slots=True)
class Result:
    """One part (an exercise, or a question) of one assignment for one student.

    `sha256` is of what was handed in for the part and `content_version` of the exercise's or question's files: a
    result is stale when either has changed. `verdict` is packed by `grader.verdict.pack` for an exercise; for a
    question it is the packed grade of `grader.answers`. `points` are before any late penalty.
    """

    assignment: str
    student: str
    part: str
    kind: PartKind
    outcome: Outcome
    points: float
    max_points: float
    sha256: str
    content_version: str
    graded: datetime
    seconds: float = 0.0
    submitted: datetime | None = None
    verdict: dict[str, Any] | None = None
    source: str = ""  # the code, or the answer, as it was graded: similarity looks at it
    notes: tuple[Note, ...] = ()
    fault: Text | None = None  # for `broken`: what went wrong on our side
