"""What students do to a notebook so as to get marks that their code does not earn, and what happens to honest ones.

Each row: a change to the notebook, the code in its cell of the answer, the marks out of 4 that the code earns by
itself, and the kind of the note that an instructor finds. `scale` has test_runs (1), test_values (2) and
test_keeps_its_input (1).
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass

import nbformat
from course_ground import DIVIDES, IN_PLACE, RIGHT, cell_of
from nbformat import NotebookNode, v4

WRONG = "def scale(x, *, factor):\n    return 'no tensor'\n"
FULL, PARTLY, NOTHING = 4.0, 3.0, 0.0
TESTS = ("test_runs", "test_values", "test_keeps_its_input")

Change = Callable[[NotebookNode], object]


@dataclass(frozen=True)
class Forgery:
    """`raw` writes the file's bytes, where a notebook cannot say it."""

    change: Change
    code: str | None = WRONG
    earns: float = NOTHING
    note: str | None = None
    raw: Callable[[NotebookNode], bytes] | None = None


def known(notebook: NotebookNode, id: str) -> NotebookNode:
    return cell_of(notebook, id).metadata.nbgrader


def each_test(change: Callable[[NotebookNode], object]) -> Change:
    return lambda notebook: [change(cell_of(notebook, id)) for id in TESTS]


def rename(old: str, new: str) -> Change:
    return lambda notebook: known(notebook, old).update(grade_id=new)


def drop(*ids: str) -> Change:
    def change(notebook: NotebookNode) -> None:
        notebook.cells = [
            cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") not in ids
        ]

    return change


def add(*cells: NotebookNode, first: bool = False) -> Change:
    def change(notebook: NotebookNode) -> None:
        notebook.cells = [*cells, *notebook.cells] if first else [*notebook.cells, *cells]

    return change


def again(*ids: str, source: str | None = None) -> Change:
    def change(notebook: NotebookNode) -> None:
        for id in ids:
            twin = copy.deepcopy(cell_of(notebook, id))
            twin.id = f"twin-{id}"[:60]
            twin.source = twin.source if source is None else source
            notebook.cells.append(twin)

    return change


def turned(id: str, kind: str) -> Change:
    def change(notebook: NotebookNode) -> None:
        cell = cell_of(notebook, id)
        cell.cell_type = kind
        for key in ("outputs", "execution_count"):
            cell.pop(key, None)

    return change


def printed(points: str) -> list[NotebookNode]:
    return [v4.new_output("execute_result", {"text/plain": points}, execution_count=1)]


def both(*changes: Change) -> Change:
    return lambda notebook: [change(notebook) for change in changes]


def nothing(notebook: NotebookNode) -> None:
    """The notebook as it is."""


def graded_cell(id: str) -> NotebookNode:
    known = {"grade": True, "grade_id": id, "locked": False, "points": 100, "schema_version": 3, "solution": False}
    return v4.new_code_cell("pass", metadata={"nbgrader": {**known, "task": False}})


def raw(**changes: object) -> Callable[[NotebookNode], bytes]:
    return lambda notebook: json.dumps({**json.loads(nbformat.writes(notebook)), **changes}).encode()


def holding(data: bytes) -> Callable[[NotebookNode], bytes]:
    def write(notebook: NotebookNode) -> bytes:
        return data

    return write


