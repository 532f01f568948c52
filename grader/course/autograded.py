"""The notebook that nbgrader's feedback and formgrader show for a student: autograded/STUDENT/NAME/NOTEBOOK.ipynb.

It is made from the released notebook, the student's code or answers as they were graded, and the results. Nothing
else of what a student handed in gets into it, so nothing that was forged does.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Sequence
from datetime import UTC
from functools import lru_cache
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from grader.content.place import shown
from grader.course.course import Course
from grader.course.outputs import annotate
from grader.course.result import Result
from grader.errors import Text, UsageError

TIMESTAMP = "timestamp.txt"


def autograded_file(course: Course, assignment: str, student: str, notebook: str) -> Path:
    """Where it stands."""
    return course.folder / "autograded" / student / assignment / f"{notebook}.ipynb"


def write_autograded(course: Course, assignment: str, student: str, notebook: str, results: Sequence[Result]) -> None:
    """Write it, as a whole or not at all. OSError where it cannot be written, UsageError where nothing was released."""
    node = copy.deepcopy(released(course, assignment, notebook))
    sources = {result.part: result.source for result in results if result.source}
    for cell in node.cells:
        part = cell.metadata.get("nbgrader", {}).get("grade_id")
        if part in sources and cell.metadata["nbgrader"].get("solution"):
            cell.source = _plain(sources[part])
    annotate(node, {result.part: result for result in results})
    file = autograded_file(course, assignment, student, notebook)
    file.parent.mkdir(parents=True, exist_ok=True)
    if times := [result.submitted for result in results if result.submitted]:
        # nbgrader compares it with that of the submission, and leaves alone what is not newer
        text = max(times).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f UTC")
        _replace(file.with_name(TIMESTAMP), text.encode())
    _replace(file, json.dumps(node, ensure_ascii=False, indent=1).encode("utf-8", "replace"))


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
    found: NotebookNode = nbformat.read(file, as_version=4)  # type: ignore[no-untyped-call]  # nbformat has no types
    return found


def _plain(source: str) -> str:
    """Without halves of characters, which no file can hold."""
    return source.encode("utf-8", "replace").decode()


def _replace(file: Path, data: bytes) -> None:
    """nbgrader leaves its own files read-only: they are replaced, not written to."""
    new = file.with_name(f".{file.name}.{os.getpid()}")
    new.write_bytes(data)
    new.replace(file)
