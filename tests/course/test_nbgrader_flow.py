"""The whole way of an assignment through real nbgrader: from the exchange to the feedback that students fetch."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import nbformat
import pytest
from course_ground import ASSIGNMENT, COURSE_ID, DIVIDES, GOOD_ANSWER, IN_PLACE, RIGHT, Ground, cell_of
from nbgrader.api import Gradebook

# Half a mark off for each day, as nbgrader has it computed by a plugin of the instructor's.
PLUGIN = """\
from nbgrader.plugins import BasePlugin

class HalfADay(BasePlugin):
    def late_submission_penalty(self, student_id, score, total_seconds_late):
        return round(total_seconds_late / 86400) * 0.5
"""
CODE = {"ann": RIGHT, "bob": IN_PLACE, "cyd": DIVIDES}
SCRIPT = "<script>alert('gan')</script>"


class Flow(Ground):
    """A ground where students fetch and submit by nbgrader's own commands."""

    def student(self, name: str) -> Path:
        """A student's folder, configured as a course tells its students."""
        folder = self.root / "students" / name
        if not folder.is_dir():
            folder.mkdir(parents=True)
            (folder / "nbgrader_config.py").write_text(
                f"c = get_config()\nc.CourseDirectory.course_id = {COURSE_ID!r}\n"
                f"c.Exchange.root = {str(self.exchange)!r}\n"
                f"c.Exchange.cache = {str(folder / 'cache')!r}\n"
            )
        return folder

    def gradebook(self) -> Gradebook:
        return Gradebook(f"sqlite:///{self.folder / 'gradebook.db'}")

    def marks(self, student: str) -> dict[str, float]:
        """The score of each cell."""
        with self.gradebook() as book:
            submission = book.find_submission(ASSIGNMENT, student)
            return {grade.name: grade.score for notebook in submission.notebooks for grade in notebook.grades}


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory, runtime: Path) -> Flow:
    """Everything once: each of nbgrader's commands takes seconds."""
    flow = Flow(tmp_path_factory.mktemp("flow") / "ground", runtime)
    flow.lay()
    (flow.folder / "late.py").write_text(PLUGIN)
    with (flow.folder / "nbgrader_config.py").open("a") as config:
        config.write('c.AssignLatePenalties.plugin_class = "late.HalfADay"\n')
    flow.practice("course", "release", ASSIGNMENT, "--exercises", "scale", "--questions", "gan", cwd=flow.folder)
    for student, code in CODE.items():
        folder = flow.student(student)
        flow.nbgrader("fetch_assignment", ASSIGNMENT, cwd=folder)
        for part, text in (("scale", code), ("questions", GOOD_ANSWER + SCRIPT if student == "ann" else None)):
            path = folder / ASSIGNMENT / f"{part}.ipynb"
            notebook = nbformat.read(path, as_version=4)
            if text is not None:
                cell_of(notebook, "gan" if part == "questions" else part).source = text
            path.write_text(nbformat.writes(notebook))
        flow.nbgrader("submit", ASSIGNMENT, "--student", student, cwd=folder)
    flow.nbgrader("collect", ASSIGNMENT)
    # a due date two days before what ann and bob handed in says; cyd is in time
    with flow.gradebook() as book:
        book.update_or_create_assignment(ASSIGNMENT, duedate="2026-03-01 12:00:00.000000 UTC")
    for student, day in {"ann": 3, "bob": 3, "cyd": 1}.items():
        stamp = flow.folder / "submitted" / student / ASSIGNMENT / "timestamp.txt"
        assert stamp.is_file()
        stamp.write_text(f"2026-03-0{day} 12:00:00.000000 UTC")
    flow.nbgrader("autograde", ASSIGNMENT)
    flow.nbgrader("generate_feedback", ASSIGNMENT)
    flow.nbgrader("release_feedback", ASSIGNMENT)
    flow.nbgrader("export")
    return flow


