"""Submissions that are nearly the same, by winnowing (Schleimer, Wilkerson and Aiken, SIGMOD 2003, as in MOSS).

A text becomes words (`tokens`: names, comments and layout do not count), each run of K words a number, and of each W
neighbouring numbers the smallest is kept: two texts that share K + W - 1 words in a row share a fingerprint, wherever
it stands. What the stub gives is no evidence, and neither is what many have in common: of a short exercise most
right answers share most of their runs. So candidates are found by their rare fingerprints, through an index, and never
by looking at all pairs; texts that are the same word by word are one text with several authors, however many.

It finds what to look at, and proves nothing: the page puts the two side by side.
"""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from grader.course import tokens
from grader.course.result import PartKind

Words = list[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Measure:
    """How a kind of text is compared: run length K, window W, and the least number of its own fingerprints that says
    anything.
    """

    words: Callable[[str], Words]
    run: int
    window: int
    least: int


MEASURES: dict[PartKind, Measure] = {
    "exercise": Measure(tokens.code, run=8, window=5, least=8),
    "question": Measure(tokens.prose, run=4, window=3, least=8),
}
ALIKE = (
    0.5  # the share of fingerprints of the smaller text that the other must have; independent answers share under 0.3
)
MOST_TIMES_LARGER = 2.0  # beyond it, the one is not the other with a few changes
RARE_IN = 8  # texts, or an eighth of them: a fingerprint in more is common knowledge and counts for nothing
RARE_AT_MOST = 40  # texts: bounds the work for a cohort of any size
LEAST_SHARED = 4  # fingerprints: fewer are chance
# Characters of a text that count; the longest right answer has a tenth of them. What is meant to be long costs nothing.
MOST_COMPARED = 64 * 1024


@dataclass(frozen=True, slots=True)
class Submitted:
    student: str
    source: str


@dataclass(frozen=True, slots=True)
class Alike:
    """Students whose submissions are each alike to each other's, and the two most alike with what they handed in.

    `likeness` is that of the least alike two, from 0 to 1, so it holds for everybody who is named; it is 1 where all
    differ in names and comments only.
    """

    students: tuple[str, ...]
    likeness: float
    left: Submitted
    right: Submitted


@dataclass(slots=True)
class _Text:
    """One text, word by word, and everybody who handed it in; sources are kept packed."""

    prints: frozenset[int]
    authors: list[str] = field(default_factory=list)
    sources: list[bytes] = field(default_factory=list)  # of the first two authors

    def submitted(self, index: int) -> Submitted:
        return Submitted(self.authors[index], zlib.decompress(self.sources[index]).decode())


class Similarity:
    """The submissions for one part, added one by one."""

    def __init__(self, kind: PartKind, given: Iterable[str] = ()) -> None:
        """`given`: texts that everybody has, as the stub."""
        self._measure = MEASURES[kind]
        self._given = {number for text in given for number in _runs(self._measure.words(text), self._measure.run)}
        self._texts: dict[int, _Text] = {}

    def add(self, student: str, source: str) -> None:
        """One submission. A text that is too short to say anything is left out."""
        source = source[:MOST_COMPARED]
        words = self._measure.words(source)
        prints = frozenset(_winnowed(_runs(words, self._measure.run), self._measure.window)) - self._given
        if len(prints) < self._measure.least:
            return
        text = self._texts.setdefault(hash(tuple(word for word, _ in words)), _Text(prints))
        text.authors.append(student)
        if len(text.sources) < 2:
            text.sources.append(zlib.compress(source.encode(errors="replace")))

    def found(self) -> list[Alike]:
        """Everything that is alike, the most alike and largest first."""
        texts = list(self._texts.values())
        near = _near(texts)
        found = [_same(text) for text in texts if len(text.authors) > 1]
        found += [_alike(texts, group, near) for group in _groups(near)]
        return sorted(found, key=lambda one: (-one.likeness, -len(one.students), one.students))


def _runs(words: Words, length: int) -> list[int]:
    """A number for each run of `length` words. The same in every process, unlike `hash`."""
    numbers = [zlib.crc32(word.encode(errors="replace")) for word, _ in words]
    return [hash(tuple(numbers[start : start + length])) for start in range(len(numbers) - length + 1)]


def _winnowed(numbers: Sequence[int], window: int) -> set[int]:
    """The smallest of each window."""
    if len(numbers) <= window:
        return {min(numbers)} if numbers else set()
    return {min(numbers[start : start + window]) for start in range(len(numbers) - window + 1)}


def _near(texts: Sequence[_Text]) -> dict[tuple[int, int], float]:
    """Every pair of texts that are alike, with their likeness."""
    holders: dict[int, list[int]] = defaultdict(list)
    for index, text in enumerate(texts):
        for number in text.prints:
            holders[number].append(index)
    most = min(max(RARE_IN, len(texts) // 8), RARE_AT_MOST)
    common = {number for number, indices in holders.items() if len(indices) > most}
    own = [text.prints - common for text in texts]
    shared: Counter[tuple[int, int]] = Counter()
    for number, indices in holders.items():
        if number not in common:
            shared.update(combinations(indices, 2))
    found = {}
    for pair, count in shared.items():
        small, large = sorted(len(own[index]) for index in pair)
        if count >= max(LEAST_SHARED, ALIKE * small) and large <= MOST_TIMES_LARGER * small:
            # texts that are the same word by word are one: two never are
            found[pair] = min(count / small, 0.99)
    return found


def _groups(near: dict[tuple[int, int], float]) -> list[tuple[int, ...]]:
    """Groups in which each text is near to each other, so that every pair is in one. From a chain a-b, b-c come two."""
    beside: dict[int, dict[int, float]] = defaultdict(dict)
    for (left, right), likeness in near.items():
        beside[left][right] = beside[right][left] = likeness
    shown: set[tuple[int, int]] = set()
    groups = []
    for pair in sorted(near, key=lambda pair: (-near[pair], pair)):
        if pair in shown:
            continue
        group = list(pair)
        # how near a text is to the furthest of the group
        nearest = {
            one: min(beside[pair[0]][one], beside[pair[1]][one]) for one in beside[pair[0]].keys() & beside[pair[1]]
        }
        while nearest:
            joins = min(nearest, key=lambda one: (-nearest[one], one))
            group.append(joins)
            nearest = {one: min(least, beside[joins][one]) for one, least in nearest.items() if one in beside[joins]}
        shown.update(combinations(sorted(group), 2))
        groups.append(tuple(sorted(group)))
    return groups


def _same(text: _Text) -> Alike:
    """Those who handed in one text."""
    return Alike(tuple(sorted(text.authors)), 1.0, text.submitted(0), text.submitted(1))


def _alike(texts: Sequence[_Text], group: Sequence[int], near: dict[tuple[int, int], float]) -> Alike:
    """What to show of a group of texts that differ."""
    pairs = list(combinations(group, 2))
    left, right = max(pairs, key=lambda pair: near[pair])
    students = tuple(sorted(author for index in group for author in texts[index].authors))
    return Alike(students, min(near[pair] for pair in pairs), texts[left].submitted(0), texts[right].submitted(0))
