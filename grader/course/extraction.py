"""The code that counts, out of the cells of a notebook.

All code cells count, in order, as a student expects. From the cell of the answer everything is taken. From the others
come imports, functions, classes and values: what only tries things out there (bare calls, asserts, whatever uses the
entries) is left out, so that an experiment that fails, draws or runs for an hour costs nobody a mark.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass

from grader.errors import Text

_MAGIC = re.compile(r"\s*(%|!|\?)|\s*[\w.]+\?{1,2}\s*$|[\w.,\s]+=\s*(!|%)")
_CELL_MAGIC = re.compile(r"\s*%%(\w+)")
# These run the rest of their cell as Python; the others make something else of it.
_PYTHON_MAGICS = frozenset({"time", "timeit", "capture", "prun", "python", "python3"})
_FUTURE = re.compile(r"^from __future__ import [\w, ]+$", re.MULTILINE)
_DEFINITIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_TRIALS = (ast.Expr, ast.Assert, ast.Delete)
# Characters of a cell; a longer one counts as it stands. A syntax tree takes a thousand times the room of its source,
# and it is made in the instructor's own process.
MOST_PARSED = 64 * 1024


@dataclass(frozen=True, slots=True)
class Code:
    """Code, and what was left out of it, in words."""

    source: str
    left_out: tuple[Text, ...] = ()


def _parsed(source: str) -> ast.Module | None:
    """The syntax tree; None where it is not Python, or no parser gets through it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # '\d' in a student's string is no concern of ours
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def without_magics(source: str) -> Code:
    """The cell without the lines that only a notebook understands. What is Python as it stands is left alone: there a
    line that begins with `%` goes on with the one above.
    """
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    if len(source) > MOST_PARSED or _parsed(source) is not None:
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
    if not found or _parsed(stripped) is None:
        return Code(source)  # an error of the student's own: shown as it was written
    return Code(stripped, tuple(_left_out(line) for line in found))


def definitions(source: str, tried: set[str]) -> Code:
    """What a cell beside the answer gives to it. `tried` are the entries and what was made with them; names that this
    cell makes with them are added.
    """
    if len(source) > MOST_PARSED:
        return Code(source)
    module = _parsed(source)
    if module is None:
        return Code("", (_left_out(source.strip().split("\n")[0]),) if source.strip() else ())
    lines = [line.encode() for line in source.split("\n")]  # a node's columns count bytes
    kept: list[str] = []
    left_out: list[Text] = []
    for node in module.body:
        used = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
        if isinstance(node, _DEFINITIONS) or not (isinstance(node, _TRIALS) or used & tried):
            kept.append(_segment(node, lines))
            continue
        if isinstance(node, _TRIALS) and isinstance(getattr(node, "value", None), ast.Constant):
            continue  # a docstring, `...`
        tried |= {each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
        left_out.append(_left_out(_segment(node, lines).split("\n")[0]))
    return Code("\n".join(kept), tuple(left_out))


def joined(sources: Iterable[str]) -> str:
    """Several cells as one file: imports from __future__ go first, as they do not have to in a notebook."""
    text = "\n\n\n".join(source.strip("\n") for source in sources if source.strip())
    futures = dict.fromkeys(_FUTURE.findall(text))
    if futures and not text.startswith("from __future__"):
        text = "; ".join(futures) + "\n" + _FUTURE.sub("", text)
    return f"{text}\n" if text else ""


def _segment(node: ast.stmt, lines: list[bytes]) -> str:
    """A statement as it was written. Each takes time by its own length: a line may hold very many."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    start = min([node.lineno, *(each.lineno for each in decorators)])
    end = node.end_lineno or node.lineno
    first = 0 if decorators else node.col_offset
    if start == end:
        return lines[start - 1][first : node.end_col_offset].decode()
    taken = [lines[start - 1][first:], *lines[start : end - 1], lines[end - 1][: node.end_col_offset]]
    return b"\n".join(taken).decode()


def _left_out(line: str) -> Text:
    return Text.same(line if len(line) <= 60 else f"{line[:60]} ...")
