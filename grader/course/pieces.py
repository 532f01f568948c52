"""A notebook's cells as statements of their own level, also where a cell is no Python as a whole."""

from __future__ import annotations
import __future__ as features

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

_Import = ast.Import | ast.ImportFrom
_NAME = re.compile(r"[^\W\d]\w*")
_MOST_JOINED = 4  # pieces of a cell that is no Python, tried together


@dataclass(slots=True)
class Statement:
    """A statement of a cell's own level, and what it does to the names of the notebook."""

    node: ast.stmt
    source: str
    from_answer: bool
    binds: set[str] = field(default_factory=set)
    needs: set[str] = field(default_factory=set)
    now: set[str] = field(default_factory=set)  # read as it runs, not later in a function's body
    changes: set[str] = field(default_factory=set)
    later: set[str] = field(default_factory=set)  # what calling it may change
    always: bool = False
    kept: bool = False
    gives: bool = False  # what it binds is made of functions: `f = other`, `f = lambda ...`, `f = partial(...)`

    @property
    def imports(self) -> list[ast.alias]:
        return self.node.names if isinstance(self.node, _Import) else []


def parsed(source: str) -> ast.Module | None:
    """The syntax tree; None where it is not Python, or no parser gets through it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # '\d' in a student's string is no concern of ours
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def statements(source: str, *, from_answer: bool) -> list[Statement]:
    """A cell's statements; where it is not Python as a whole, those pieces that are."""
    module = parsed(source)
    if module is not None:
        return list(_split(module, source, from_answer))
    pieces: list[str] = []
    for line in source.split("\n"):
        if pieces and (not line.strip() or line[0] in " \t)]}"):
            pieces[-1] += f"\n{line}"
        else:
            pieces.append(line)
    found: list[Statement] = []
    at = 0
    while at < len(pieces):
        step = 1
        for count in range(min(_MOST_JOINED, len(pieces) - at), 0, -1):
            text = "\n".join(pieces[at : at + count])
            if (module := parsed(text)) is not None:
                found += _split(module, text, from_answer)
                step = count
                break
        at += step
    return found


def _split(module: ast.Module, source: str, from_answer: bool) -> Iterator[Statement]:
    lines = [line.encode() for line in source.split("\n")]  # a node's columns count bytes
    for node in module.body:
        yield Statement(node, _segment(node, lines), from_answer)


def _segment(node: ast.stmt, lines: list[bytes]) -> str:
    """A statement as it was written. Each takes time by its own length: a line may hold very many."""
    start, first = start_of(node)
    end = node.end_lineno or node.lineno
    if start == end:
        return lines[start - 1][first : node.end_col_offset].decode()
    taken = [lines[start - 1][first:], *lines[start : end - 1], lines[end - 1][: node.end_col_offset]]
    return b"\n".join(taken).decode()


def start_of(node: ast.stmt) -> tuple[int, int]:
    """The line, and the byte in it, at which a statement begins."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    if decorators:
        return min(node.lineno, *(each.lineno for each in decorators)), 0
    return node.lineno, node.col_offset


def is_future(node: ast.stmt) -> bool:
    """Whether it imports from __future__ what there is."""
    return (
        isinstance(node, ast.ImportFrom)
        and node.module == "__future__"
        and not node.level
        and all(alias.name in features.all_feature_names for alias in node.names)
    )


def names_in(text: str) -> set[str]:
    """Every name that a text holds: where it is code that cannot be read otherwise."""
    return set(_NAME.findall(text))


def compiles(statement: Statement) -> bool:
    """Whether it can stand in a file: `await` and `return` may be in a cell."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(statement.source, "cell", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return False
    return True
