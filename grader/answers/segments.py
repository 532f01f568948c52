"""The words of a text as a reader counts them: English words by their stems, Chinese words as jieba cuts them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from grader.answers.function_words import FUNCTION_WORDS
from grader.answers.words import Words

if TYPE_CHECKING:
    from collections.abc import Iterator


@cache
def _jieba() -> Any:
    import rjieba  # its dictionary takes a while to load, and an English answer needs none

    return rjieba


@dataclass(frozen=True, slots=True)
class Segment:
    """`text` is what is compared, `place` the first of its Words; `holding` for 'of', 'is', 把, 的."""

    text: str
    place: int
    holding: bool


def segments(words: Words, first: int = 0, last: int | None = None) -> Iterator[Segment]:
    """The words from `first` to before `last`, one by one."""
    part = words.words[first:last]
    place = 0
    while place < len(part):
        word = part[place]
        if not word.chinese:
            yield Segment(word.stem, first + place, word.raw in FUNCTION_WORDS)
            place += 1
            continue
        end = place
        while end < len(part) and part[end].chinese and part[end].clause == word.clause:
            end += 1
        for text in _jieba().cut("".join(each.raw for each in part[place:end])):
            yield Segment(text, first + place, text in FUNCTION_WORDS)
            place += len(text)


def content_words(words: Words, first: int = 0, last: int | None = None) -> dict[str, list[int]]:
    """Each word that means something, with the places where it begins."""
    found: dict[str, list[int]] = {}
    for segment in segments(words, first, last):
        if not segment.holding:
            found.setdefault(segment.text, []).append(segment.place)
    return found
