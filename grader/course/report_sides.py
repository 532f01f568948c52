"""Two submissions side by side, line by line: what they share stands at one height."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest

from grader.course.plain import plain
from grader.course.result import PartKind
from grader.course.similarity import MEASURES, Alike

MOST_LINES = 150  # of each text; the rest is in the submission itself
MOST_OF_A_LINE = 400  # characters


@dataclass(frozen=True, slots=True)
class Row:
    """One line of each text, '' where one has none. `same`: the words are the same, whatever names and comments are."""

    left: str
    right: str
    same: bool


def rows(alike: Alike, kind: PartKind) -> tuple[list[Row], bool]:
    """The rows, and whether a text goes on after them."""
    texts = [plain(one.source).expandtabs(4).split("\n") for one in (alike.left, alike.right)]
    lines = [[line.rstrip()[:MOST_OF_A_LINE] for line in text if line.strip()] for text in texts]
    more = any(len(one) > MOST_LINES for one in lines)
    left, right = (one[:MOST_LINES] for one in lines)
    words = MEASURES[kind].words
    found: list[Row] = []
    for how, a, b, c, d in SequenceMatcher(None, _keys(words, left), _keys(words, right), autojunk=False).get_opcodes():
        pairs = zip_longest(left[a:b], right[c:d], fillvalue="")
        found.extend(Row(one, other, how == "equal") for one, other in pairs)
    return found, more


def _keys(words: Callable[[str], list[tuple[str, int]]], lines: list[str]) -> list[tuple[str, ...]]:
    """The words of each line. They are taken of the whole text: a line alone does not tell whose a name is."""
    keys: list[list[str]] = [[] for _ in lines]
    for word, line in words("\n".join(lines)):
        keys[line].append(word)
    return [tuple(key) for key in keys]
