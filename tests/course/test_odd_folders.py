"""One student's odd folder, a gradebook that is locked: named, with the remedy, and nobody else suffers."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from cohort_ground import hand_in_all, results_of, start
from course_ground import ASSIGNMENT, DIVIDES, RIGHT, Ground
from formgrader_server import formgrading
from odd_ground import marks, scale_of

from grader.course.cluster import lost
from grader.course.cohort import BATCH, Done, Order, Run, Wishes, Work, grade_student, order_of
from grader.course.folders import refused_name, submitted_at
from grader.course.gradebook import Gradebook
from grader.course.plain_files import _init_notebooks
from grader.course.preprocessor import SubmissionExporter

STOPS_NBGRADER = ("new\nline", "[ab]")
OVERRIDE = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH: what lets root read everything
TIMES = {
    "aaa-path": "2026-11-30 10:00:00 /etc/passwd",
    "above": "2026-11-30 10:00:00 ../../etc/passwd",
    "zone": "2026-11-30 10:00:00+25:00",
    "junk": "not a time at all",
    "end-of-time": "9999-12-31 23:59:59 UTC",
    "binary": "\x00\x01",
}


def grade(ground: Ground, *words: str, status: int | None = 0) -> str:
    return ground.practice("course", "grade", ASSIGNMENT, *words, cwd=ground.folder, status=status)


class TestNames:
    @pytest.mark.parametrize("name", ["ann", "with space", "quo'te\"s", "-n", "日本", "<b>", "a]"])
    def test_others_are_taken(self, name: str) -> None:
        assert refused_name(name) is None

    def test_nbgrader_grades_the_others(self, course_ground: Ground) -> None:
        for student in (*STOPS_NBGRADER, "ann", "zoe"):
            course_ground.hand_in(student, RIGHT)
        said = course_ground.nbgrader("autograde", ASSIGNMENT)
        for name in STOPS_NBGRADER:
            assert f"submitted/{name!r}: nbgrader cannot have" in said
        assert "rename the folder" in said
        assert {student: scale_of(found) for student, found in marks(course_ground).items()} == {"ann": 4, "zoe": 4}

    def test_feedback_is_made_for_the_others(self, course_ground: Ground) -> None:
        course_ground.hand_in("zoe", RIGHT)
        grade(course_ground)
        done = course_ground.folder / "autograded"
        for name in STOPS_NBGRADER:  # by an earlier version
            shutil.copytree(done / "zoe", done / name)
        assert "rename the folder" in course_ground.nbgrader("generate_feedback", ASSIGNMENT)
        assert [path.name for path in (course_ground.folder / "feedback").iterdir()] == ["zoe"]


@contextmanager
def without_roots_rights() -> Iterator[None]:
    """This thread reads what its user may, also where that is root."""
    if os.geteuid():
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    head, before = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(head, before) == 0
    less = (ctypes.c_uint32 * 6)(*before)
    less[0] &= ~OVERRIDE
    assert libc.capset(head, less) == 0
    try:
        yield
    finally:
        assert libc.capset(head, before) == 0


class TestUnreadable:
    @pytest.fixture(params=["folder", "parent"])
    def closed(self, request: pytest.FixtureRequest, course_ground: Ground) -> Iterator[Ground]:
        """Of two students, the first one's folder cannot be entered."""
        folder = course_ground.hand_in("ann", RIGHT).parent
        course_ground.hand_in("bob", RIGHT)
        closed = folder if request.param == "folder" else folder.parent
        closed.chmod(0)
        yield course_ground
        closed.chmod(0o700)

    def test_is_that_students_result(self, closed: Ground) -> None:
        order = order_of(closed.course, ASSIGNMENT, Wishes())
        with without_roots_rights():
            there = dict(closed.course.submissions(ASSIGNMENT))
            done = grade_student(order, Work("ann", there["ann"], {}))
        assert list(there) == ["ann", "bob"]
        assert done.stop is None
        for result in done.results:
            assert result.outcome == "unreadable"
            assert "Permission denied" in result.notes[0].text.en
            assert "chmod -R u+rwX submitted/ann/ps1" in result.notes[0].text.en

    def test_nbgrader_names_it_and_has_the_others(self, closed: Ground) -> None:
        said: list[str] = []
        where = SimpleNamespace(
            root=str(closed.folder), assignment_id=ASSIGNMENT, student_id="*", notebook_id="*", assignments={}
        )
        converter = SimpleNamespace(
            coursedir=where,
            exporter_class=SubmissionExporter,
            log=SimpleNamespace(error=lambda form, *words: said.append(form % words), warning=lambda *_: None),
            _format_source=lambda name, student: str(closed.folder / "submitted" / student / name),
        )
        with without_roots_rights():
            _init_notebooks(converter)
        assert [Path(folder).parent.name for folder in converter.assignments] == ["bob"]
        assert len(said) == 1
        assert "chmod -R u+rwX submitted/ann/ps1" in said[0]


def test_an_autograded_folder_that_cannot_be_written_is_that_students(course_ground: Ground) -> None:
    for student in ("ann", "bob"):
        course_ground.hand_in(student, RIGHT)
    (course_ground.folder / "autograded").mkdir()
    (course_ground.folder / "autograded" / "ann").write_text("in the way")
    said = grade(course_ground, status=1)
    assert "! ann · scale:" in said
    assert "autograded/ann" in said
    assert scale_of(marks(course_ground)["bob"]) == 4
    (course_ground.folder / "autograded" / "ann").unlink()
    grade(course_ground)
    assert scale_of(marks(course_ground)["ann"]) == 4


