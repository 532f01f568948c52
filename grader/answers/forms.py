"""Forms of a rubric found in a text: short sequences of stems or characters, some with a gap."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from grader.answers.words import Words, read

GAP = 5  # words or characters that '..' passes over at most
_GAP_MARK = ".."
_TURNING = frozenset(("not", "never", "no", "without", "不", "没", "无"))  # no gap reaches over one


@dataclass(frozen=True, slots=True)
class Span:
    """The words from `first` to `last`, both of them in."""

    first: int
    last: int

    @property
    def places(self) -> range:
        return range(self.first, self.last + 1)

    def inside(self, other: Span) -> bool:
        return other.first <= self.first and self.last <= other.last and self != other


class Finder:
    """Finds the forms of each term, in one pass over a text.

    `terms`: a term's name -> its forms. `stemmed`: English is compared by stems, else as it is written.
    """

    def __init__(self, terms: Mapping[str, Iterable[str]], *, stemmed: bool = True) -> None:
        self._stemmed = stemmed
        self._by_first: dict[str, list[tuple[tuple[str | None, ...], str]]] = {}
        self.vocabulary: set[str] = set()
        for term, forms in terms.items():
            for form in forms:
                parts = _compiled(form, stemmed)
                if parts:
                    assert parts[0] is not None
                    self._by_first.setdefault(parts[0], []).append((parts, term))
                    self.vocabulary.update(part for part in parts if part is not None)

    def find(self, words: Words) -> dict[str, list[Span]]:
        """The spans of each term that was found at all."""
        found: dict[str, list[Span]] = {}
        listed = [word.stem if self._stemmed else word.raw for word in words.words]
        clauses = [word.clause for word in words.words]
        for place, word in enumerate(listed):
            for parts, term in self._by_first.get(word, ()):
                last = _match(parts, 1, listed, clauses, place + 1)
                if last is not None:
                    found.setdefault(term, []).append(Span(place, last))
        return found


def _compiled(form: str, stemmed: bool) -> tuple[str | None, ...]:
    parts: list[str | None] = []
    for index, piece in enumerate(form.split(_GAP_MARK)):
        part = tuple(word.stem if stemmed else word.raw for word in read(piece).words)
        if index and parts and part:
            parts.append(None)
        parts.extend(part)
    return tuple(parts)


def _match(parts: tuple[str | None, ...], index: int, words: list[str], clauses: list[int], place: int) -> int | None:
    """The place of the last word, where parts[index:] stand from `place` on."""
    if index == len(parts):
        return place - 1
    if place > len(words):
        return None
    part = parts[index]
    if part is not None:
        if place < len(words) and words[place] == part and clauses[place] == clauses[place - 1]:
            return _match(parts, index + 1, words, clauses, place + 1)
        return None
    for start in range(place, min(len(words), place + GAP + 1)):
        if clauses[start] != clauses[place - 1] or (start > place and words[start - 1] in _TURNING):
            return None
        last = _match(parts, index + 1, words, clauses, start)
        if last is not None:
            return last
    return None
