"""The results of a course: its journal. One row for each part of each student's submission, the latest grading.

A journal of a user (`grader.journal`) makes review cards of what its owner tried; the attempts of a whole cohort are
not the instructor's own, so they stand in a database of the course: DIR/results.db, or an address that
PRACTICE_COURSE_DATABASE_URL or `results:` in course.yaml gives. One database, or schema, for one course.

`put` commits before it returns. Beside the results two facts are kept: how often a part was graded, and whether the
gradebook has it, so that a run that was killed between the two databases is made good by the next one.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from grader.course.result import Note, Result
from grader.errors import Text, UsageError
from grader.journal.home import without_password
from grader.journal.tables import Moment

if TYPE_CHECKING:
    from grader.course.course import Course

FILE = "results.db"
ADDRESS = "PRACTICE_COURSE_DATABASE_URL"
FORM = 1  # of the tables; a database of a later form is refused
PATIENCE_SECONDS = 10
_PAGE = 200
_METADATA = sa.MetaData()


class ResultsError(UsageError):
    """The course's results cannot be read or written."""


_results = sa.Table(
    "results",
    _METADATA,
    sa.Column("assignment", sa.Text(), primary_key=True),
    sa.Column("student", sa.Text(), primary_key=True),
    sa.Column("part", sa.Text(), primary_key=True),
    sa.Column("kind", sa.Text(), nullable=False),
    sa.Column("outcome", sa.Text(), nullable=False),
    sa.Column("points", sa.Float(), nullable=False),
    sa.Column("max_points", sa.Float(), nullable=False),
    sa.Column("sha256", sa.Text(), nullable=False),
    sa.Column("content_version", sa.Text(), nullable=False),
    sa.Column("graded", Moment(), nullable=False),
    sa.Column("seconds", sa.Float(), nullable=False),
    sa.Column("submitted", Moment()),
    # JSON in ASCII: a submission may hold what no database takes, NUL and half a character
    sa.Column("body", sa.Text(), nullable=False),
    sa.Column("times", sa.Integer(), nullable=False),
    sa.Column("booked", sa.Boolean(), nullable=False),
    sa.Index("ix_results_booked", "assignment", "booked", "student"),
)
_form = sa.Table("results_form", _METADATA, sa.Column("number", sa.Integer(), primary_key=True))
_FORM_FOUND = sa.select(sa.func.max(_form.c.number))
_KEY = ("assignment", "student", "part")
_PLAIN = (*_KEY, "kind", "outcome", "points", "max_points", "sha256", "content_version", "graded", "seconds")


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of one part of a student's submission, without reading the result itself."""

    outcome: str
    sha256: str
    content_version: str
    booked: bool


