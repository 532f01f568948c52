"""A notebook that was handed in, read with care and held against the one that was handed out.

Nothing of it is believed but what stands in its cells: metadata, points, tags, kernel and outputs come from the
released notebook or from grading. What was changed there earns nothing, and becomes a note.
"""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import md5
from typing import Any

from nbformat import NotebookNode, v4

from grader.course.notebooks import MARK, cell_id, grade_id
from grader.course.outputs import harmless
from grader.course.result import Note
from grader.errors import Text

NBFORMAT = 4
MOST_CELLS = 5000
# Objects and lists: each takes up to a hundred times the room of its two characters, and a notebook's are read at once.
MOST_NODES = 500_000
_TYPES = ("code", "markdown", "raw")
_CLEAN = {0: "\ufffd", **dict.fromkeys(range(0xD800, 0xE000), "\ufffd")}


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell. `id` is what nbgrader's metadata says, '' for a cell of the student's own."""

    type: str
    source: str
    id: str = ""
    known: Mapping[str, Any] = field(default_factory=dict)  # what the metadata says to nbgrader, as it came
    tags: tuple[str, ...] = ()
    outputs: bool = False
    attachments: bool = False


@dataclass(frozen=True, slots=True)
class Notebook:
    """The cells of a notebook, and what its metadata says of where it comes from."""

    cells: tuple[Cell, ...]
    kernel: str = ""
    part: str = ""
    notes: tuple[Note, ...] = ()


def shown_name(text: str, most: int = 80) -> str:
    """A student's word, fit for one line of a terminal or a page."""
    plain = "".join(each if each.isprintable() else repr(each)[1:-1] for each in text[: most + 1])
    return plain if len(text) <= most else f"{plain[:most]}..."


def read_notebook(data: bytes) -> Notebook | Note:
    """The notebook that a file holds; a note where it holds none."""
    if data.count(b"{") + data.count(b"[") > MOST_NODES:
        return unreadable(f"it is made of more than {MOST_NODES} pieces", f"超过 {MOST_NODES} 个组成部分")
    try:
        found = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError, MemoryError):
        return unreadable("it is not a notebook: not JSON in UTF-8", "不是 notebook：不是 UTF-8 编码的 JSON")
    if not isinstance(found, dict):
        return unreadable("it is not a notebook", "不是 notebook")
    if found.get("nbformat") != NBFORMAT:
        which = shown_name(str(found.get("nbformat")), 10)
        return unreadable(f"its format is nbformat {which}, not 4", f"格式是 nbformat {which}，不是 4")
    cells = found.get("cells")
    if not isinstance(cells, list):
        return unreadable("it has no cells", "没有单元")
    if len(cells) > MOST_CELLS:
        many = len(cells)
        return unreadable(f"it has {many} cells, over {MOST_CELLS}", f"有 {many} 个单元，超过 {MOST_CELLS} 个", SHORTEN)
    read = [_cell(each) for each in cells]
    sound = tuple(each for each in read if each is not None)
    notes: tuple[Note, ...] = ()
    if len(sound) < len(read):
        count = len(read) - len(sound)
        notes = (Note("forged", Text(f"{count} cells are not well formed.", f"有 {count} 个单元格式不正确。")),)
    metadata = _mapping(found.get("metadata"))
    kernel = _mapping(metadata.get("kernelspec")).get("name")
    part = _mapping(metadata.get(MARK)).get("part")
    return Notebook(sound, kernel if isinstance(kernel, str) else "", part if isinstance(part, str) else "", notes)


_CLEAR = Text(
    "Open it in Jupyter, clear its outputs, save it, and hand it in again.",
    "请在 Jupyter 中打开，清除输出，保存后重新提交。",
)
SHORTEN = Text("Shorten it, and hand it in again.", "请精简后重新提交。")


