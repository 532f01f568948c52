"""The code that counts, out of the cells of a notebook.

All code cells count, in order, as a student expects. From the cell of the answer everything is taken, but for imports
of what is not there and that nothing needs. From the others comes what the answer needs (`slices`): all else only tries
things out, and an experiment that fails, draws or runs for an hour costs nobody a mark. Nothing runs here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from grader.course.pieces import Statement, compiles, is_future, names_in, parsed, start_of, statements
from grader.course.slices import is_there, keep, wanted
from grader.errors import Text

_MAGIC = re.compile(r"\s*(%|!|\?)|\s*[\w.]+\?{1,2}\s*$|[\w.,\s]+=\s*(!|%)")
_CELL_MAGIC = re.compile(r"\s*%%(\w+)")
# These run the rest of their cell as Python; the others make something else of it.
_PYTHON_MAGICS = frozenset({"time", "timeit", "capture", "prun", "python", "python3"})
# Characters of a cell; a longer one counts as it stands. A syntax tree takes a thousand times the room of its source,
# and it is made in the instructor's own process.
MOST_PARSED = 64 * 1024


@dataclass(frozen=True, slots=True)
class Code:
    """Code, and what was left out of it, in words."""

    source: str
    left_out: tuple[Text, ...] = ()


def without_magics(source: str) -> Code:
    """The cell without the lines that only a notebook understands. What is Python as it stands is left alone: there a
    line that begins with `%` goes on with the one above.
    """
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    if len(source) > MOST_PARSED or parsed(source) is not None:
        return Code(source)
    lines = source.split("\n")
    first = next((index for index, line in enumerate(lines) if line.strip()), 0)
    found: list[str] = []
    if magic := _CELL_MAGIC.match(lines[first]):
        if magic[1] not in _PYTHON_MAGICS:
            return Code("", (_left_out(f"%%{magic[1]} ..."),))
        found.append(lines[first].strip())
        lines[first] = ""
    goes_on = False
    indent = ""
    for index, line in enumerate(lines):
        if goes_on or _MAGIC.match(line):
            if not goes_on:
                found.append(line.strip())
                indent = line[: len(line) - len(line.lstrip())]
            goes_on = line.rstrip().endswith("\\")
            lines[index] = f"{indent}pass"  # a block may hold nothing else
    stripped = "\n".join(lines)
    if not found or parsed(stripped) is None:
        return Code(source)  # an error of the student's own: shown as it was written
    return Code(stripped, tuple(_left_out(line) for line in found))


def counted(cells: Sequence[tuple[str, bool]], entries: set[str]) -> Code:
    """What counts of the cells, each with whether it is the answer's: that one, and what it needs of the others."""
    found: list[list[Statement] | None] = []
    unread: set[str] = set()
    for source, from_answer in cells:
        whole = len(source) > MOST_PARSED or (from_answer and parsed(source) is None)
        if whole:  # too long, or an error of the student's own: it is shown as it was written
            unread |= names_in(source)
        found.append(None if whole else statements(source, from_answer=from_answer))
    answered = any(from_answer and source.strip() for source, from_answer in cells)
    needed = keep([each for cell in found for each in cell or ()], entries, unread, answered=answered)
    kept: list[str] = []
    left_out: list[Text] = []
    for (source, from_answer), cell in zip(cells, found, strict=True):
        if cell is None:
            kept.append(source)
            continue
        if source.strip() and not cell and parsed(source) is None:
            left_out.append(_left_out(source.strip().split("\n")[0]))
        taken = [_taken(each, needed) for each in cell]
        kept.append(_without(source, cell, taken) if from_answer else "\n".join(text for text in taken if text))
        for each, text in zip(cell, taken, strict=True):
            if text != each.source and not _says_nothing(each.node):
                left_out.append(_left_out(each.source.split("\n")[0]))
    return Code(joined(kept), tuple(left_out))


def _says_nothing(node: ast.stmt) -> bool:
    """A docstring, `...`, an `import math` that nothing needs: whether they are there makes no difference."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    return isinstance(node, ast.Import) and all(is_there(node, each) for each in node.names)


def _taken(each: Statement, needed: set[str]) -> str:
    if not each.kept or not (each.from_answer or compiles(each)):
        return ""
    return wanted(each, needed)


def _without(source: str, cell: list[Statement], taken: list[str]) -> str:
    """The cell of the answer, as it was written but for what was left out, each line in its place."""
    lines = [line.encode() for line in source.split("\n")]
    for each, text in reversed(list(zip(cell, taken, strict=True))):
        if text != each.source:
            start, first = start_of(each.node)
            end = each.node.end_lineno or start
            after = lines[end - 1][each.node.end_col_offset :]
            lines[start - 1 : end] = [
                lines[start - 1][:first] + (text or "pass").encode() + after,
                *[b""] * (end - start),
            ]
    shown = b"\n".join(lines).decode()
    return source if parsed(shown) is None else shown


def joined(sources: Iterable[str]) -> str:
    """Several cells as one file: imports from __future__ go first, as they do not have to in a notebook."""
    cells = [source.strip("\n") for source in sources if source.strip()]
    if any("__future__" in source for source in cells[1:]):
        futures = dict[str, None]()
        for at, source in enumerate(cells):
            cell = statements(source, from_answer=True) if len(source) <= MOST_PARSED and parsed(source) else []
            if found := [each for each in cell if is_future(each.node)]:
                futures |= dict.fromkeys(ast.unparse(each.node) for each in found)
                cells[at] = _without(source, cell, ["" if each in found else each.source for each in cell])
        if futures:
            cells.insert(0, "\n".join(futures))
    text = "\n\n\n".join(cells)
    return f"{text}\n" if text else ""


def _left_out(line: str) -> Text:
    return Text.same(line if len(line) <= 60 else f"{line[:60]} ...")