class Results:
    """An open database of results. ResultsError, which names it, for whatever cannot be done."""

    def __init__(self, url: str | sa.URL) -> None:
        self._url = sa.make_url(url)
        self.where = _shown(self._url)
        with self._telling():
            self._engine = _engine(self._url, self.where)
            self._open()

    @classmethod
    def of(cls, course: Course) -> Results:
        """The results of a course, made where there are none yet."""
        address = os.environ.get(ADDRESS, "").strip() or course.results
        if address:
            return cls(_understood(address))
        return cls(sa.URL.create("sqlite", database=str(course.folder / FILE)))

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def __enter__(self) -> Results:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------------ writing

    def put(self, result: Result) -> None:
        """Keep a result, in place of an earlier one of the same part. Committed when this returns."""
        self.put_all([result])

    def put_all(self, results: Iterable[Result]) -> None:
        """Keep several, all of them or none: the parts that one student handed in."""
        rows = [_row(result) for result in results]
        if not rows:
            return
        insert: Any = postgresql.insert if self._engine.dialect.name == "postgresql" else sqlite.insert
        statement = insert(_results)
        new = {column.name: statement.excluded[column.name] for column in _results.columns if column.name not in _KEY}
        new |= {"times": _results.c.times + 1}
        with self._writing() as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=list(_KEY), set_=new), rows)

    def book(self, results: Iterable[Result]) -> None:
        """Remember that the gradebook has these results; one that was replaced meanwhile still waits."""
        c = _results.c
        mine = [getattr(c, name) == sa.bindparam(f"its_{name}") for name in (*_KEY, "graded")]
        rows = [{f"its_{name}": getattr(result, name) for name in (*_KEY, "graded")} for result in results]
        if rows:
            with self._writing() as connection:
                connection.execute(sa.update(_results).where(*mine).values(booked=True), rows)

    def unbook(self, assignment: str) -> None:
        """Forget that the gradebook has them: it is a new one."""
        with self._writing() as connection:
            connection.execute(sa.update(_results).where(_results.c.assignment == assignment).values(booked=False))

    # ------------------------------------------------------------------ reading

    def get(self, assignment: str, student: str, part: str) -> Result | None:
        """One result; None where the part was never graded."""
        c = _results.c
        query = sa.select(_results).where(c.assignment == assignment, c.student == student, c.part == part)
        with self._reading() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else _result(row)

    def all(self, assignment: str) -> Iterator[Result]:
        """Every result of an assignment, by student, then part; a page at a time, whatever their number."""
        return self._paged(assignment)

    def of_student(self, assignment: str, student: str) -> list[Result]:
        """What one student's parts came to."""
        c = _results.c
        query = sa.select(_results).where(c.assignment == assignment, c.student == student).order_by(c.part)
        with self._reading() as connection:
            return [_result(row) for row in connection.execute(query).mappings()]

    def standing(self, assignment: str, student: str) -> dict[str, Standing]:
        """What is known of each part of one student's submission."""
        c = _results.c
        query = sa.select(c.part, c.outcome, c.sha256, c.content_version, c.booked)
        with self._reading() as connection:
            found = connection.execute(query.where(c.assignment == assignment, c.student == student)).all()
        return {part: Standing(*rest) for part, *rest in found}

    def unbooked(self, assignment: str) -> Iterator[str]:
        """The students with a result that the gradebook does not have, sorted; a page at a time."""
        c = _results.c
        last: str | None = None
        while True:
            query = sa.select(c.student).distinct().where(c.assignment == assignment, c.booked.is_(False))
            if last is not None:
                query = query.where(c.student > last)
            with self._reading() as connection:
                page = list(connection.execute(query.order_by(c.student).limit(_PAGE)).scalars())
            if not page:
                return
            yield from page
            last = page[-1]

    def counts(self, assignment: str) -> dict[str, int]:
        """How many parts of the assignment have each outcome."""
        c = _results.c
        query = sa.select(c.outcome, sa.func.count()).where(c.assignment == assignment).group_by(c.outcome)
        with self._reading() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def times(self, assignment: str) -> dict[tuple[str, str], int]:
        """How often each (student, part) was graded."""
        c = _results.c
        with self._reading() as connection:
            found = connection.execute(sa.select(c.student, c.part, c.times).where(c.assignment == assignment))
            return {(student, part): times for student, part, times in found}

    def _paged(self, assignment: str) -> Iterator[Result]:
        # Pages by key, not an open cursor: a reader that takes its time holds no transaction.
        c = _results.c
        after: tuple[str, str] | None = None
        while True:
            query = sa.select(_results).where(c.assignment == assignment)
            if after is not None:
                query = query.where(sa.or_(c.student > after[0], sa.and_(c.student == after[0], c.part > after[1])))
            with self._reading() as connection:
                page = connection.execute(query.order_by(c.student, c.part).limit(_PAGE)).mappings().all()
            for row in page:
                yield _result(row)
            if len(page) < _PAGE:
                return
            after = page[-1]["student"], page[-1]["part"]

    # --------------------------------------------------------------- connections

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with self._telling(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        with self._telling(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise _told(error, self.where) from None

    def _open(self) -> None:
        """Make the tables where they are missing. ResultsError for those of a later version."""
        if not self._there():
            try:
                self._make()
            except SQLAlchemyError:
                if not self._there():  # else another was faster
                    raise
        with self._engine.connect() as connection:
            form = connection.execute(_FORM_FOUND).scalar()
        if form != FORM:
            raise ResultsError(
                Text(
                    f"{self.where}: written by a later version of practice", f"{self.where}：由更新版本的 practice 写成"
                ),
                Text("update practice to read it", "请升级 practice 后再读取"),
            )

    def _make(self) -> None:
        """All tables or none, whoever else is at it."""
        with self._engine.connect() as connection:
            if connection.dialect.name == "sqlite":  # sqlite3 begins no transaction for CREATE TABLE of its own accord
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            _METADATA.create_all(connection)
            if connection.execute(_FORM_FOUND).scalar() is None:
                connection.execute(sa.insert(_form).values(number=FORM))
            connection.commit()

    def _there(self) -> bool:
        with self._engine.connect() as connection:
            return sa.inspect(connection).has_table(_form.name)


# --------------------------------------------------------------------------- rows


def _row(result: Result) -> dict[str, Any]:
    body = {
        "verdict": result.verdict,
        "source": result.source,
        "notes": [{"kind": note.kind, "text": [note.text.en, note.text.zh]} for note in result.notes],
        "fault": None if result.fault is None else [result.fault.en, result.fault.zh],
    }
    plain = {name: getattr(result, name) for name in _PLAIN}
    return {
        **plain,
        "submitted": result.submitted,
        "body": json.dumps(body),
        "times": 1,
        "booked": False,
    }


def _result(row: sa.RowMapping) -> Result:
    body = json.loads(row["body"])
    return Result(
        **{name: row[name] for name in _PLAIN},
        submitted=row["submitted"],
        verdict=body["verdict"],
        source=body["source"],
        notes=tuple(Note(note["kind"], Text(*note["text"])) for note in body["notes"]),
        fault=None if body["fault"] is None else Text(*body["fault"]),
    )


# ------------------------------------------------------------------------ engines


def _understood(address: str) -> sa.URL:
    try:
        url = sa.make_url(address)
    except (ArgumentError, ValueError):
        url = sa.URL.create("?")
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername not in ("postgresql+psycopg", "sqlite"):
        raise ResultsError(
            Text(
                f"the address of the course's results ({ADDRESS}, or `results:` in course.yaml) is not understood",
                f"课程结果的数据库地址（{ADDRESS} 或 course.yaml 中的 `results:`）无法识别",
            ),
            Text(
                "write postgresql://USER@HOST/NAME or sqlite:////PATH",
                "请写成 postgresql://USER@HOST/NAME 或 sqlite:////PATH",
            ),
        )
    return url


def _engine(url: sa.URL, where: str) -> sa.Engine:
    if url.get_backend_name() == "sqlite":
        return _sqlite(url)
    try:
        return sa.create_engine(url, connect_args={"connect_timeout": PATIENCE_SECONDS}, pool_pre_ping=True)
    except (ModuleNotFoundError, NoSuchModuleError):
        raise ResultsError(
            Text(f"{where}: needs a driver", f"{where}：需要驱动程序"),
            Text.same("pip install 'practice-llm[postgres]'"),
        ) from None


def _sqlite(url: sa.URL) -> sa.Engine:
    engine = sa.create_engine(url, connect_args={"timeout": PATIENCE_SECONDS})

    @event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA synchronous = FULL")  # a result that was reported is there after a power cut
        with suppress(sqlite3.OperationalError):  # what cannot be written can be read all the same
            connection.execute("PRAGMA journal_mode = WAL")  # a report reads while a cohort is graded

    return engine


def _shown(url: sa.URL) -> str:
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return without_password(url.render_as_string(hide_password=True).replace("+psycopg", ""))


def _told(error: Exception, where: str) -> ResultsError:
    original = getattr(error, "orig", None) or error
    why = " ".join((str(original).strip().splitlines() or [type(original).__name__])[0].split())[:200]
    remedy = Text("grade again when it can be used: nothing is lost", "恢复后再评一次即可：不会丢失任何结果")
    if "locked" in why:
        remedy = Text("close the program that uses it, and try again", "请关闭占用它的程序后重试")
    elif "readonly" in why or "unable to open" in why:
        folder = Path(where).parent
        remedy = Text(f"make it and {folder} writable", f"请让它和 {folder} 可写")
    elif "not a database" in why:
        remedy = Text("move it away, and a new one begins", "把它移走后会新建一个")
    return ResultsError(Text(f"{where}: {why}", f"{where}：{why}"), remedy)
