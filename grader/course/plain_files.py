"""`nbgrader autograde`, and formgrader's button for it, also for those who handed in plain files.

nbgrader lists the `*.ipynb` of each student's folder: it passes over a student who has none, and gives zero to a part
that is there as a file beside notebooks. No setting and no hook of nbgrader comes before that list, so the method that
makes it is replaced. A part in a plain file is entered under the name that its notebook would have; what is read for
it is up to `SubmissionExporter` and `handed_in`, as for any other.
"""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from glob import glob
from pathlib import Path
from typing import Any

from nbgrader.converters.autograde import Autograde
from nbgrader.converters.base import NbGraderException

from grader.course.course import QUESTIONS, Assignment, Course
from grader.course.handed import plain_name
from grader.course.preprocessor import SubmissionExporter
from grader.errors import UsageError

_theirs: Callable[[Any], None] = Autograde.init_notebooks


def find_plain_files() -> None:
    """From now on this process's `nbgrader autograde` of a course of ours finds plain files as well."""
    Autograde.init_notebooks = _init_notebooks


def _init_notebooks(converter: Any) -> None:
    """Fill `assignments` with the notebooks of each student's folder. NbGraderException, in nbgrader's words, where
    there is nothing at all.
    """
    where = converter.coursedir
    if not issubclass(converter.exporter_class, SubmissionExporter):
        _theirs(converter)  # an instructor has put nbgrader's own back
        return
    try:
        assignment = Course.open(Path(where.root)).assignments.get(where.assignment_id)
    except UsageError as error:
        converter.log.error(" ".join(error.say("en").split("\n")))
        raise NbGraderException(str(error)) from None
    pattern = converter._format_source(where.assignment_id, where.student_id)
    folders = sorted(glob(pattern))  # noqa: PTH207 - as nbgrader does: other code matches these very strings
    found = {folder: _notebooks(folder, assignment, where.notebook_id) for folder in folders}
    if assignment is None or not any(found.values()):
        _theirs(converter)
        return
    for folder in folders:
        if not found[folder]:
            converter.log.warning("Nothing was handed in that is a part of the assignment: %s", folder)
    converter.assignments = {folder: notebooks for folder, notebooks in found.items() if notebooks}
    converter.notebooks = []


def _notebooks(folder: str, assignment: Assignment | None, pattern: str) -> list[str]:
    """The notebooks of one student: those that are there, and those that plain files stand for."""
    there = {path.stem for path in Path(folder).glob("*.ipynb") if not path.name.startswith(".")}
    for part, kind in assignment.parts if assignment else ():
        path = Path(folder, plain_name(part, kind))
        # a link counts here: that it is not followed, and earns nothing, is said where it is read
        if path.exists() or path.is_symlink():
            there.add(QUESTIONS if kind == "question" else part)
    return [str(Path(folder, f"{name}.ipynb")) for name in sorted(there) if fnmatchcase(name, pattern)]
