"""What an instructor does out of turn: each time one or two lines and a status, in both languages, and nothing lost."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from course_ground import ASSIGNMENT, DIVIDES, RIGHT, Ground
from nbgrader.api import Gradebook
from odd_ground import marks, scale_of

from grader.course.course import Course
from grader.course.files import LEFT
from grader.course.results import Results

sys.path.append(str(Path(__file__).parents[1] / "faults"))
from faults_enclosure import enclosure

GRADE = ("course", "grade", ASSIGNMENT)
REPORT = ("course", "report", ASSIGNMENT)
EXPORT = ("course", "export", ASSIGNMENT, "--format", "csv")
RELEASE = ("course", "release", ASSIGNMENT, "--no-exchange")


def told(said: str, *words: str) -> None:
    """An error in one or two lines, with these words in it."""
    assert len(said.strip().splitlines()) <= 2, said
    assert "Traceback" not in said
    for word in words:
        assert word in said


def results(ground: Ground) -> dict[str, set[str]]:
    """The kinds of the notes on each student's exercise."""
    with Results.of(ground.course) as journal:
        return {
            result.student: {note.kind for note in result.notes}
            for result in journal.all(ASSIGNMENT)
            if result.part == "scale"
        }


class TestReleasedAgain:
    """The hand-out was changed while students worked on the first one, and some are graded."""

    @pytest.fixture(scope="class")
    @staticmethod
    def again(tmp_path_factory: pytest.TempPathFactory, released: Path, runtime: Path) -> Ground:
        ground = Ground(released, runtime).copied(tmp_path_factory.mktemp("again") / "ground")
        ground.hand_in("first", RIGHT)
        ground.hand_in("second", DIVIDES)
        forged = ground.hand_in("forger", DIVIDES)
        forged.write_text(forged.read_text().replace('"points": 1.0', '"points": 1000.0'))
        ground.practice(*GRADE, "--student", "first", cwd=ground.folder)
        with Gradebook(f"sqlite:///{ground.folder / 'gradebook.db'}") as book:
            book.find_grade("test_runs", "scale", ASSIGNMENT, "first").manual_score = 0.5
            book.db.commit()
        checks = ground.content / "solutions/scale/checks.py"
        checks.write_text(checks.read_text().replace("points=2", "points=3"))
        statement = ground.content / "exercises/scale/statement.en.md"
        statement.write_text(f"{statement.read_text()}\nAnd mind the sign.\n")
        ground.practice(*RELEASE, "--force", cwd=ground.folder)
        ground.hand_in("third", RIGHT)
        ground.practice(*GRADE, cwd=ground.folder)
        return ground

    def test_nobody_is_said_to_have_forged_what_was_handed_out(self, again: Ground) -> None:
        assert results(again) == {
            "first": {"version"},
            "second": {"version"},
            "third": set(),
            "forger": {"version", "forged"},
        }

    def test_everybody_has_the_points_of_now_and_what_a_person_entered_stays(self, again: Ground) -> None:
        found = marks(again)
        assert {student: scale_of(cells) for student, cells in found.items()} == {
            "first": 4.5,
            "second": 2.0,
            "third": 5.0,
            "forger": 2.0,
        }
        assert found["first"]["test_runs"] == 0.5


def test_a_release_that_was_killed_is_made_good_by_the_next(course_ground: Ground) -> None:
    folder = course_ground.folder
    command = course_ground.command("course", "release", "ps2", "--exercises", "scale", "--no-exchange")
    process = subprocess.Popen(
        command, cwd=folder, env=course_ground.variables, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not (folder / "source" / "ps2").is_dir() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    os.killpg(process.pid, signal.SIGKILL)  # nbgrader's part as well
    process.wait()
    assert {ASSIGNMENT, "ps2"} == set(Course.open(folder).assignments)
    left = folder / "source" / "ps2" / ".scale.ipynb.1.new"
    left.write_text("half")  # whether the kill has met a write or not
    assert left.match(LEFT)
    course_ground.practice("course", "release", "ps2", "--no-exchange", cwd=folder)
    assert {path.name for path in (folder / "release" / "ps2").iterdir()} == {"scale.ipynb"}
    assert {path.name for path in (folder / "source" / "ps2").iterdir()} == {"scale.ipynb"}


def test_a_course_that_cannot_be_written(course_ground: Ground) -> None:
    course_ground.hand_in("ann", RIGHT)
    folder = course_ground.folder
    with enclosure(f"mount --bind '{folder}' '{folder}'", f"mount -o remount,ro,bind '{folder}'") as machine:
        for words, what in (
            (GRADE, "Read-only file system"),
            (REPORT, "unable to open database file"),
            (RELEASE, "cannot be written: Read-only file system"),
        ):
            done = subprocess.run(
                machine.wrapped(course_ground.command(*words), folder), env=course_ground.variables,
                capture_output=True, text=True, encoding="utf-8", check=False, timeout=300, stdin=subprocess.DEVNULL,
            )  # fmt: skip
            assert (done.returncode, done.stdout) == (2, "")
            told(done.stderr, what)


def test_a_gradebook_of_another_version_of_nbgrader(course_ground: Ground) -> None:
    """Said once, not for each student, and before anything is graded."""
    course_ground.hand_in("ann", RIGHT)
    with sqlite3.connect(course_ground.folder / "gradebook.db") as database:
        database.execute("ALTER TABLE grade RENAME COLUMN extra_credit TO bonus")
    for words, what in (
        ((*GRADE, "--lang", "zh"), "gradebook.db：由其他版本的 nbgrader 建立：grade 没有 extra_credit"),
        (EXPORT, "gradebook.db: no such column"),
    ):
        told(course_ground.practice(*words, cwd=course_ground.folder, status=2), what, "nbgrader db upgrade")


def test_a_part_that_is_not_there_any_more_is_named_with_its_file(course_ground: Ground) -> None:
    course_ground.hand_in("ann", RIGHT)
    file = course_ground.folder / "course.yaml"
    before = file.read_text(encoding="utf-8")
    file.write_text(before.replace("[scale]", "[scale, gone]"), encoding="utf-8")
    for words in (GRADE, REPORT, RELEASE):
        said = course_ground.practice(*words, cwd=course_ground.folder, status=2)
        told(said, "course.yaml: ps1: there is no exercise 'gone'")
    file.write_text(before.replace("[gan]", "[gan, gone]"), encoding="utf-8")
    said = course_ground.practice(*GRADE, "--lang", "zh", cwd=course_ground.folder, status=2)
    told(said, "course.yaml：ps1：没有问题 'gone'")


def test_a_course_without_assignments_says_how_to_make_one(course_ground: Ground) -> None:
    file = course_ground.folder / "course.yaml"
    file.write_text(file.read_text(encoding="utf-8").partition("assignments:")[0] + "assignments:\n", encoding="utf-8")
    for words in (GRADE, RELEASE):
        said = course_ground.practice(*words, cwd=course_ground.folder, status=2)
        told(said, "course.yaml: there is no assignment 'ps1'", "practice course release ps1")
