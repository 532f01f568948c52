"""The course's results: what is put comes back, on SQLite and on a real PostgreSQL, and nothing else does."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from course_postgres import a_server
from postgres_server import Server

from grader.course.course import Course
from grader.course.result import Note, Result
from grader.course.results import ADDRESS, Results, ResultsError
from grader.errors import Text

GRADED = datetime(2026, 3, 1, 12, 0, 0, 123456, UTC)


def result(student: str = "ada", part: str = "scale", **changes: object) -> Result:
    plain = Result(
        "ps1", student, part, "exercise", "failed", 1.0, 3.0, "abc", "c0ffee", GRADED, seconds=0.25, source="x = 1\n"
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    with a_server() as found:
        yield found


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'results.db'}"
    url: str = request.getfixturevalue("postgres").database()
    return url.replace("postgresql://", "postgresql+psycopg://")


@pytest.fixture
def open_results(address: str) -> Iterator[Callable[[], Results]]:
    opened: list[Results] = []

    def open_one() -> Results:
        opened.append(Results(address))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


@pytest.fixture
def results(open_results: Callable[[], Results]) -> Results:
    return open_results()


def test_a_result_comes_back_as_it_was(results: Results) -> None:
    kept = result(
        submitted=datetime(2026, 2, 28, 23, 0, tzinfo=timezone(timedelta(hours=8))),
        verdict={"checks": [{"id": "a", "title": ["one", "一"]}], "seconds": 0.1},
        source="halves \ud800 and nothing \0 and 中文\n",
        notes=(Note("forged", Text("a cell was changed", "有单元被改动")), Note("late", Text.same("x"))),
        fault=Text("we", "我们"),
        outcome="broken",
    )
    results.put(kept)
    assert results.get("ps1", "ada", "scale") == kept
    assert list(results.all("ps1")) == [kept]
    assert results.get("ps1", "ada", "other") is None
    assert results.get("ps2", "ada", "scale") is None


def test_a_later_result_takes_the_place_of_an_earlier(results: Results) -> None:
    results.put(result(notes=(Note("late", Text.same("x")),)))
    better = result(outcome="passed", points=3.0, sha256="def")
    results.put(better)
    assert list(results.all("ps1")) == [better]
    assert results.times("ps1") == {("ada", "scale"): 2}
    assert results.counts("ps1") == {"passed": 1}


def test_students_and_parts_come_in_order_whatever_their_number(results: Results) -> None:
    students = [f"s{number:04}" for number in range(250)]
    kept = [result(student, part) for student in students for part in ("b", "a")]
    results.put_all(reversed(kept))
    results.put(result("s0001", "a", assignment="ps2"))
    found = [(one.student, one.part) for one in results.all("ps1")]
    assert found == [(student, part) for student in students for part in ("a", "b")]
    assert [one.part for one in results.of_student("ps1", "s0007")] == ["a", "b"]
    assert list(results.unbooked("ps1")) == students


def test_what_is_read_while_it_is_written_is_complete(results: Results) -> None:
    results.put_all([result(f"s{number:04}") for number in range(400)])
    found = []
    for one in results.all("ps1"):
        found.append(one.student)
        results.put(result(one.student, points=2.0))
    assert found == [f"s{number:04}" for number in range(400)]


def test_only_what_stands_is_booked(results: Results) -> None:
    old = result()
    results.put_all([old, result("bob")])
    newer = result(graded=GRADED + timedelta(seconds=1))
    results.put(newer)  # while the gradebook was being written with the old one
    results.book([old])
    assert list(results.unbooked("ps1")) == ["ada", "bob"]
    results.book([newer, result("bob")])
    assert list(results.unbooked("ps1")) == []
    assert results.standing("ps1", "ada")["scale"].booked
    results.put(newer)
    assert list(results.unbooked("ps1")) == ["ada"]
    results.unbook("ps1")
    assert list(results.unbooked("ps1")) == ["ada", "bob"]


def test_a_put_of_several_is_all_or_nothing(results: Results) -> None:
    with pytest.raises(TypeError):
        results.put_all([result(), result("bob", verdict={"x": object()})])
    with pytest.raises(ResultsError):
        results.put_all([result("eve"), result("fay", outcome=None)])
    assert list(results.all("ps1")) == []


KILLED = """
import os, sys
from datetime import UTC, datetime
from grader.course.result import Result
from grader.course.results import Results
results = Results(sys.argv[1])
for number in range(10):
    results.put(Result("ps1", f"s{number}", "scale", "exercise", "passed", 1, 1, "", "", datetime.now(UTC)))
