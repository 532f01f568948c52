"""Plain files of both kinds, and notebooks that no editor opens: nobody loses by them, by either command."""

from __future__ import annotations

import nbformat
import pytest
from course_ground import ASSIGNMENT, DIVIDES, RIGHT, Ground, cell_of
from nbgrader.api import Gradebook
from odd_ground import CELLS, EARNS, LARGE, MANY, Ended, marks, scale_of

from grader.course.integrity import MOST_NODES, Notebook, read_notebook
from grader.course.result import Result
from grader.course.results import Results
from grader.course.similarity import MOST_COMPARED, Similarity

Graded = tuple[Ground, Ended]
# Of these students something was handed in that cannot be read, or leads elsewhere.
NOT_READ = (*LARGE, MANY, "link")


@pytest.fixture(params=["nbgrader", "practice"])
def graded(request: pytest.FixtureRequest) -> Graded:
    """The same cohort by nbgrader's own command, and by ours."""
    found: Graded = request.getfixturevalue(f"odd_{request.param}")
    return found


def results(ground: Ground) -> dict[tuple[str, str], Result]:
    with Results.of(ground.course) as journal:
        return {(result.student, result.part): result for result in journal.all(ASSIGNMENT)}


def test_everybody_has_what_they_earned(graded: Graded) -> None:
    ground, ended = graded
    assert ended.status == 0, ended.said
    found = marks(ground)
    assert {student: scale_of(found[student]) for student in EARNS} == EARNS
    answered = {found[student]["gan"] for student in ("aaa-first", "plain", "mixed")}
    assert len(answered) == 1, "the same answer has the same score, wherever it stands"
    assert answered.pop() > 0


def test_both_ways_come_to_the_same_marks(odd_nbgrader: Graded, odd_practice: Graded) -> None:
    theirs, ours = marks(odd_nbgrader[0]), marks(odd_practice[0])
    del ours["nothing"]  # an empty folder, which nbgrader has no submission for
    assert theirs == ours


@pytest.mark.parametrize("student", NOT_READ)
def test_what_cannot_be_read_is_one_incident_that_says_what_to_do(graded: Graded, student: str) -> None:
    found = results(graded[0])[student, "scale"]
    assert found.points == 0
    (note,) = [note for note in found.notes if note.kind in ("unreadable", "link")]
    wanted = {
        MANY: f"it has {CELLS + 7} cells, over 5000. Shorten it",
        "link": "Links and pipes are not read: scale.py.",
    }
    too_large = "scale.ipynb is larger than 16 MiB. Open it in Jupyter, clear its outputs"
    assert wanted.get(student, too_large) in note.text.en


def test_memory_does_not_grow_with_what_was_handed_in(graded: Graded) -> None:
    """Two of these notebooks are larger than what the whole run may have."""
    assert graded[1].megabytes < 400


def test_feedback_shows_the_code_of_plain_files(graded: Graded) -> None:
    folder = graded[0].folder / "autograded" / "plain" / ASSIGNMENT
    notebook = nbformat.read(folder / "scale.ipynb", as_version=4)
    assert cell_of(notebook, "scale").source.strip() == DIVIDES.strip()
    assert "divided by the factor" in "".join(each.text for each in cell_of(notebook, "scale").outputs)
    answer = nbformat.read(folder / "questions.ipynb", as_version=4)
    assert cell_of(answer, "gan").source.startswith("A GAN trains")


def test_who_handed_in_nothing_that_is_a_part_is_named(odd_nbgrader: Graded) -> None:
    ground, ended = odd_nbgrader
    (line,) = [line for line in ended.said.splitlines() if "Nothing was handed in that is a part" in line]
    assert line.endswith(str(ground.folder / "submitted" / "nothing" / ASSIGNMENT))
    assert "nothing" not in marks(ground)


class TestPlainFiles:
    def test_a_cohort_of_them_alone(self, course_ground: Ground) -> None:
        for student, code in (("ann", RIGHT), ("bob", DIVIDES)):
            (course_ground.submitted(student) / "scale.py").write_text(code, encoding="utf-8")
        course_ground.nbgrader("autograde", ASSIGNMENT, "--notebook", "sc*")
        assert {student: scale_of(found) for student, found in marks(course_ground).items()} == {"ann": 4, "bob": 2}

    def test_nothing_at_all_is_said_as_nbgrader_says_it(self, course_ground: Ground) -> None:
        course_ground.submitted("ann")
        assert "No notebooks were matched by" in course_ground.nbgrader("autograde", ASSIGNMENT, status=1)

    def test_a_fault_of_ours_leaves_no_mark_behind(self, course_ground: Ground) -> None:
        """Also not the zero that nbgrader enters where there is no notebook."""
        (course_ground.submitted("ann") / "scale.py").write_text(RIGHT, encoding="utf-8")
        with (course_ground.content / "solutions/scale/checks.py").open("a") as checks:
            checks.write("\nimport no_such_module\n")
        said = course_ground.nbgrader("autograde", ASSIGNMENT, status=1)
        assert "no_such_module" in said
        with Gradebook(f"sqlite:///{course_ground.folder / 'gradebook.db'}") as book:
            grades = book.find_submission_notebook("scale", ASSIGNMENT, "ann").grades
            assert {(grade.auto_score, grade.needs_manual_grade) for grade in grades} == {(None, True)}


class TestBounds:
    """What a notebook is made of costs the process that reads it no more than it is worth."""

    @pytest.mark.parametrize("piece", [b"{},", b"[],"])
    def test_a_file_of_nothing_but_brackets_is_not_read(self, piece: bytes) -> None:
        found = read_notebook(b'{"nbformat": 4, "cells": [' + piece * MOST_NODES + b"{}]}")
        assert not isinstance(found, Notebook)
        assert "pieces" in found.text.en

    def test_of_a_text_without_end_only_the_beginning_is_compared(self) -> None:
        long = " ".join(f"word{number}" for number in range(200_000))
        similarity = Similarity("exercise")
        for student in ("ann", "bob"):
            similarity.add(student, long)
        (alike,) = similarity.found()
        assert len(alike.left.source) <= MOST_COMPARED
