"""The results of a cohort in nbgrader's own gradebook, so that its feedback, formgrader and export go on from there.

The rows are the ones that `nbgrader autograde` writes: the student, the submission with its time, a notebook for each
that was released, a grade for each check, a comment for each solution, the late penalty that the course's own plugin
computes. They are written through the tables of `nbgrader.api` and many students to a transaction: its methods commit
at every step, which takes longer than to grade.

What a person has written into formgrader (manual scores and comments, extra credit, extensions) is never touched.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from nbgrader import api
from nbgrader.coursedir import CourseDirectory
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError

from grader.content.place import shown
from grader.course.course import Course
from grader.course.gradebook_config import late_plugin, nbgrader_config
from grader.course.gradebook_form import missing, of_another_version
from grader.course.marks import Marks, comment_on, marks_of, notebook_of
from grader.course.result import Result
from grader.errors import LANGUAGES, Text, UsageError


class GradebookError(UsageError):
    """The gradebook cannot be read or written; `for_all`: for the time being, whoever it is about."""

    for_all = False


@dataclass(frozen=True, slots=True)
class _Booking:
    """Everything that one student's submission came to."""

    student: str
    results: Sequence[Result]

    @property
    def submitted(self) -> datetime | None:
        """The latest time of its parts, as nbgrader keeps it: UTC without saying so."""
        times = [result.submitted for result in self.results if result.submitted]
        return max(times).astimezone(UTC).replace(tzinfo=None) if times else None


@dataclass(frozen=True, slots=True)
class _Notebook:
    """One released notebook: its cells with their ids."""

    id: str
    name: str
    grades: Mapping[str, tuple[str, float]]  # cell -> id, points
    comments: Mapping[str, str]  # cell -> id
    stubs: Mapping[str, str]  # cell -> what was handed out


_Row = dict[str, Any]
_NAMES = ("student", "submitted_assignment", "submitted_notebook", "grade", "comment")
_TABLES = tuple(api.Base.metadata.tables[name] for name in _NAMES)
_students, _assignments, _notebooks, _grades, _comments = _TABLES


