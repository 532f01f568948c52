"""Cohorts on real nbgrader: what is graded, what is left alone, and that the gradebook is as nbgrader writes it."""

from __future__ import annotations

import fcntl
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat
import pytest
from cohort_ground import hand_in_all, name_of, results_of, start
from course_ground import DIVIDES, GOOD_ANSWER, IN_PLACE, RIGHT, Ground, cell_of
from course_postgres import a_server
from nbgrader.api import Gradebook
from postgres_server import Server

from grader.course import grading
from grader.course.grading import grade_part
from grader.course.handed import handed_in
from grader.errors import Text

ALL, SOME = 4.0, 2.0  # what RIGHT and DIVIDES earn
NAMES = ("with space", "quo'te\"s", "new\nline", "...", "-n", "*", "ünï", "日本")
STOPS_NBGRADER = ("new\nline", "*")
MIXED = {"ada": RIGHT, "bob": DIVIDES, "cat": IN_PLACE, "dan": None}


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    with a_server() as found:
        yield found


def grade(ground: Ground, *words: str, status: int | None = 0) -> str:
    return ground.practice("course", "grade", "ps1", *words, cwd=ground.folder, status=status)


def hand_in_mixed(ground: Ground) -> None:
    for student, code in MIXED.items():
        ground.hand_in(student, code)
    ground.answer("ada", {"gan": GOOD_ANSWER})
    ground.answer("eve", {"gan": "I do not know."})
    (ground.submitted("fay") / "scale.ipynb").write_text("{")
    for student in ("ada", "bob"):
        (ground.submitted(student) / "timestamp.txt").write_text("2026-01-02 03:04:05.000000 UTC")


def rows(url: str) -> dict[str, Any]:
    """Everything that nbgrader keeps of the submissions, by name."""
    found: dict[str, Any] = {}
    with Gradebook(url, "course") as book:
        for submission in book.assignment_submissions("ps1"):
            found[submission.student.id] = {
                "time": submission.timestamp,
                "late": submission.total_seconds_late,
                "score": submission.score,
                "notebooks": {
                    notebook.name: {
                        "penalty": notebook.late_submission_penalty,
                        "grades": {
                            each.name: (each.auto_score, each.manual_score, each.needs_manual_grade, each.max_score)
                            for each in notebook.grades
                        },
                        "comments": {each.name: each.comment for each in notebook.comments},
                    }
                    for notebook in submission.notebooks
                },
            }
    return found


def of_folder(ground: Ground) -> str:
    return f"sqlite:///{ground.folder / 'gradebook.db'}"


def test_the_gradebook_is_as_nbgrader_writes_it(course_ground: Ground, tmp_path: Path) -> None:
    hand_in_mixed(course_ground)
    with (course_ground.folder / "nbgrader_config.py").open("a") as config:
        config.write('\nc.LateSubmissionPlugin.penalty_method = "zero"\n')
    with Gradebook(of_folder(course_ground), "course") as book:
        book.update_or_create_assignment("ps1", duedate=datetime(2026, 1, 2))
    ours = Ground(tmp_path / "ours", course_ground.runtime)
    shutil.copytree(course_ground.root, ours.root)
    course_ground.nbgrader("autograde", "ps1")
    out = grade(ours)
    theirs, mine = rows(of_folder(course_ground)), rows(of_folder(ours))
    assert mine == theirs
    assert mine["ada"]["late"] == 3 * 3600 + 4 * 60 + 5
    assert mine["ada"]["notebooks"]["scale"]["penalty"] == 4.0
    assert "6 submissions; 12 parts graded" in out
    grade(ours, "--force")
    assert rows(of_folder(ours)) == theirs, "written again it is the same"


def test_feedback_and_export_go_on_from_it(course_ground: Ground) -> None:
    hand_in_mixed(course_ground)
    grade(course_ground)
    course_ground.nbgrader("generate_feedback", "ps1")
    page = (course_ground.folder / "feedback/bob/ps1/scale.html").read_text()
    assert "Score: 0.0 / 2.0" in page
    course_ground.nbgrader("export")
    exported = (course_ground.folder / "grades.csv").read_text()
    assert len(exported.splitlines()) == 7
    again = course_ground.nbgrader("autograde", "ps1")
    assert "Skipping existing assignment" in again


def test_nothing_forged_gets_into_the_autograded_notebook(course_ground: Ground) -> None:
    def forge(notebook: nbformat.NotebookNode) -> None:
        check = notebook.cells[-1]
        check.source = "print('FORGED')"
        check.metadata["nbgrader"]["points"] = 1000
        check.outputs = [nbformat.v4.new_output("execute_result", {"text/plain": "1000"})]
        notebook.cells.append(nbformat.v4.new_code_cell("FORGED = 1"))

    course_ground.hand_in("mallory", DIVIDES, change=forge)
    grade(course_ground)
    file = course_ground.folder / "autograded/mallory/ps1/scale.ipynb"
    made = nbformat.read(file, as_version=4)
    nbformat.validate(made)
    assert "print('FORGED')" not in file.read_text()
    assert "1000" not in file.read_text()
    assert "x / factor" in cell_of(made, "scale").source
    assert rows(of_folder(course_ground))["mallory"]["score"] == SOME