os.kill(os.getpid(), 9)
"""


def test_what_was_put_is_there_after_a_kill(address: str, open_results: Callable[[], Results]) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, address], check=False, timeout=60)
    assert done.returncode == -9
    assert [one.student for one in open_results().all("ps1")] == [f"s{number}" for number in range(10)]


def test_several_that_open_it_first_at_once(address: str) -> None:
    code = (
        "import sys; from grader.course.results import Results\n"
        "print('ready', flush=True); sys.stdin.readline(); Results(sys.argv[1]).counts('ps1')"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(6)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=60)
    assert [process.returncode for process in processes] == [0] * 6


def test_a_later_form_is_refused(address: str, open_results: Callable[[], Results]) -> None:
    import sqlalchemy as sa

    open_results()
    with sa.create_engine(address).begin() as connection:
        connection.execute(sa.text("UPDATE results_form SET number = 2"))
    with pytest.raises(ResultsError, match="written by a later version of practice"):
        open_results()


class TestWhere:
    def course(self, folder: Path, results: str = "") -> Course:
        return Course(folder, (), {}, results)

    def test_beside_the_course(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv(ADDRESS, raising=False)
        with Results.of(self.course(tmp_path)) as found:
            found.put(result())
        assert (tmp_path / "results.db").exists()

    def test_at_an_address(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres: Server) -> None:
        monkeypatch.delenv(ADDRESS, raising=False)
        url = postgres.database()
        with Results.of(self.course(tmp_path, url)) as found:
            found.put(result())
        monkeypatch.setenv(ADDRESS, url)
        with Results.of(self.course(tmp_path, "sqlite:////nowhere/else")) as found:
            assert found.get("ps1", "ada", "scale") == result()
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("address", ["nonsense", "mysql://a/b", "://"])
    def test_an_address_that_is_none(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
        monkeypatch.setenv(ADDRESS, address)
        with pytest.raises(ResultsError, match="is not understood\nwrite postgresql://USER@HOST/NAME"):
            Results.of(self.course(tmp_path))

    def test_nobody_listens_there(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        pytest.importorskip("psycopg")
        monkeypatch.setenv(ADDRESS, f"postgresql://who:secret@/x?host={tmp_path}")
        with pytest.raises(ResultsError) as caught:
            Results.of(self.course(tmp_path))
        assert "secret" not in str(caught.value)
        assert len(str(caught.value).splitlines()) == 2


class TestASpoiledFile:
    def test_is_no_database(self, tmp_path: Path) -> None:
        (tmp_path / "results.db").write_text("hello, I am no database at all")
        with pytest.raises(ResultsError, match=r"results\.db: file is not a database\nmove it away"):
            Results(f"sqlite:///{tmp_path / 'results.db'}")

    def test_is_in_use(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("grader.course.results.PATIENCE_SECONDS", 0.1)
        path = tmp_path / "results.db"
        with Results(f"sqlite:///{path}") as results:
            holder = sqlite3.connect(path, isolation_level=None)
            holder.execute("BEGIN EXCLUSIVE")
            with pytest.raises(ResultsError, match=r"results\.db: database is locked\nclose the program"):
                results.put(result())
            holder.execute("ROLLBACK")
            holder.close()
            results.put(result())
            assert results.get("ps1", "ada", "scale") == result()

    def test_cannot_be_made(self, tmp_path: Path) -> None:
        with pytest.raises(ResultsError, match=r"unable to open database file\nmake it and .* writable"):
            Results(f"sqlite:///{tmp_path / 'no' / 'results.db'}")