class Gradebook:
    """nbgrader's gradebook of a course, open for one assignment. GradebookError, which names it, for what cannot be."""

    def __init__(self, course: Course, assignment: str) -> None:
        config = nbgrader_config(course)
        directory = CourseDirectory(config=config)
        directory.root = str(course.folder)
        url = config.CourseDirectory.get("db_url") or f"sqlite:///{course.folder / 'gradebook.db'}"
        self._url = sa.make_url(str(url))
        self.where = shown(Path(self._url.database or "")) if self._is_file else self._url.render_as_string()
        self._late = late_plugin(course, config)
        if self._is_file and not Path(self._url.database or "").exists():
            raise self._not_released(assignment)  # nbgrader would make an empty one
        with self._telling():
            try:
                self._book = api.Gradebook(str(url), directory.course_id or "default_course")
            except ModuleNotFoundError as error:
                raise GradebookError(
                    Text(f"{self.where}: needs a driver: {error.name}", f"{self.where}：需要驱动程序：{error.name}"),
                    Text(
                        "write postgresql+psycopg://.. as db_url in nbgrader_config.py, and pip install "
                        "'practice-llm[postgres]'",
                        "请在 nbgrader_config.py 的 db_url 中写 postgresql+psycopg://..，并 pip install "
                        "'practice-llm[postgres]'",
                    ),
                ) from None
            self._read(assignment)

    @property
    def _is_file(self) -> bool:
        return bool(self._url.get_backend_name() == "sqlite")

    def close(self) -> None:
        """Let go of the database."""
        self._book.close()

    def __enter__(self) -> Gradebook:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _not_released(self, name: str) -> GradebookError:
        return GradebookError(
            Text(f"{self.where}: knows no assignment '{name}'", f"{self.where}：成绩册里没有作业 '{name}'"),
            Text(f"hand it out: practice course release {name}", f"请先发放：practice course release {name}"),
        )

    def is_empty(self) -> bool:
        """Whether it has no submission of the assignment."""
        with self._telling(), self._book.engine.connect() as connection:
            query = sa.select(_assignments.c.id).where(_assignments.c.assignment_id == self._assignment).limit(1)
            return connection.execute(query).first() is None

    def write(self, results: Mapping[str, Sequence[Result]]) -> dict[str, Text]:
        """Write all results of these students in one transaction. Where that cannot be, they go one by one: the
        students that were refused, and why. GradebookError where it takes nothing at the moment.
        """
        try:
            with self._telling():
                self._write([_Booking(student, found) for student, found in results.items()])
        except GradebookError as error:
            if error.for_all:
                raise
            if len(results) == 1:
                (student,) = results
                return {student: Text(*(f"{student}: {error.message.say(each)}" for each in LANGUAGES))}
            refused: dict[str, Text] = {}
            for student, found in results.items():
                refused |= self.write({student: found})
            return refused
        return {}

    # ------------------------------------------------------------------- reading

    def _read(self, name: str) -> None:
        """What was released under the name."""
        if lost := missing(self._book.engine, _TABLES):  # else each student would be refused
            raise GradebookError(*of_another_version(self.where, *lost))
        with self._book.engine.connect() as connection:
            found = connection.execute(
                sa.select(api.Assignment.id, api.Assignment.duedate).where(api.Assignment.name == name)
            ).first()
            if found is None:
                raise self._not_released(name)
            self._assignment, self._due = found
            query = sa.select(api.Notebook.id, api.Notebook.name).where(api.Notebook.assignment_id == self._assignment)
            self._released = [_released(connection, id, name) for id, name in connection.execute(query).all()]

    # ------------------------------------------------------------------- writing

    def _write(self, bookings: Sequence[_Booking]) -> None:
        with self._book.engine.begin() as connection:
            names = [booking.student for booking in bookings]
            known = {row[0] for row in _found(connection, sa.select(_students.c.id), _students.c.id, names)}
            _insert(connection, _students, ({"id": name} for name in names if name not in known))
            submissions = self._submissions(connection, bookings)
            notebooks = self._notebooks(connection, submissions)
            marks = {
                (notebook_id, cell): mark
                for booking in bookings
                for notebook in self._released
                for notebook_id in [notebooks[submissions[booking.student][0], notebook.id]]
                for cell, mark in marks_of(notebook.name, notebook.grades, booking.results).items()
            }
            ids = list(notebooks.values())
            scores = self._grade(connection, ids, marks)
            self._comment(connection, bookings, submissions, notebooks)
            self._penalize(connection, bookings, submissions, notebooks, scores)

    def _submissions(self, connection: sa.Connection, bookings: Sequence[_Booking]) -> dict[str, tuple[str, Any]]:
        """Each student's submission, made where there is none: its id, and the extension that was granted."""
        c = _assignments.c
        names = [booking.student for booking in bookings]
        query = sa.select(c.student_id, c.id, c.extension).where(c.assignment_id == self._assignment)
        found = {student: (id, more) for student, id, more in _found(connection, query, c.student_id, names)}
        new = [
            {
                "id": uuid4().hex,
                "assignment_id": self._assignment,
                "student_id": booking.student,
                "timestamp": booking.submitted,
                "extension": None,
            }
            for booking in bookings
            if booking.student not in found
        ]
        _insert(connection, _assignments, new)
        old = [{"its_id": found[b.student][0], "its_time": b.submitted} for b in bookings if b.student in found]
        if old:
            update = sa.update(_assignments).where(c.id == sa.bindparam("its_id"))
            connection.execute(update.values(timestamp=sa.bindparam("its_time")), old)
        return found | {row["student_id"]: (row["id"], None) for row in new}

    def _notebooks(
        self, connection: sa.Connection, submissions: Mapping[str, tuple[str, Any]]
    ) -> dict[tuple[str, str], str]:
        """The notebooks of the submissions, made where there are none: (submission, released notebook) -> id."""
        c = _notebooks.c
        ids = [id for id, _ in submissions.values()]
        rows = _found(connection, sa.select(c.assignment_id, c.notebook_id, c.id), c.assignment_id, ids)
        found = {(submission, notebook): id for submission, notebook, id in rows}
        wanted = ((submission, notebook.id) for submission in ids for notebook in self._released)
        new = [
            {"id": uuid4().hex, "assignment_id": submission, "notebook_id": notebook, "flagged": False}
            for submission, notebook in wanted
            if (submission, notebook) not in found
        ]
        _insert(connection, _notebooks, new)
        return found | {(row["assignment_id"], row["notebook_id"]): row["id"] for row in new}

    def _grade(
        self, connection: sa.Connection, ids: Sequence[str], marks: Mapping[tuple[str, str], Marks]
    ) -> dict[str, float]:
        """Write the marks by (notebook, cell); what each notebook scores with what people have added."""
        c = _grades.c
        query = sa.select(c.notebook_id, c.cell_id, c.id, c.manual_score, c.extra_credit)
        found = {(row[0], row[1]): row[2:] for row in _found(connection, query, c.notebook_id, ids)}
        scores = dict.fromkeys(ids, 0.0)
        old, new = [], []
        for (notebook, cell), mark in marks.items():
            id, manual, extra = found.get((notebook, cell), (None, None, None))
            # as nbgrader has it: a person who has graded a cell looks at it again when it was graded anew
            values = {
                "auto_score": mark.score,
                "needs_manual_grade": mark.needs_manual_grade or manual is not None,
            }
            if id is None:
                new.append({"id": uuid4().hex, "notebook_id": notebook, "cell_id": cell, **values})
            else:
                old.append({"its_id": id, **values})
            score = mark.score if manual is None else manual
            scores[notebook] += 0.0 if score is None else score + (extra or 0.0)
        _insert(connection, _grades, new)
        if old:
            connection.execute(
                sa.update(_grades)
                .where(c.id == sa.bindparam("its_id"))
                .values(auto_score=sa.bindparam("auto_score"), needs_manual_grade=sa.bindparam("needs_manual_grade")),
                old,
            )
        return scores

    def _comment(
        self,
        connection: sa.Connection,
        bookings: Sequence[_Booking],
        submissions: Mapping[str, tuple[str, Any]],
        notebooks: Mapping[tuple[str, str], str],
    ) -> None:
        c = _comments.c
        rows = _found(connection, sa.select(c.notebook_id, c.cell_id, c.id), c.notebook_id, list(notebooks.values()))
        found = {(notebook, cell): id for notebook, cell, id in rows}
        old, new = [], []
        for booking in bookings:
            found_here = {result.part: result for result in booking.results}
            for notebook in self._released:
                mine = notebooks[submissions[booking.student][0], notebook.id]
                for name, cell in notebook.comments.items():
                    comment = comment_on(found_here.get(name), notebook.stubs.get(name, ""))
                    if (mine, cell) in found:
                        old.append({"its_id": found[mine, cell], "its_comment": comment})
                    else:
                        new.append({"id": uuid4().hex, "notebook_id": mine, "cell_id": cell, "auto_comment": comment})
        _insert(connection, _comments, new)
        if old:
            update = sa.update(_comments).where(c.id == sa.bindparam("its_id"))
            connection.execute(update.values(auto_comment=sa.bindparam("its_comment")), old)

    def _penalize(
        self,
        connection: sa.Connection,
        bookings: Sequence[_Booking],
        submissions: Mapping[str, tuple[str, Any]],
        notebooks: Mapping[tuple[str, str], str],
        scores: Mapping[str, float],
    ) -> None:
        """What the course's plugin takes off for the seconds that a submission is late, at most what it scores."""
        rows = []
        for booking in bookings:
            submission, extension = submissions[booking.student]
            seconds = self._seconds_late(booking.submitted, extension)
            there = {notebook_of(result) for result in booking.results if result.outcome != "missing"}
            for notebook in self._released:
                id = notebooks[submission, notebook.id]
                penalty = None
                if seconds > 0 and notebook.name in there:
                    penalty = self._late.late_submission_penalty(booking.student, scores[id], seconds)
                if penalty is not None:
                    penalty = min(max(penalty, 0), scores[id])
                rows.append({"its_id": id, "its_penalty": penalty})
        update = sa.update(_notebooks).where(_notebooks.c.id == sa.bindparam("its_id"))
        connection.execute(update.values(late_submission_penalty=sa.bindparam("its_penalty")), rows)

    def _seconds_late(self, submitted: datetime | None, extension: timedelta | None) -> float:
        if submitted is None or self._due is None:
            return 0.0
        due: datetime = self._due + (extension or timedelta())
        return max(0.0, (submitted - due).total_seconds())

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """What the database says, as a GradebookError."""
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error) as error:
            original = getattr(error, "orig", None) or error
            why = " ".join((str(original).strip().splitlines() or [type(original).__name__])[0].split())[:200]
            remedy = Text(
                "see that nbgrader can use it: nbgrader db upgrade", "请确认 nbgrader 能使用它：nbgrader db upgrade"
            )
            if "locked" in why:
                remedy = Text("close the program that uses it, and try again", "请关闭占用它的程序后重试")
            elif "readonly" in why or "unable to open" in why:
                remedy = Text("make it and its folder writable", "请让它和所在文件夹可写")
            told = GradebookError(Text(f"{self.where}: {why}", f"{self.where}：{why}"), remedy)
            told.for_all = isinstance(error, (OperationalError, InterfaceError, sqlite3.OperationalError))
            raise told from None


