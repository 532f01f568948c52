"""The words of a text that carry its meaning: English stems, Chinese words as jieba cuts them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from grader.answers.filters import FUNCTION_CHARS, FUNCTION_WORDS
from grader.answers.words import Words

if TYPE_CHECKING:
    from collections.abc import Iterator


@cache
def _jieba() -> Any:
    import rjieba  # its dictionary takes a while to load, and an English answer needs none

    return rjieba


def content_words(words: Words, first: int = 0, last: int | None = None) -> dict[str, list[int]]:
    """Each word that means something, with the places where it begins."""
    found: dict[str, list[int]] = {}
    part = words.words[first:last]
    place = 0
    while place < len(part):
        word = part[place]
        if not word.chinese:
            if word.raw not in FUNCTION_WORDS:
                found.setdefault(word.stem, []).append(first + place)
            place += 1
            continue
        end = place
        while end < len(part) and part[end].chinese and part[end].clause == word.clause:
            end += 1
        for text, start in _cut("".join(each.raw for each in part[place:end])):
            if not all(character in FUNCTION_CHARS for character in text):
                found.setdefault(text, []).append(first + place + start)
        place = end
    return found


def _cut(text: str) -> Iterator[tuple[str, int]]:
    start = 0
    for piece in _jieba().cut(text):
        yield piece, start
        start += len(piece)
