"""What nbgrader's gradebook says of an assignment: people, scores, late penalties. Read, never written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from grader.content.place import shown
from grader.course.course import QUESTIONS, Course
from grader.course.exports import Booked, Entry, Person
from grader.course.result import Result
from grader.errors import Text, UsageError

if TYPE_CHECKING:
    from nbgrader.api import Gradebook


ByHand = Mapping[tuple[str, str], float]


def booked(course: Course, assignment: str) -> Booked:
    """Everybody on the roster, and the submissions of the assignment; nothing where the course has no gradebook.

    UsageError, which names it, where it cannot be read.
    """
    with _opened(course) as book:
        return Booked() if book is None else Booked(_people(book), _entries(book, assignment))


def by_hand(course: Course, assignment: str) -> ByHand:
    """The points of each (student, part) of which a person has changed some in formgrader. UsageError as above."""
    with _opened(course) as book:
        return {} if book is None else _by_hand(book, assignment)


def confirmed(results: Iterable[Result], found: ByHand) -> Iterator[Result]:
    """The results with the points that a person gave in place of ours."""
    for result in results:
        points = found.get((result.student, result.part))
        yield result if points is None else replace(result, points=points)


@contextmanager
def _opened(course: Course) -> Iterator[Gradebook | None]:
    """The gradebook, or None where there is none. UsageError, which names it, where it cannot be read."""
    from sqlalchemy import make_url

    from grader.course.config import require_nbgrader

    require_nbgrader()
    from grader.course.gradebook_config import nbgrader_config

    config = nbgrader_config(course)
    address = str(config.CourseDirectory.get("db_url") or f"sqlite:///{course.folder / 'gradebook.db'}")
    url = make_url(address)
    file = Path(url.database or "") if url.get_backend_name() == "sqlite" else None
    if file is not None and not file.is_file():
        yield None  # nbgrader would make one
        return
    where = shown(file) if file else url.render_as_string()
    from nbgrader.api import Gradebook
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with Gradebook(address, str(config.CourseDirectory.get("course_id") or "default_course")) as book:
            yield book
    except SQLAlchemyError as error:
        why = " ".join(str(getattr(error, "orig", None) or error).split())[:200]
        raise UsageError(
            Text(f"{where}: {why}", f"{where}：{why}"),
            Text("see that nbgrader can use it: nbgrader db upgrade", "请确认 nbgrader 能使用它：nbgrader db upgrade"),
        ) from None


def _people(book: Gradebook) -> dict[str, Person]:
    from nbgrader.api import Student

    columns = (Student.id, Student.first_name, Student.last_name, Student.email, Student.lms_user_id)
    return {id: Person(*(said or "" for said in rest)) for id, *rest in book.db.query(*columns)}


def _entries(book: Gradebook, assignment: str) -> dict[str, Entry]:
    from nbgrader.api import Assignment, SubmittedAssignment

    query = book.db.query(SubmittedAssignment).join(Assignment, SubmittedAssignment.assignment)
    return {
        one.student_id: Entry(
            float(one.score or 0.0),
            float(one.late_submission_penalty or 0.0),
            float(one.max_score or 0.0),
            one.timestamp,
            bool(one.needs_manual_grade),
        )
        for one in query.filter(Assignment.name == assignment)
    }


def _by_hand(book: Gradebook, assignment: str) -> ByHand:
    from nbgrader.api import Assignment, BaseCell, Grade, Notebook, SubmittedAssignment, SubmittedNotebook
    from sqlalchemy import or_

    touched = book.db.query(Grade.notebook_id).filter(
        or_(Grade.manual_score.is_not(None), Grade.extra_credit.is_not(None))
    )
    query = (
        book.db.query(
            SubmittedAssignment.student_id, Notebook.name, BaseCell.name,
            Grade.auto_score, Grade.manual_score, Grade.extra_credit,
        )
        .select_from(Grade)
        .join(BaseCell, BaseCell.id == Grade.cell_id)
        .join(SubmittedNotebook, SubmittedNotebook.id == Grade.notebook_id)
        .join(Notebook, Notebook.id == SubmittedNotebook.notebook_id)
        .join(SubmittedAssignment, SubmittedAssignment.id == SubmittedNotebook.assignment_id)
        .join(Assignment, Assignment.id == SubmittedAssignment.assignment_id)
        .filter(Assignment.name == assignment, Grade.notebook_id.in_(touched))
    )  # fmt: skip
    points: dict[tuple[str, str], float] = defaultdict(float)
    changed = set()
    for student, notebook, cell, auto, manual, extra in query:
        key = (student, cell if notebook == QUESTIONS else notebook)
        points[key] += float((auto if manual is None else manual) or 0.0) + float(extra or 0.0)
        if manual is not None or extra is not None:
            changed.add(key)
    return {key: points[key] for key in changed}
