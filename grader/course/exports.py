"""Marks for other systems: what each student gets, and the files that take it there.

Where nbgrader's gradebook has the student's submission, its score counts: a person may have changed it in formgrader,
and the late penalty is there. Elsewhere, plain files graded without a release, the results do. A mark that waits for
the grader (`broken`) is left empty, never 0.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Literal, TextIO

from grader.course.plain import cell, figure
from grader.course.result import Result

Format = Literal["canvas", "moodle", "csv", "json"]


@dataclass(frozen=True, slots=True)
class Person:
    """A student as the gradebook knows them; whatever it does not know is ''."""

    first_name: str = ""
    last_name: str = ""
    email: str = ""
    lms_id: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A submission in the gradebook. `score` is before the penalty."""

    score: float
    penalty: float
    max_score: float
    submitted: datetime | None
    needs_manual_grade: bool


@dataclass(frozen=True, slots=True)
class Booked:
    """What nbgrader's gradebook says of one assignment."""

    people: Mapping[str, Person] = field(default_factory=dict)
    entries: Mapping[str, Entry] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mark:
    """One student's mark. `points` are before the penalty for lateness; None where a part waits for the grader."""

    student: str
    person: Person
    status: Literal["graded", "missing", "broken"]
    submitted: datetime | None
    points: float | None
    penalty: float
    max_points: float
    needs_manual_grade: bool
    parts: tuple[Result, ...]

    @property
    def score(self) -> float | None:
        """What counts, as nbgrader's own export has it."""
        return None if self.points is None else max(0.0, self.points - self.penalty)


def marks(results: Iterable[Result], booked: Booked, max_points: float) -> Iterator[Mark]:
    """The marks of everybody who has a result, then of those who only stand in the gradebook. `results` come ordered by
    student; `max_points` is what the assignment is worth.
    """
    seen = set()
    for student, found in groupby(results, key=lambda result: result.student):
        seen.add(student)
        yield _mark(student, tuple(found), booked, max_points)
    # not merged into the others: a database may have another order of letters than Python
    for student in sorted((booked.people.keys() | booked.entries.keys()) - seen):
        yield _mark(student, (), booked, max_points)


def _mark(student: str, parts: tuple[Result, ...], booked: Booked, max_points: float) -> Mark:
    person, entry = booked.people.get(student, Person()), booked.entries.get(student)
    handed_in = any(part.outcome != "missing" for part in parts) or (entry is not None and not parts)
    broken = any(part.outcome == "broken" for part in parts)
    points: float | None = entry.score if entry else sum(part.points for part in parts)
    return Mark(
        student=student,
        person=person,
        status="broken" if broken else "graded" if handed_in else "missing",
        submitted=_submitted(parts, entry),
        points=None if broken else points,
        penalty=entry.penalty if entry else 0.0,
        max_points=entry.max_score if entry else max_points,
        needs_manual_grade=entry is not None and entry.needs_manual_grade,
        parts=parts,
    )


def _submitted(parts: Sequence[Result], entry: Entry | None) -> datetime | None:
    times = [part.submitted for part in parts if part.submitted is not None]
    found = max(times) if times else entry.submitted if entry else None
    # nbgrader keeps UTC without saying so
    return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found


# ------------------------------------------------------------------------ files


def write(form: Format, out: TextIO, assignment: str, parts: Sequence[str], found: Iterable[Mark]) -> int:
    """Write the marks in a format; returns how many are left empty because they wait for the grader."""
    waiting = 0

    def counted() -> Iterator[Mark]:
        nonlocal waiting
        for mark in found:
            waiting += mark.status == "broken"
            yield mark

    _WRITERS[form](out, assignment, parts, counted())
    return waiting


def _canvas(out: TextIO, assignment: str, _parts: Sequence[str], found: Iterable[Mark]) -> None:
    """Canvas: five columns that say who it is, one for each assignment, and below the header the points possible.

    Canvas looks a student up by ID, its own number (nbgrader's lms_user_id), then by SIS User ID and SIS Login ID, then
    by name, and leaves empty grades alone. An assignment of this name that it does not have yet is made.
    https://community.canvaslms.com/docs/DOC-12712-4152719637, and lib/gradebook_importer.rb of canvas-lms.
    """
    table = csv.writer(out, lineterminator="\r\n")
    table.writerow(["Student", "ID", "SIS User ID", "SIS Login ID", "Section", cell(assignment)])
    head = True
    for mark in found:
        if head:
            table.writerow(["    Points Possible", "", "", "", "", figure(mark.max_points)])
            head = False
        known = mark.person.lms_id
        own, sis = (known, "") if known.isdecimal() else ("", known)
        name = ", ".join(part for part in (mark.person.last_name, mark.person.first_name) if part) or mark.student
        table.writerow([cell(name), cell(own), cell(sis), cell(mark.student), "", _handed(mark)])