def unreadable(en: str, zh: str, remedy: Text = _CLEAR) -> Note:
    """The note on a file that cannot be graded, with the remedy."""
    return Note("unreadable", Text(f"Not graded: {en}. {remedy.en}", f"没有评分：{zh}。{remedy.zh}"))


_SAID = {
    "version": Text("Cells are of another version of the hand-out: {}.", "单元来自发放材料的另一个版本：{}。"),
    "foreign": Text("This is the notebook of another part: {}.", "这是另一部分的 notebook：{}。"),
    "added": Text("A cell with an id of its own was added: {}.", "添加了自带 id 的单元：{}。"),
    "duplicate": Text("A cell is there more than once: {}.", "单元重复出现：{}。"),
    "removed": Text("A cell was removed: {}.", "删除了单元：{}。"),
    "reordered": Text("Cells were put in another order.", "单元的顺序被改动了。"),
    "tag": Text("Tags of cells count for nothing: {}.", "单元的标签不起作用：{}。"),
    "attachment": Text("What is attached to cells was not looked at.", "没有查看单元的附件。"),
    "kernel": Text("The kernel that it names is not used: {}.", "没有使用它指定的内核：{}。"),
    "forged": Text(
        "nbgrader's metadata was changed, and counts for nothing: {}.", "改动了 nbgrader 的元数据，不起作用：{}。"
    ),
    "celltype": Text(
        "A cell is of another type now; it was read as before: {}.", "单元的类型变了，仍按原类型读取：{}。"
    ),
    "edited": Text("A locked cell was edited, which counts for nothing: {}.", "改动了锁定的单元，不起作用：{}。"),
    "outputs": Text("A test cell brings outputs, which count for nothing: {}.", "测试单元自带输出，不起作用：{}。"),
}
_KEYS = ("grade", "solution", "locked", "points", "task", "schema_version")


def compare(notebook: Notebook, released: NotebookNode) -> Iterator[Note]:
    """What was done to a notebook beside answering."""
    yield from notebook.notes
    handed_out = {grade_id(cell): cell for cell in released.cells if grade_id(cell)}
    counts = Counter(cell.id for cell in notebook.cells if cell.id)
    if notebook.part and notebook.part != released.metadata.get(MARK, {}).get("part"):
        yield _note("foreign", notebook.part)
    own = {cell.id: cell for cell in reversed(notebook.cells) if cell.id}
    older = [id for id, cell in own.items() if _of_another_version(cell, handed_out.get(id))]
    if older:
        yield _note("version", ", ".join(reversed(older)))
    for id, times in counts.items():
        if id not in handed_out:
            if id not in older:
                yield _note("added", id)
        elif times > 1:
            yield _note("duplicate", id)
    for id in handed_out:
        if not counts[id]:
            yield _note("removed", id)
    order = [id for id in dict.fromkeys(cell.id for cell in notebook.cells) if id in handed_out]
    if order != [id for id in handed_out if id in counts]:
        yield _note("reordered")
    for cell in notebook.cells:
        if cell.id in handed_out and cell.id not in older:
            yield from _compare_cell(cell, handed_out[cell.id])
    if tags := sorted({tag for cell in notebook.cells for tag in cell.tags}):
        yield _note("tag", ", ".join(tags[:5]))
    if any(cell.attachments for cell in notebook.cells):
        yield _note("attachment")
    if notebook.kernel and notebook.kernel != released.metadata.get("kernelspec", {}).get("name"):
        yield _note("kernel", notebook.kernel)


def _of_another_version(cell: Cell, released: NotebookNode | None) -> bool:
    """Whether nbgrader has handed a cell out so, before `release` made it anew: who has fetched it then has done
    nothing to it. Whoever forges the checksum as well has no more of it than of any other forgery.
    """
    said = cell.known.get("checksum")
    if not isinstance(said, str) or (released is not None and said == released.metadata.nbgrader.get("checksum")):
        return False
    return said == _checksum(cell)