class TestWhatIsStale:
    def test_only_what_changed_is_graded_again(self, course_ground: Ground) -> None:
        hand_in_mixed(course_ground)
        grade(course_ground)
        assert "0 parts graded, 12 unchanged" in grade(course_ground)
        course_ground.hand_in("bob", RIGHT)
        assert "1 parts graded, 11 unchanged" in grade(course_ground)
        assert rows(of_folder(course_ground))["bob"]["score"] == ALL
        with results_of(course_ground) as results:
            assert {key for key, times in results.times("ps1").items() if times > 1} == {("bob", "scale")}

    def test_changed_content_makes_all_stale(self, course_ground: Ground) -> None:
        hand_in_mixed(course_ground)
        grade(course_ground)
        own = next(root for root in course_ground.course.roots if (root / "solutions/scale").is_dir())
        checks = own / "solutions/scale/checks.py"
        before = checks.read_text()
        try:
            checks.write_text(before + "\n# another version\n")
            assert "6 parts graded, 6 unchanged" in grade(course_ground)
        finally:
            checks.write_text(before)

    def test_a_lost_autograded_notebook_is_made_again(self, course_ground: Ground) -> None:
        course_ground.hand_in("ada", RIGHT)
        grade(course_ground)
        file = course_ground.folder / "autograded/ada/ps1/scale.ipynb"
        file.unlink()
        assert "1 parts graded, 1 unchanged" in grade(course_ground)
        assert file.exists()

    def test_force_and_student(self, course_ground: Ground) -> None:
        hand_in_mixed(course_ground)
        assert "2 submissions; 4 parts graded" in grade(course_ground, "--student", "[ab]*")
        assert "1 submissions; 2 parts graded" in grade(course_ground, "--student", "ada", "--force")
        with results_of(course_ground) as results:
            assert {student for student, _ in results.times("ps1")} == {"ada", "bob"}

    def test_resume_reads_only_what_has_no_result(self, course_ground: Ground) -> None:
        course_ground.hand_in("ada", RIGHT)
        grade(course_ground)
        course_ground.hand_in("ada", DIVIDES)
        course_ground.hand_in("bob", RIGHT)
        assert "2 parts graded, 2 unchanged" in grade(course_ground, "--resume")
        assert rows(of_folder(course_ground))["ada"]["score"] == ALL

    def test_a_new_gradebook_is_filled_from_the_results(self, course_ground: Ground) -> None:
        empty = (course_ground.folder / "gradebook.db").read_bytes()
        hand_in_mixed(course_ground)
        grade(course_ground)
        before = rows(of_folder(course_ground))
        (course_ground.folder / "gradebook.db").write_bytes(empty)
        assert "0 parts graded" in grade(course_ground)
        assert rows(of_folder(course_ground)) == before

    def test_what_a_person_wrote_stays(self, course_ground: Ground) -> None:
        course_ground.hand_in("ada", DIVIDES)
        course_ground.answer("ada", {"gan": GOOD_ANSWER})
        grade(course_ground)
        with Gradebook(of_folder(course_ground), "course") as book:
            for grade_ in book.find_submission_notebook("questions", "ps1", "ada").grades:
                grade_.manual_score, grade_.needs_manual_grade = 4.5, False
            for comment in book.find_submission_notebook("questions", "ps1", "ada").comments:
                comment.manual_comment = "well said"
            book.db.commit()
        grade(course_ground, "--force")
        found = rows(of_folder(course_ground))["ada"]["notebooks"]["questions"]
        (marks,) = found["grades"].values()
        assert marks[1:3] == (4.5, True), "kept, and to be looked at again"
        assert found["comments"] == {"gan": "well said"}


