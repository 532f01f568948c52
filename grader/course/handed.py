"""What one student handed in for an assignment, made ready to be graded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from grader.course.course import Assignment, Course
from grader.course.result import Note, PartKind


@dataclass(frozen=True, slots=True)
class Handed:
    """One part of a submission. `source` is the code, or the answer; None where there is none that can be graded."""

    part: str
    kind: PartKind
    source: str | None
    sha256: str
    notes: tuple[Note, ...]
    path: Path | None
    submitted: datetime | None


def handed_in(folder: Path, course: Course, assignment: Assignment) -> list[Handed]:
    """One for every part of the assignment, also where it is missing; `folder` need not exist. Nothing that a student
    did raises an error: it becomes a note.
    """
    raise NotImplementedError