class _Quick:
    """Work that is done at once; before the student with the number, something happens."""

    def __init__(self, at: dict[int, Iterator[None]]) -> None:
        self._at = at

    def carry_out(self, order: Order, works: Iterator[Work]) -> Iterator[Done]:
        for number, work in enumerate(works):
            if number in self._at:
                next(self._at[number], None)
            yield lost(order, work)


class TestALockedGradebook:
    def run(self, ground: Ground, until: int, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
        """Somebody holds the gradebook from the second student on; how many it has in the end, and what is told."""
        monkeypatch.setattr("grader.course.cohort.BETWEEN", 0.01)
        for number in range(BATCH * 2 + 1):
            ground.submitted(f"s{number:02}")

        def held() -> Iterator[None]:
            holder = sqlite3.connect(ground.folder / "gradebook.db", isolation_level=None)
            holder.execute("BEGIN EXCLUSIVE")
            yield
            holder.execute("ROLLBACK")
            holder.close()

        holding = held()
        order = order_of(ground.course, ASSIGNMENT, Wishes())
        with results_of(ground) as results, Gradebook(ground.course, ASSIGNMENT) as book:
            tally = Run(ground.course, order, Wishes(), results, book).grade(_Quick({1: holding, until: holding}))
            assert tally.students == BATCH * 2 + 1, "all are graded"
            next(holding, None)
            waiting = len(list(results.unbooked(ASSIGNMENT)))
        entered = len(marks(ground))
        assert entered + waiting == BATCH * 2 + 1, "what is not entered waits for the next run"
        return entered, " ".join(text.en for text in tally.told)

    def test_for_a_moment_costs_nothing(self, course_ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.run(course_ground, BATCH + 5, monkeypatch) == (BATCH * 2 + 1, "")

    def test_to_the_end_is_told_with_the_remedy(self, course_ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
        entered, told = self.run(course_ground, 1000, monkeypatch)
        assert entered == 0
        assert f"the marks of {BATCH * 2 + 1} students are not in the gradebook yet" in told
        assert "close the program that uses it" in told
        assert "--resume" in told


def test_an_interrupted_run_says_what_is_kept(course_ground: Ground) -> None:
    hand_in_all(course_ground, 60)
    started = start(course_ground)
    assert started.wait_for(2)
    started.process.send_signal(signal.SIGINT)
    _, said = started.process.communicate(timeout=120)
    assert started.process.returncode == 130
    assert "Interrupted. What was graded is kept: the same command with --resume goes on." in said


def test_a_path_that_is_too_long_does_not_open_the_guard_against_links(course_ground: Ground) -> None:
    secret = course_ground.root / "secret.txt"
    secret.write_text("SECRET")
    folder = course_ground.hand_in("mallory", RIGHT).parent
    course_ground.hand_in("zoe", RIGHT)
    (folder / "aa").mkdir()
    (folder / "zz").mkdir()
    (folder / "zz" / "link.txt").symlink_to(secret)
    here = os.open(folder / "aa", os.O_RDONLY)
    for _ in range(25):
        os.mkdir("n" * 200, dir_fd=here)
        below = os.open("n" * 200, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    course_ground.nbgrader("autograde", ASSIGNMENT)
    assert {student: scale_of(found) for student, found in marks(course_ground).items()} == {"mallory": 4, "zoe": 4}
    copied = sorted(path.name for path in (course_ground.folder / "autograded/mallory/ps1").iterdir())
    assert copied == ["scale.ipynb"]
    assert (folder / "zz" / "link.txt.set-aside").is_symlink()
    shutil.rmtree(folder)


class TestTimes:
    def test_a_bad_one_stops_neither_formgrader_nor_either_way_of_grading(
        self, course_ground: Ground, tmp_path: Path
    ) -> None:
        for student, text in TIMES.items():
            (course_ground.hand_in(student, RIGHT).parent / "timestamp.txt").write_text(text)
        (course_ground.hand_in("link", RIGHT).parent / "timestamp.txt").symlink_to("/dev/zero")
        (course_ground.hand_in("zoe", DIVIDES).parent / "timestamp.txt").write_text("2026-01-02 03:04:05.5 UTC")
        with (course_ground.folder / "nbgrader_config.py").open("a") as config:
            config.write('\nc.NbGraderAPI.timezone = "Asia/Shanghai"\n')
        theirs = course_ground.copied(tmp_path / "theirs")
        said = theirs.nbgrader("autograde", ASSIGNMENT)
        assert "Traceback" not in said
        grade(course_ground)
        assert marks(theirs) == marks(course_ground)
        assert {student for student, found in marks(theirs).items() if scale_of(found) == 4} == {*TIMES, "link"}
        for ground in (theirs, course_ground):
            assert not (ground.folder / "autograded/junk/ps1/timestamp.txt").exists()
            with formgrading(ground) as formgrader:
                found = {each["student"]: each["timestamp"] for each in formgrader.api("submissions", ASSIGNMENT)}
                assert found == dict.fromkeys([*TIMES, "link"]) | {"zoe": "2026-01-02T03:04:05.500000"}
                for student in found:
                    assert formgrader.api("student_submissions", student)
            log = (ground.root / "jupyter.log").read_text(errors="replace")
            assert "Traceback" not in log

    @pytest.mark.parametrize(
        "text",
        [
            "2026-01-02 03:04:05.000000 UTC", "2026-01-02 03:04:05", "2026-01-02T03:04:05Z",
            "2026-01-02 03:04:05+00:00",
            "2026-01-02 11:04:05 Asia/Shanghai", "2026-01-02 11:04:05 +0800\n",
        ],
    )  # fmt: skip
    def test_those_that_nbgrader_writes(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "timestamp.txt").write_text(text)
        assert submitted_at(tmp_path) == (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), ())