class TestOurFault:
    """A fault of ours is broken: told, never zero, graded again by the next run."""

    def break_content(self, ground: Ground) -> Path:
        checks = next(root for root in ground.course.roots if (root / "solutions/scale").is_dir())
        return checks / "solutions/scale/checks.py"

    def test_is_told_and_costs_nothing(self, course_ground: Ground) -> None:
        course_ground.hand_in("ada", RIGHT)
        checks = self.break_content(course_ground)
        before = checks.read_text()
        try:
            checks.write_text(before.replace("import", "import no_such_module\nimport", 1))
            out = grade(course_ground, status=1)
        finally:
            checks.write_text(before)
        assert "1  broken" in out
        assert "! ada · scale:" in out
        assert "costs nobody marks" in out
        marks = rows(of_folder(course_ground))["ada"]["notebooks"]["scale"]["grades"].values()
        assert {(score, manual) for score, _, manual, _ in marks} == {(None, True)}
        assert "1 parts graded, 1 unchanged" in grade(course_ground, "--resume")
        assert rows(of_folder(course_ground))["ada"]["score"] == ALL

    def test_without_strict_confinement_nothing_runs(
        self, course_ground: Ground, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        course_ground.hand_in("ada", RIGHT)
        monkeypatch.setattr(grading, "isolation_here", lambda: ("partial", Text.same("")))
        course = course_ground.course
        assignment = course.assignment("ps1")
        (handed, _) = handed_in(course_ground.submitted("ada"), course, assignment)
        result = grade_part(handed, "ada", assignment, course)
        assert result.outcome == "broken"
        assert result.verdict is None
        assert result.fault is not None
        assert "--allow-unconfined" in result.fault.en


class TestBadInput:
    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["ps1", "--resume", "--force"], "--resume and --force exclude each other"),
            (["ps1", "--workers", "2", "--cluster", "tcp://a:1"], "--workers is for this machine"),
            (["ps1"], "nothing was handed in: "),
            (["ps2"], "there is no assignment 'ps2'"),
            (["ps1", "--course", "/"], "holds no course.yaml"),
        ],
    )
    def test_is_two_lines(self, course_ground: Ground, words: list[str], said: str) -> None:
        out = course_ground.practice("course", "grade", *words, cwd=course_ground.folder, status=2)
        assert said in out
        assert len(out.strip().splitlines()) == 2

    def test_nothing_released(self, course_ground: Ground) -> None:
        course_ground.hand_in("ada", RIGHT)
        (course_ground.folder / "gradebook.db").unlink()
        out = grade(course_ground, status=2)
        assert "knows no assignment 'ps1'" in out
        assert "practice course release ps1" in out

    def test_a_locked_gradebook(self, course_ground: Ground) -> None:
        course_ground.hand_in("ada", RIGHT)
        holder = sqlite3.connect(course_ground.folder / "gradebook.db", isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
        out = grade(course_ground, status=2)
        assert "gradebook.db: database is locked" in out
        holder.execute("ROLLBACK")
        holder.close()
        grade(course_ground, "--resume")
        assert rows(of_folder(course_ground))["ada"]["score"] == ALL

    def test_one_run_at_a_time(self, course_ground: Ground) -> None:
        course_ground.hand_in("ada", RIGHT)
        with (course_ground.folder / ".grading.lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            assert "is being graded already" in grade(course_ground, status=2)
        grade(course_ground)

    def test_names_of_students(self, course_ground: Ground) -> None:
        for name in NAMES:
            course_ground.hand_in(name, RIGHT)
        course_ground.hand_in("zoe", DIVIDES)
        out = grade(course_ground, status=1)
        scores = {student: found["score"] for student, found in rows(of_folder(course_ground)).items()}
        assert scores == dict.fromkeys(set(NAMES) - {"...", *STOPS_NBGRADER}, ALL) | {"zoe": SOME}
        for name in STOPS_NBGRADER:
            assert f"submitted/{name!r}: nbgrader cannot have" in out

    def test_a_name_that_is_no_text_leaves_the_others(self, course_ground: Ground) -> None:
        course_ground.hand_in("ada", RIGHT)
        course_ground.hand_in("b\udcffd", RIGHT)
        assert "submitted/'b\\udcffd': the name is not UTF-8" in grade(course_ground, status=1)
        assert set(rows(of_folder(course_ground))) == {"ada"}


def test_postgresql_for_results_and_gradebook(course_ground: Ground, postgres: Server) -> None:
    url = postgres.database().replace("postgresql://", "postgresql+psycopg://")
    with (course_ground.folder / "nbgrader_config.py").open("a") as config:
        config.write(f"\nc.CourseDirectory.db_url = {url!r}\n")
    with (course_ground.folder / "course.yaml").open("a") as file:
        file.write(f'results: "{postgres.database()}"\n')
    course_ground.release()
    hand_in_mixed(course_ground)
    course_ground.hand_in("x" * 200, RIGHT)  # longer than nbgrader's column
    out = grade(course_ground, status=1)
    assert f"{'x' * 200}: " in out, "the gradebook refused one, and said so"
    scores = {student: found["score"] for student, found in rows(url).items()}
    assert scores["ada"] > ALL
    assert set(scores) == {"ada", "bob", "cat", "dan", "eve", "fay"}
    with results_of(course_ground) as results:
        assert len(results.times("ps1")) == 14
    assert not (course_ground.folder / "results.db").exists()


def test_the_others_are_graded_while_one_hangs_and_one_eats_memory(course_ground: Ground) -> None:
    sources = hand_in_all(course_ground, 4)
    course_ground.hand_in("hangs", "def scale(x, *, factor):\n    while True: pass\n")
    course_ground.hand_in("eats", "def scale(x, *, factor):\n    return bytearray(1 << 40)\n")
    started = start(course_ground)
    started.ended()
    with results_of(course_ground) as results:
        found = {result.student: result.outcome for result in results.all("ps1") if result.part == "scale"}
    assert found == {name_of(0): "passed", name_of(1): "failed", name_of(2): "failed", name_of(3): "passed"} | {
        "hangs": "failed",
        "eats": "failed",
    }
    assert len(sources) == 4
