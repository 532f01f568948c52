"""Forged notebooks, graded by real nbgrader in one run: nobody gets a mark that the code does not earn, nobody loses
one that it does, and an instructor is told.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import nbformat
import pytest
from course_ground import ASSIGNMENT, RIGHT, Ground
from forgeries import FORGERIES, FULL, Forgery

from grader.course.handed import handed_in
from grader.course.results import Results

HONEST = ("aaa-first", "zzz-last")
LINKS = "links"
STUDENTS = {name: re.sub(r"\W+", "-", name) for name in FORGERIES}


def lay(ground: Ground, name: str, forgery: Forgery) -> None:
    path = ground.hand_in(STUDENTS[name], forgery.code, change=forgery.change)
    if forgery.raw is not None:
        path.write_bytes(forgery.raw(nbformat.read(path, as_version=4)))


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory, runtime: Path) -> Ground:
    """Everything handed in at once, and one `nbgrader autograde` for all."""
    ground = Ground(tmp_path_factory.mktemp("forgeries") / "ground", runtime).lay()
    ground.release(questions="")
    for student in HONEST:
        ground.hand_in(student, RIGHT)
    for name, forgery in FORGERIES.items():
        lay(ground, name, forgery)
    # files that lead out of the folder, with one that nbgrader would copy for ever
    (ground.root / "secret.py").write_text("SECRET = 1\n")
    folder = ground.hand_in(LINKS, RIGHT).parent
    (folder / "secret.py").symlink_to(ground.root / "secret.py")
    (folder / "endless").symlink_to("/dev/zero")
    (folder / "others").symlink_to(ground.folder / "submitted" / HONEST[0])
    os.mkfifo(folder / "pipe")
    for odd in ("a b.ipynb", "quote'\".ipynb", "line\nbreak.ipynb", "..ipynb", "scale (1).ipynb"):
        (folder / odd).write_text("{}")
    ground.nbgrader("autograde", ASSIGNMENT)
    return ground


@pytest.mark.parametrize("name", FORGERIES)
def test_it_earns_what_its_code_earns(name: str, graded: Ground) -> None:
    earned = graded.scores(STUDENTS[name])
    assert set(earned) == {"test_runs", "test_values", "test_keeps_its_input"}, "the gradebook's own cells"
    assert sum(earned.values()) == FORGERIES[name].earns


@pytest.mark.parametrize("name", FORGERIES)
def test_the_instructor_is_told(name: str, graded: Ground) -> None:
    course = graded.course
    result = Results.of(course).get(ASSIGNMENT, STUDENTS[name], "scale")
    assert result is not None
    kinds = {note.kind for note in result.notes}
    wanted = FORGERIES[name].note
    assert wanted in kinds if wanted else not kinds
    for note in result.notes:
        assert note.text.en != note.text.zh
        assert all(each.isprintable() for each in note.text.en + note.text.zh), "fit for one line"


@pytest.mark.parametrize("student", HONEST)
def test_nobody_else_loses_or_gains_by_it(student: str, graded: Ground) -> None:
    assert sum(graded.scores(student).values()) == FULL


def test_links_lead_nowhere_and_honest_work_beside_them_counts(graded: Ground) -> None:
    assert sum(graded.scores(LINKS).values()) == FULL
    shown = graded.folder / "autograded" / LINKS / ASSIGNMENT
    assert not any("SECRET" in path.read_text() for path in shown.rglob("*.py"))
    assert not (shown / "others").exists()
    assert not (shown / "endless").exists()
    result = Results.of(graded.course).get(ASSIGNMENT, LINKS, "scale")
    assert result is not None
    said = {note.kind: note.text.en for note in result.notes}
    assert "endless, others, pipe, secret.py" in said["link"]
    assert r"line\nbreak.ipynb" in said["stray"]


def test_what_nbgrader_shows_is_what_was_handed_out(graded: Ground) -> None:
    """But for the answer: locked cells, points and order are the released ones, whatever came in."""
    released = nbformat.read(graded.folder / "release" / ASSIGNMENT / "scale.ipynb", as_version=4)
    wanted = [
        (cell.metadata.nbgrader.grade_id, cell.metadata.nbgrader.get("points"), cell.cell_type)
        for cell in released.cells
    ]
    for student in STUDENTS.values():
        notebook = nbformat.read(graded.folder / "autograded" / student / ASSIGNMENT / "scale.ipynb", as_version=4)
        known = [cell for cell in notebook.cells if "nbgrader" in cell.metadata]
        assert [
            (cell.metadata.nbgrader.grade_id, cell.metadata.nbgrader.get("points"), cell.cell_type) for cell in known
        ] == wanted
        assert all(set(cell.metadata) <= {"nbgrader", "deletable", "editable"} for cell in notebook.cells)


def test_a_link_in_place_of_the_notebook_or_the_folder_earns_nothing(course_ground: Ground) -> None:
    course = course_ground.course
    assignment = course.assignment(ASSIGNMENT)
    good = course_ground.hand_in("honest", RIGHT)
    linked = course_ground.submitted("linked")
    (linked / "scale.ipynb").symlink_to(good)
    (course_ground.folder / "submitted" / "whole").symlink_to(good.parent.parent)
    for folder in (linked, course_ground.folder / "submitted" / "whole" / ASSIGNMENT):
        (scale, *_) = handed_in(folder, course, assignment)
        assert scale.source is None
        assert {note.kind for note in scale.notes} & {"link", "unreadable"}


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir], ids=["pipe", "folder"])
def test_something_else_in_place_of_the_notebook_is_said(course_ground: Ground, make: object) -> None:
    folder = course_ground.submitted("odd")
    make(folder / "scale.ipynb")  # type: ignore[operator]
    course = course_ground.course
    (scale, *_) = handed_in(folder, course, course.assignment(ASSIGNMENT))
    assert scale.source is None
    assert scale.path is not None
    assert "unreadable" in {note.kind for note in scale.notes}
