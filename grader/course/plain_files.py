"""`nbgrader autograde`, and formgrader's button for it, also for those who handed in plain files.

nbgrader lists the `*.ipynb` of each student's folder: it passes over a student who has none, and gives zero to a part
that is there as a file beside notebooks. No setting and no hook of nbgrader comes before that list, so the method that
makes it is replaced. A part in a plain file is entered under the name that its notebook would have; what is read for
it is up to `SubmissionExporter` and `handed_in`, as for any other.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import datetime
from fnmatch import fnmatchcase
from glob import glob
from pathlib import Path
from typing import Any

from nbgrader.apps.api import NbGraderAPI
from nbgrader.converters.autograde import Autograde
from nbgrader.converters.base import BaseConverter, NbGraderException
from nbgrader.converters.generate_feedback import GenerateFeedback
from nbgrader.coursedir import CourseDirectory

from grader.course.autograded import copy_asked_for
from grader.course.course import QUESTIONS, Assignment, Course
from grader.course.folders import refused_name, submitted_at, unreadable_folder
from grader.course.handed import plain_name
from grader.course.preprocessor import SubmissionExporter
from grader.errors import UsageError

_theirs: Callable[[Any], None] = Autograde.init_notebooks
_theirs_feedback: Callable[[Any], None] = GenerateFeedback.init_notebooks
_theirs_assignment: Callable[[Any, str, str], None] = BaseConverter.init_assignment


def find_plain_files() -> None:
    """From now on this process's `nbgrader autograde` of a course of ours finds plain files as well."""
    Autograde.init_notebooks = _init_notebooks
    GenerateFeedback.init_notebooks = _feedback_notebooks
    BaseConverter.init_assignment = _init_assignment
    CourseDirectory.get_existing_timestamp = _existing_timestamp
    NbGraderAPI.get_submitted_timestamp = _submitted_timestamp


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
    there = sorted(glob(pattern))  # noqa: PTH207 - as nbgrader does: other code matches these very strings
    left_out = list(_left_out(converter, there, assignment))
    for why in left_out:
        converter.log.error("%s", why)
    folders = [folder for folder in there if _refused(folder) is None]
    found = {folder: _notebooks(folder, assignment, where.notebook_id) for folder in folders}
    if left_out and not any(found.values()):
        raise NbGraderException("; ".join(left_out))
    if assignment is None or not any(found.values()):
        _theirs(converter)
        return
    for folder in folders:
        if not found[folder]:
            converter.log.warning("Nothing was handed in that is a part of the assignment: %s", folder)
    converter.assignments = {folder: notebooks for folder, notebooks in found.items() if notebooks}
    converter.notebooks = []


def _refused(folder: str) -> str | None:
    """Why a student's folder stops nbgrader, with the remedy."""
    if name := refused_name(Path(folder).parent.name):
        return name.en
    note = unreadable_folder(Path(folder))
    return f"{'/'.join(map(ascii, Path(folder).parts[-3:]))}: {note.text.en}" if note else None


def _left_out(converter: Any, there: list[str], assignment: Assignment | None) -> Iterator[str]:
    """What is said of those that are not graded. A student's folder that cannot be entered is not among `there`."""
    yield from filter(None, map(_refused, there))
    if assignment is not None:
        for student, folder in Course.open(Path(converter.coursedir.root)).submissions(assignment.name):
            if str(folder) not in there and fnmatchcase(student, converter.coursedir.student_id):
                yield from filter(None, [_refused(str(folder))])


def _feedback_notebooks(converter: Any) -> None:
    """As nbgrader does, without those that would stop it for everybody: an earlier version has graded them."""
    _theirs_feedback(converter)
    for folder in list(converter.assignments):
        if why := refused_name(Path(folder).parent.name):
            converter.log.error("%s", why.en)
            del converter.assignments[folder]


def _init_assignment(converter: Any, assignment: str, student: str) -> None:
    """Of a student's folder only what nbgrader reads again is copied, never what a link leads to; the rest is of no use
    in autograded/. nbgrader would go on where the hook that guards against links has failed.
    """
    if not isinstance(converter, Autograde) or not issubclass(converter.exporter_class, SubmissionExporter):
        _theirs_assignment(converter, assignment, student)
        return
    folder = Path(converter._format_dest(assignment, student))
    folder.mkdir(parents=True, exist_ok=True)
    copy_asked_for(Path(converter._format_source(assignment, student)), folder)


def _existing_timestamp(_coursedir: Any, folder: str) -> datetime | None:
    """As nbgrader keeps it: UTC without saying so. What is no time counts as none, as it does for `handed_in`."""
    moment, _ = submitted_at(Path(folder))
    return moment.replace(tzinfo=None) if moment else None


def _submitted_timestamp(api: Any, assignment: str, student: str) -> datetime | None:
    """The same for formgrader."""
    where = api.coursedir
    return _existing_timestamp(where, where.format_path(where.submitted_directory, student, assignment))


def _notebooks(folder: str, assignment: Assignment | None, pattern: str) -> list[str]:
    """The notebooks of one student: those that are there, and those that plain files stand for."""
    there = {path.stem for path in Path(folder).glob("*.ipynb") if not path.name.startswith(".")}
    for part, kind in assignment.parts if assignment else ():
        path = Path(folder, plain_name(part, kind))
        # a link counts here: that it is not followed, and earns nothing, is said where it is read
        if os.path.lexists(path):
            there.add(QUESTIONS if kind == "question" else part)
    return [str(Path(folder, f"{name}.ipynb")) for name in sorted(there) if fnmatchcase(name, pattern)]
