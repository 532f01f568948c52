"""What nbgrader's gradebook says of an assignment: people, scores, late penalties. Read, never written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from grader.content.place import shown
from grader.course.course import Course
from grader.course.exports import Booked, Entry, Person
from grader.errors import Text, UsageError

if TYPE_CHECKING:
    from nbgrader.api import Gradebook


def booked(course: Course, assignment: str) -> Booked:
    """Everybody on the roster, and the submissions of the assignment; nothing where the course has no gradebook.

    UsageError, which names it, where it cannot be read.
    """
    from sqlalchemy import make_url

    from grader.course.gradebook import nbgrader_config

    config = nbgrader_config(course)
    address = str(config.CourseDirectory.get("db_url") or f"sqlite:///{course.folder / 'gradebook.db'}")
    url = make_url(address)
    file = Path(url.database or "") if url.get_backend_name() == "sqlite" else None
    if file is not None and not file.is_file():
        return Booked()  # nbgrader would make one
    where = shown(file) if file else url.render_as_string()
    from nbgrader.api import Gradebook
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with Gradebook(address, str(config.CourseDirectory.get("course_id") or "default_course")) as book:
            return Booked(_people(book), _entries(book, assignment))
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