def _checksum(cell: Cell) -> str:
    """As `nbgrader.utils.compute_checksum` has it; workers do without nbgrader, which takes a second to import."""
    known = cell.known
    grade, solution = known.get("grade", False), known.get("solution", False)
    locked = False if solution else True if grade else known.get("locked", False)
    words = [cell.source, cell.type, str(grade), str(solution), str(locked), cell.id]
    if grade:
        try:
            words.append(str(float(known["points"])))
        except (KeyError, TypeError, ValueError, OverflowError):
            return ""
    return md5("".join(words).encode(), usedforsecurity=False).hexdigest()


def _compare_cell(cell: Cell, released: NotebookNode) -> Iterator[Note]:
    known = released.metadata.nbgrader
    wrong = [key for key in _KEYS if key in known and not _same(cell.known.get(key), known[key])]
    if wrong:
        yield _note("forged", f"{cell.id} ({', '.join(wrong)})")
    if cell.type != released.cell_type:
        yield _note("celltype", cell.id)
    if known.get("solution"):
        return
    if cell.source.strip() != released.source.strip():
        yield _note("edited", cell.id)
    if known.get("grade") and cell.outputs:
        yield _note("outputs", cell.id)


def restored(notebook: Notebook | None, released: NotebookNode) -> NotebookNode:
    """The released notebook with a student's answers in it, and their own cells where they stood. Nothing but sources
    comes from the student. None: as it was handed out.
    """
    fresh: NotebookNode = v4.new_notebook(metadata=copy.deepcopy(released.metadata))
    answers: dict[str, list[str]] = {}
    own: dict[str, list[Cell]] = {}
    places = {grade_id(cell) for cell in released.cells if grade_id(cell)}
    place = ""
    for cell in notebook.cells if notebook else ():
        if cell.id in places:
            place = cell.id
            answers.setdefault(cell.id, []).append(cell.source)
        else:
            own.setdefault(place, []).append(cell)
    fresh.cells += [_own(cell, "", index) for index, cell in enumerate(own.get("", ()))]
    for handed_out in released.cells:
        kept: NotebookNode = copy.deepcopy(handed_out)
        id = grade_id(kept)
        if answers.get(id) and kept.metadata.get("nbgrader", {}).get("solution"):
            kept.source = "\n\n".join(answers[id])
        fresh.cells.append(kept)
        fresh.cells += [_own(each, id, index) for index, each in enumerate(own.get(id, ()) if id else ())]
    return fresh


def _own(cell: Cell, place: str, index: int) -> NotebookNode:
    """A student's own cell as it may stand in a notebook that an instructor opens."""
    make: dict[str, Callable[..., NotebookNode]] = {
        "code": v4.new_code_cell, "markdown": v4.new_markdown_cell, "raw": v4.new_raw_cell,
    }  # fmt: skip
    source = cell.source if cell.type == "code" else harmless(cell.source)
    return make[cell.type](source, id=cell_id("own", place, str(index)))


def _cell(found: Any) -> Cell | None:
    if not isinstance(found, dict) or found.get("cell_type") not in _TYPES:
        return None
    source = found.get("source")
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        return None
    metadata = _mapping(found.get("metadata"))
    known = _mapping(metadata.get("nbgrader"))
    id, tags = known.get("grade_id"), metadata.get("tags")
    return Cell(
        found["cell_type"],
        source.translate(_CLEAN),
        id.translate(_CLEAN) if isinstance(id, str) else "",
        known,
        tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else (),
        bool(found.get("outputs")),
        bool(found.get("attachments")),
    )


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _same(found: Any, wanted: Any) -> bool:
    """Equal, and of one kind: JSON's true is not 1."""
    if isinstance(wanted, bool) or isinstance(found, bool):
        return found is wanted
    return bool(found == wanted)


def _note(kind: str, word: str = "") -> Note:
    said, name = _SAID[kind], shown_name(word)
    return Note(kind, Text(said.en.replace("{}", name), said.zh.replace("{}", name)))