def _moodle(out: TextIO, assignment: str, _parts: Sequence[str], found: Iterable[Mark]) -> None:
    """Moodle: the columns of its own grade export, which is what its import reads; who it is is mapped there, from
    'ID number' or 'Email address'. Feedback comes along: without it, Moodle drops what is there.
    https://docs.moodle.org/en/Grade_import, https://docs.moodle.org/en/Grade_export
    """
    table = csv.writer(out, lineterminator="\r\n")
    item = f"Assignment: {assignment}"
    table.writerow(
        ["First name", "Last name", "ID number", "Email address", cell(f"{item} (Real)"), cell(f"{item} (Feedback)")]
    )
    for mark in found:
        person = (mark.person.first_name, mark.person.last_name, mark.student, _email(mark))
        feedback = _feedback(mark) if _handed(mark) else ""
        table.writerow([*map(cell, person), _handed(mark), cell(feedback)])


def _generic(out: TextIO, assignment: str, parts: Sequence[str], found: Iterable[Mark]) -> None:
    """One line a student: nbgrader's own columns, and the points of each part."""
    table = csv.writer(out, lineterminator="\r\n")
    table.writerow(
        [
            "assignment", "student", "last_name", "first_name", "email", "status", "submitted", "points",
            "late_penalty", "score", "max_score", *map(cell, parts),
        ]
    )  # fmt: skip
    for mark in found:
        by_part = {part.part: part for part in mark.parts if part.outcome != "broken"}
        person = (mark.person.last_name, mark.person.first_name, _email(mark))
        figures = (mark.points, mark.penalty, mark.score, mark.max_points)
        own = (by_part[id].points if id in by_part else None for id in parts)
        when = mark.submitted.isoformat() if mark.submitted else ""
        table.writerow(map(cell, [assignment, mark.student, *person, mark.status, when, *figures, *own]))


def _json(out: TextIO, assignment: str, parts: Sequence[str], found: Iterable[Mark]) -> None:
    """One object, written student by student: a cohort of any size goes through."""
    out.write(f'{{"assignment": {json.dumps(assignment)}, "parts": {json.dumps(list(parts))}, "students": [')
    separator = "\n"
    for mark in found:
        out.write(separator + json.dumps(_object(mark)))
        separator = ",\n"
    out.write("\n]}\n")


_WRITERS: dict[Format, Callable[[TextIO, str, Sequence[str], Iterable[Mark]], None]] = {
    "canvas": _canvas,
    "moodle": _moodle,
    "csv": _generic,
    "json": _json,
}


def _handed(mark: Mark) -> str:
    """The score for a learning platform: empty, which it leaves alone, for who handed nothing in."""
    return "" if mark.score is None or mark.status == "missing" else figure(mark.score)


def _email(mark: Mark) -> str:
    """nbgrader leaves the address out where it is the student's name."""
    return mark.person.email or (mark.student if "@" in mark.student else "")


def _feedback(mark: Mark) -> str:
    said = [f"{part.part} {figure(part.points)}/{figure(part.max_points)}" for part in mark.parts]
    if mark.penalty:
        said.append(f"late 迟交 -{figure(mark.penalty)}")
    return "; ".join(said)


def _object(mark: Mark) -> dict[str, Any]:
    return {
        "student": mark.student,
        "first_name": mark.person.first_name,
        "last_name": mark.person.last_name,
        "email": _email(mark),
        "status": mark.status,
        "submitted": mark.submitted.isoformat() if mark.submitted else None,
        "points": mark.points,
        "late_penalty": mark.penalty,
        "score": mark.score,
        "max_score": mark.max_points,
        "needs_manual_grade": mark.needs_manual_grade,
        "parts": [
            {
                "part": part.part,
                "kind": part.kind,
                "outcome": part.outcome,
                "points": None if part.outcome == "broken" else part.points,
                "max_points": part.max_points,
                "content_version": part.content_version,
                "notes": [note.kind for note in part.notes],
                "checks": [
                    {name: check[name] for name in ("id", "outcome", "points", "max_points")}
                    for check in (part.verdict or {}).get("checks", ())
                ],
            }
            for part in mark.parts
        ],
    }