# ---------------------------------------------------------------------------- tables


def _released(connection: sa.Connection, id: str, name: str) -> _Notebook:
    cell, grade, solution = (api.Base.metadata.tables[name] for name in ("base_cell", "grade_cells", "solution_cells"))
    graded = (
        sa.select(cell.c.name, cell.c.id, grade.c.max_score)
        .join(grade, grade.c.id == cell.c.id)
        .where(cell.c.notebook_id == id)
    )
    solved = (
        sa.select(cell.c.name, cell.c.id).join(solution, solution.c.id == cell.c.id).where(cell.c.notebook_id == id)
    )
    grades = {row[0]: (row[1], float(row[2] or 0.0)) for row in connection.execute(graded)}
    source = api.Base.metadata.tables["source_cell"]
    stubs = sa.select(source.c.name, source.c.source).where(source.c.notebook_id == id)
    return _Notebook(
        id,
        name,
        grades,
        {row[0]: row[1] for row in connection.execute(solved)},
        {row[0]: row[1] or "" for row in connection.execute(stubs)},
    )


def _found(
    connection: sa.Connection, query: sa.Select[*tuple[Any, ...]], column: sa.Column[Any], names: Sequence[str]
) -> list[Any]:
    return list(connection.execute(query.where(column.in_(names))))


def _insert(connection: sa.Connection, table: sa.Table, rows: Iterable[_Row]) -> None:
    if found := list(rows):
        connection.execute(sa.insert(table), found)