SKIP = {"tags": ["skip-execution", "raises-exception", "remove-cell"]}
FORGERIES = {
    # metadata
    "points of every test at a thousand": Forgery(
        each_test(lambda cell: cell.metadata.nbgrader.update(points=1000)), IN_PLACE, PARTLY, "forged"
    ),
    "points below nothing": Forgery(
        each_test(lambda cell: cell.metadata.nbgrader.update(points=-5)), IN_PLACE, PARTLY, "forged"
    ),
    "tests made cells of answers": Forgery(
        each_test(lambda cell: cell.metadata.nbgrader.update(solution=True, locked=False)), note="forged"
    ),
    "tests no longer graded": Forgery(
        each_test(lambda cell: cell.metadata.nbgrader.update(grade=False)), note="forged"
    ),
    "an old schema, which stops nbgrader for everybody": Forgery(
        each_test(lambda cell: cell.metadata.nbgrader.update(schema_version=1)), note="forged"
    ),
    "a schema of the future": Forgery(
        each_test(lambda cell: cell.metadata.nbgrader.update(schema_version=99)), RIGHT, FULL, "forged"
    ),
    "metadata that is no mapping": Forgery(
        nothing, RIGHT, FULL, "removed",
        raw=lambda notebook: nbformat.writes(notebook).replace('"nbgrader": {', '"nbgrader": [], "was": {').encode(),
    ),
    "all metadata removed": Forgery(
        lambda notebook: [cell.metadata.clear() for cell in notebook.cells], RIGHT, FULL, "removed"
    ),
    "the mark of our notebooks removed": Forgery(lambda notebook: notebook.metadata.clear()),
    "an id that is not in the gradebook": Forgery(rename("test_values", "test_everything"), note="added"),
    "a checksum of its own": Forgery(each_test(lambda cell: cell.metadata.nbgrader.update(checksum="0" * 32))),
    # tags, outputs, kernel
    "tests tagged to be skipped": Forgery(each_test(lambda cell: cell.metadata.update(SKIP)), note="tag"),
    "everything tagged to be skipped": Forgery(
        lambda notebook: [cell.metadata.update(SKIP) for cell in notebook.cells], IN_PLACE, PARTLY, "tag"
    ),
    "outputs that claim full marks": Forgery(
        each_test(lambda cell: cell.update(outputs=printed("1.0"), execution_count=1)), note="outputs"
    ),
    "outputs that claim more than there is": Forgery(
        each_test(lambda cell: cell.update(outputs=printed("1e9"))), IN_PLACE, PARTLY, "outputs"
    ),
    "stderr in a test, which nbgrader takes for a failure": Forgery(
        each_test(lambda cell: cell.update(outputs=[v4.new_output("stream", name="stderr", text="x")])),
        RIGHT, FULL, "outputs",
    ),
    "code that writes to stderr": Forgery(nothing, f"import sys\nprint('x', file=sys.stderr)\n{RIGHT}", FULL),
    "another kernel": Forgery(
        lambda notebook: notebook.metadata.update(kernelspec={"name": "bash", "display_name": "b", "language": "bash"}),
        RIGHT, FULL, "kernel",
    ),
    # cells
    "tests deleted": Forgery(drop(*TESTS), note="removed"),
    "tests deleted from honest work": Forgery(drop(*TESTS), RIGHT, FULL, "removed"),
    "the answer deleted": Forgery(drop("scale"), None, note="removed"),
    "tests there twice": Forgery(again(*TESTS, source="pass"), note="duplicate"),
    "a test added with a hundred points": Forgery(add(graded_cell("test_bonus")), note="added"),
    "tests edited": Forgery(each_test(lambda cell: cell.update(source="pass")), note="edited"),
    "tests that replace the answer": Forgery(each_test(lambda cell: cell.update(source=RIGHT)), note="edited"),
    "cells in reverse": Forgery(
        lambda notebook: notebook.cells.reverse(), RIGHT, FULL, "reordered"
    ),
    "two answers with one id, the later one counts": Forgery(again("scale", source=DIVIDES), RIGHT, 2.0, "duplicate"),
    "the answer turned raw": Forgery(turned("scale", "raw"), RIGHT, FULL, "celltype"),
    "the answer turned to text": Forgery(turned("scale", "markdown"), RIGHT, FULL, "celltype"),
    "a test turned to text": Forgery(turned("test_values", "markdown"), note="celltype"),
    "code in an attachment": Forgery(
        lambda notebook: notebook.cells[1].update(attachments={"a.py": {"text/x-python": RIGHT}}), note="attachment"
    ),
    "a notebook of another exercise": Forgery(
        both(lambda notebook: notebook.metadata.practice.update(part="sampling"), rename("scale", "sampling")),
        WRONG, note="foreign",
    ),
    # code
    "magics and shell lines": Forgery(
        nothing, f"%matplotlib inline\n!pip install torch\n{RIGHT}\n?scale\n", FULL, "left-out"
    ),
    "a cell of another language": Forgery(nothing, f"%%bash\n{RIGHT}", note="left-out"),
    "a timed cell": Forgery(nothing, f"%%time\n{RIGHT}", FULL, "left-out"),
    "trials that fail, in cells of their own": Forgery(
        add(v4.new_code_cell("y = scale(1)\nprint(y.nonsense)\nassert False"), v4.new_code_cell("half a (line")),
        RIGHT, FULL, "left-out",
    ),
    "helpers in a cell of their own": Forgery(
        add(v4.new_code_cell("import operator\n\n@staticmethod\ndef times(a, b):\n    return operator.mul(a, b)"),
            first=True),
        "def scale(x, *, factor):\n    return times(x, factor)\n", FULL,
    ),
    "a __future__ import below other cells": Forgery(
        add(v4.new_code_cell("import math"), first=True), f"from __future__ import annotations\n{RIGHT}", FULL
    ),
    "the answer in a cell of its own": Forgery(add(v4.new_code_cell(RIGHT)), None, FULL),
    # files
    "no JSON": Forgery(nothing, note="unreadable", raw=holding(b"{not json")),
    "empty": Forgery(nothing, note="unreadable", raw=holding(b"")),
    "not UTF-8": Forgery(nothing, note="unreadable", raw=holding(b"\xff\xfe\x00")),
    "nbformat 3": Forgery(nothing, note="unreadable", raw=raw(nbformat=3, worksheets=[])),
    "a nest of a million brackets": Forgery(nothing, note="unreadable", raw=holding(b"[" * 1_000_000)),
    "cells that are no list": Forgery(nothing, note="unreadable", raw=raw(cells={"a": 1})),
    "cells that are no cells": Forgery(nothing, RIGHT, note="forged", raw=raw(cells=[1, None, {"cell_type": "code"}])),
    "17 MiB of outputs": Forgery(nothing, RIGHT, note="unreadable", raw=raw(padding="x" * 17 * 1024 * 1024)),
    "2 MiB of code": Forgery(add(v4.new_code_cell("x = 1\n" * 400_000)), RIGHT, note="unreadable"),
    "a surrogate and a zero byte": Forgery(add(v4.new_markdown_cell("here")), RIGHT, FULL, raw=None),
}  # fmt: skip
FORGERIES["a surrogate and a zero byte"] = Forgery(
    nothing,
    RIGHT,
    FULL,
    raw=lambda notebook: raw(
        cells=[
            *json.loads(nbformat.writes(notebook))["cells"],
            {"cell_type": "markdown", "id": "x", "metadata": {}, "source": "\ud800 \0"},
        ]
    )(notebook),
)
