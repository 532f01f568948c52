"""The notebook that nbgrader's feedback and formgrader show for a student: autograded/STUDENT/NAME/NOTEBOOK.ipynb.

It is made from the released notebook, the student's code or answers as they were graded, and the results. Nothing
else of what a student handed in gets into it, so nothing that was forged does.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from grader.content.place import shown
from grader.course.course import Course
from grader.course.files import replace
from grader.course.folders import TIMESTAMP, read_file, submitted_at, unreadable_folder
from grader.course.notebooks import grade_id
from grader.course.outputs import annotate
from grader.course.result import Result
from grader.errors import Text, UsageError

COPIED = (TIMESTAMP, "submission_secret.txt")  # the exchange asks for both when feedback is released
_SMALL = 1000


def autograded_file(course: Course, assignment: str, student: str, notebook: str) -> Path:
    """Where it stands."""
    return course.folder / "autograded" / student / assignment / f"{notebook}.ipynb"


def write_autograded(course: Course, assignment: str, student: str, notebook: str, results: Sequence[Result]) -> None:
    """Write it, as a whole or not at all; none where nothing was handed in, as nbgrader has it. OSError where it
    cannot be written, UsageError where nothing was released.
    """
    file = autograded_file(course, assignment, student, notebook)
    if all(result.outcome == "missing" for result in results):
        file.unlink(missing_ok=True)
        return
    node = copy.deepcopy(released(course, assignment, notebook))
    fill_in(node, results)
    annotate(node, {result.part: result for result in results})
    file.parent.mkdir(parents=True, exist_ok=True)
    copy_asked_for(course.folder / "submitted" / student / assignment, file.parent)
    replace(file, json.dumps(node, ensure_ascii=False, indent=1).encode("utf-8", "replace"))


def copy_asked_for(handed: Path, folder: Path) -> None:
    """Copy what nbgrader reads again of what was handed in, and nothing else. OSError where it cannot be written."""
    for name in COPIED:
        data = read_file(handed / name, _SMALL) if unreadable_folder(handed) is None else None
        if not isinstance(data, bytes) or (name == TIMESTAMP and submitted_at(handed)[0] is None):
            continue
        replace(folder / name, data)


def fill_in(node: NotebookNode, results: Iterable[Result]) -> None:
    """Put what was graded into the cells of the answers."""
    sources = {result.part: result.source for result in results if result.source}
    for cell in node.cells:
        part = grade_id(cell)
        if part in sources and cell.metadata["nbgrader"].get("solution"):
            cell.source = _plain(sources[part])


def released(course: Course, assignment: str, notebook: str) -> NotebookNode:
    """The notebook as it was handed out; not to be changed. UsageError where it was not."""
    file = course.folder / "release" / assignment / f"{notebook}.ipynb"
    try:
        stat = file.stat()
        return _read(file, stat.st_mtime_ns, stat.st_size)
    except (OSError, ValueError):  # nbformat's and JSON's errors are ValueErrors
        raise UsageError(
            Text(f"{shown(file)}: there is no notebook to read", f"{shown(file)}：没有可读取的 notebook"),
            Text(
                f"hand the assignment out again: practice course release {assignment}",
                f"请重新发放作业：practice course release {assignment}",
            ),
        ) from None


@lru_cache(maxsize=64)
def _read(file: Path, _time: int, _size: int) -> NotebookNode:
    found: NotebookNode = nbformat.read(file, as_version=4)
    return found


def _plain(source: str) -> str:
    """Without halves of characters, which no file can hold."""
    return source.encode("utf-8", "replace").decode()