def test_marks_are_those_of_the_examiner_check_by_check(flow: Flow) -> None:
    ann, bob, cyd = (flow.marks(student) for student in CODE)
    assert {name: score for name, score in ann.items() if name != "gan"} == {
        "test_runs": 1,
        "test_values": 2,
        "test_keeps_its_input": 1,
    }
    assert bob == {"gan": 0, "test_runs": 1, "test_values": 2, "test_keeps_its_input": 0}
    assert cyd["test_values"] == 0


def test_an_answers_score_is_proposed_and_waits_to_be_confirmed(flow: Flow) -> None:
    with flow.gradebook() as book:
        where = ("gan", "questions", ASSIGNMENT)
        answered, unanswered = (book.find_grade(*where, student) for student in ("ann", "bob"))
        assert answered.needs_manual_grade
        assert 0 < answered.auto_score <= 5
        assert answered.manual_score is None
        assert "建议分" in book.find_comment(*where, "ann").auto_comment
        assert unanswered.auto_score == 0
        assert not unanswered.needs_manual_grade


def test_penalties_are_nbgraders_own(flow: Flow) -> None:
    with flow.gradebook() as book:
        late = {
            student: {
                each.name: each.late_submission_penalty for each in book.find_submission(ASSIGNMENT, student).notebooks
            }
            for student in CODE
        }
    assert late["ann"] == {"scale": 1.0, "questions": 1.0}
    assert late["bob"] == {"scale": 1.0, "questions": 0}, "never more than the score"
    assert late["cyd"] == {"scale": None, "questions": None}


def test_words_stand_in_the_outputs_in_both_languages(flow: Flow) -> None:
    notebook = nbformat.read(flow.folder / "autograded/bob" / ASSIGNMENT / "scale.ipynb", as_version=4)
    said = "".join(output.get("text", "") for output in cell_of(notebook, "test_keeps_its_input").outputs)
    assert "x was modified" in said
    assert "x 被改动了" in said
    assert "Which operations end in an underscore" in said
    assert "哪些操作的名字以下划线结尾" in said
    diagnosis = "".join(output.get("text", "") for output in cell_of(notebook, "scale").outputs)
    assert "x itself is multiplied in place" in diagnosis


def test_students_fetch_feedback_with_it(flow: Flow) -> None:
    folder = flow.student("bob")
    flow.nbgrader("fetch_feedback", ASSIGNMENT, cwd=folder)
    pages = {path.name: path.read_text() for path in (folder / ASSIGNMENT / "feedback").rglob("*.html")}
    assert "x 被改动了" in pages["scale.html"]
    assert re.search(r"Score: 2\.0\s*/\s*4\.0", pages["scale.html"]), "3 of 4, and 1 off for two days"


def test_feedback_runs_nothing_that_a_student_wrote(flow: Flow) -> None:
    pages = sorted((flow.folder / "feedback/ann" / ASSIGNMENT).glob("*.html"))
    assert len(pages) == 2
    text = "".join(path.read_text() for path in pages)
    assert "alert(" in text
    assert SCRIPT not in text
    assert "<script>alert" not in text


def test_export_has_the_scores(flow: Flow) -> None:
    with (flow.folder / "grades.csv").open() as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    assert float(rows["bob"]["raw_score"]) == 3
    assert float(rows["bob"]["late_submission_penalty"]) == 1
    assert float(rows["bob"]["score"]) == 2
    assert float(rows["bob"]["max_score"]) == 9


def test_a_second_autograde_changes_nothing_and_a_manual_mark_stays(flow: Flow) -> None:
    with flow.gradebook() as book:
        grade = book.find_grade("gan", "questions", ASSIGNMENT, "ann")
        grade.manual_score = 4.5
        book.db.commit()
    before = flow.marks("ann")
    flow.nbgrader("autograde", ASSIGNMENT, "--student", "ann", "--force")
    assert flow.marks("ann") == before
    assert flow.marks("ann")["gan"] == 4.5
