"""What an answer says of a rubric: points by terms and phrasings, and misconceptions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from typing import Literal

from grader.answers.compiled import Compiled, Phrasing
from grader.answers.forms import Span
from grader.answers.polarity import Polarity, polarity
from grader.answers.segments import content_words
from grader.answers.subjects import subjects_of
from grader.answers.words import Word, Words, mended
from grader.content.question import Misconception, Point, Terms

# How much of a phrasing must be there, by the weight of its words. Calibrated by authors'
# phrasings against those of other points, never on test answers: `bench/answers.py --prove` shows what it costs.
SAID = 0.68
HALF_SAID = 0.5
MOST_TRIED = 3  # occurrences of a term in one sentence
WORDED = 0.85  # of a misconception's wording

Side = Literal["for", "against"]


@dataclass(frozen=True, slots=True)
class Match:
    """How far a point is said: `share` from 0 to 1, on which side, and where."""

    share: float
    side: Side
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class _Found:
    """An occurrence of a term, or of its opposite.

    `cues`: the negations that reach it; `doubts`: those that deny what is said of it.
    """

    span: Span
    cues: frozenset[int]
    doubts: frozenset[int]
    opposite: bool

    @property
    def side(self) -> Side:
        return "against" if (len(self.cues) + self.opposite) % 2 or self.doubts else "for"


class _Chosen:
    """One occurrence for each group of a line."""

    def __init__(self, found: tuple[_Found, ...]) -> None:
        self._found = found
        inside = {place for each in found for place in each.span.places}
        cues = [each.cues - inside for each in found]
        turns = [len(reaching) + each.opposite for reaching, each in zip(cues, found, strict=True)]
        # One negation over the whole line, and an opposite in it: 'does not make the file larger'
        over = len(set(cues)) == 1 and bool(cues[0]) and (len(cues[0]) + any(each.opposite for each in found)) % 2 == 0
        doubted = any(each.doubts - inside for each in found)
        self.meant = not doubted and (over or not any(turn % 2 for turn in turns))
        self.first = min(each.span.first for each in found)
        self.last = max(each.span.last for each in found)

    @property
    def width(self) -> int:
        return self.last - self.first

    def in_one_clause(self, words: list[Word]) -> bool:
        """Else what is negated may be about something else."""
        return len({words[each.span.first].clause for each in self._found}) == 1

    def match(self, side: Side) -> Match:
        return Match(1.0, side, self.first, self.last)


class Reading:
    """One answer under one rubric."""

    def __init__(self, compiled: Compiled, words: Words, dropped_sentences: set[int]) -> None:
        self._compiled = compiled
        words = self._words = mended(words, compiled.vocabulary)
        self._polarity: Polarity = polarity(words)
        self._dropped = dropped_sentences
        self._found = compiled.finder.find(words)
        self._owned: frozenset[int] = frozenset()
        self._subjects = subjects_of(words, compiled.subjects, self._found, self._polarity.dropped)
        self._sentences = [
            (number, first, last)
            for number, (first, last) in enumerate(words.sentences)
            if number not in dropped_sentences
        ]
        self._content = [content_words(words, first, last) for _, first, last in self._sentences]

    def point(self, point: Point) -> tuple[Match | None, Match | None]:
        """The best that is said for the point, and the best against it."""
        self._owned = self._inside(point.terms)
        matches = [match for terms in point.terms for match in self._lines(terms, point.about, wide=True)]
        matches += self._said(self._compiled.points[point.id], point.about)
        # What is denied of nobody knows what is denied of nothing
        denied = _best(
            (match for match in matches if self._surely_about(match, point.about) and not self._limited(match)),
            "against",
        )
        if denied and denied.share >= 1:
            # What is said and denied by the same words is denied
            matches = [match for match in matches if match.last < denied.first or denied.last < match.first]
            # and a denial in one sentence outweighs what two sentences say together
            words = self._words.words
            matches = [match for match in matches if words[match.first].sentence == words[match.last].sentence]
        return _best(matches, "for"), denied

    def misconception(self, wrong: Misconception) -> Match | None:
        """Where the answer says it, whole."""
        self._owned = self._inside(wrong.terms)
        matches = [match for terms in wrong.terms for match in self._lines(terms, wrong.about, wide=False)]
        matches = [match for match in matches if match.share == 1 and not self._softened(match)]
        matches += self._worded(wrong)
        return _best([match for match in matches if self._surely_about(match, wrong.about)], "for")

    def _inside(self, terms: tuple[Terms, ...]) -> frozenset[int]:
        """The cues inside the words that a point is said by, such as 'without losing': they deny nothing of it."""
        spans = [span for line in terms for group in line for term in group for span in self._found.get(term, ())]
        return frozenset(cue for span in spans for cue in self._polarity.within(span))

    def _limited(self, match: Match) -> bool:
        """Whether it is denied under a condition only: 'without a kernel for it', 'alone'."""
        return self._polarity.limited[match.first] or self._polarity.limited[match.last]

    def _softened(self, match: Match) -> bool:
        return any(self._polarity.softened[match.first : match.last + 1])

    def _worded(self, wrong: Misconception) -> list[Match]:
        """Its wordings, nearly whole, where no right phrasing is as near: often one word is between the two."""
        matches = []
        for index, (_, first, last) in enumerate(self._sentences):
            near = max(
                (self._shares(each, index, wrong.about)[0].share for each in self._compiled.wrong[wrong.id]),
                default=0.0,
            )
            if near < WORDED / SAID:
                continue
            right = max(
                (
                    self._shares(each, index, None)[0].share
                    for phrasings in self._compiled.points.values()
                    for each in phrasings
                ),
                default=0.0,
            )
            if near > right:
                matches.append(Match(1.0, "for", first, last - 1))
        return matches

    def _lines(self, terms: Terms, about: str | None, *, wide: bool) -> list[Match]:
        """One line of terms in each sentence, and `wide` in each two that follow each other."""
        groups = [self._group(group) for group in terms]
        matches = []
        windows = [(number, number) for number, _, _ in self._sentences]
        if wide and len(terms) > 1:
            windows += [
                (a, b) for (a, _, _), (b, _, _) in zip(self._sentences, self._sentences[1:], strict=False) if b == a + 1
            ]
        for low, high in windows:
            match = self._line(groups, about, low, high)
            if match:
                matches.append(match)
        return matches

    def _group(self, group: tuple[str, ...]) -> list[_Found]:
        """Every occurrence of one of the group's terms, and of the opposites of its concepts."""
        meant, other = [], []
        for term in group:
            meant += self._found.get(term, [])
            if term.startswith("@") and (opposite := self._compiled.concepts[term[1:]].opposite):
                other += self._found.get("@" + opposite, [])
        found = [
            self._occurrence(span, opposite=False)
            for span in meant
            if not self._polarity.gone(span) and not any(span.inside(longer) for longer in other)
        ]
        found += [
            # Where it is negated, it is meant: 'does not need labels' is 'unlabelled'
            self._occurrence(span, opposite=True)
            for span in other
            if not self._polarity.gone(span) and not any(span.inside(longer) or span == longer for longer in meant)
        ]
        return found

    def _occurrence(self, span: Span, *, opposite: bool) -> _Found:
        cues, doubts = self._polarity.reaching(span), self._polarity.doubting(span)
        return _Found(span, cues - self._owned, doubts - self._owned, opposite)

    def _line(self, groups: list[list[_Found]], about: str | None, low: int, high: int) -> Match | None:
        words = self._words.words
        inside = [
            [
                found
                for found in group
                if low <= words[found.span.first].sentence <= high and self._is_about(found.span, about)
            ]
            for group in groups
        ]
        present = [group for group in inside if group]
        if not present:
            return None
        if len(present) == len(groups):
            # A negation inside one of the line's words belongs to that word: 'cannot backpropagate through a sample'
            tried = [_Chosen(chosen) for chosen in product(*(group[:MOST_TRIED] for group in inside))]
            meant = [each for each in tried if each.meant]
            if meant:
                return min(meant, key=lambda each: each.width).match("for")
            if low == high and (together := [each for each in tried if each.in_one_clause(words)]):
                return min(together, key=lambda each: each.width).match("against")
        said = [group for group in ([found for found in group if found.side == "for"] for group in inside) if group]
        return _spread(said, len(said) / len(groups), "for") if said else None

    def _said(self, phrasings: list[Phrasing], about: str | None) -> list[Match]:
        """The phrasings in each sentence."""
        matches = []
        for index in range(len(self._sentences)):
            for phrasing in phrasings:
                said, denied = self._shares(phrasing, index, about)
                matches += [match for match in (said, denied) if match.share >= HALF_SAID / SAID]
        return matches

    def _shares(self, phrasing: Phrasing, index: int, about: str | None) -> tuple[Match, Match]:
        """How much of a phrasing a sentence says and how much it denies, by the weight of its words."""
        content = self._content[index]
        said: list[int] = []
        denied: list[int] = []
        shares = [0.0, 0.0]
        for word, (weight, negated, doubted) in phrasing.words.items():
            places = [
                place
                for place in content.get(word, ())
                if not self._polarity.dropped[place]
                and self._is_about(Span(place, place), about)
                and (doubted or not set(self._polarity.doubted[place]) - self._owned)
            ]
            agreeing = [place for place in places if self._negated(place) == negated]
            if agreeing:
                said.append(agreeing[0])
                shares[0] += weight
            elif places:
                denied.append(places[0])
                shares[1] += weight
        # A denial is whole only with what it does not deny: 'does not make the file smaller' has the file
        cues = {cue for place in (*said, *denied) for cue in self._polarity.cues[place]} - self._owned
        denies = shares[1] > shares[0] / 2 and len(cues) > phrasing.cues
        shares[1] = shares[0] + shares[1] if denies else 0.0
        both = [*said, *denied] or [0]
        return (
            Match(_capped(shares[0] / phrasing.total, len(said)), "for", min(said or [0]), max(said or [0])),
            Match(_capped(shares[1] / phrasing.total, len(both)), "against", min(both), max(both)),
        )

    def _negated(self, place: int) -> bool:
        return len(set(self._polarity.cues[place]) - self._owned) % 2 == 1

    def _is_about(self, span: Span, about: str | None) -> bool:
        subjects = self._subjects[span.first]
        return about is None or not subjects or about in subjects

    def _surely_about(self, match: Match, about: str | None) -> bool:
        return about is None or any(
            self._subjects[place] == frozenset({about}) for place in range(match.first, match.last + 1)
        )


def _capped(share: float, words: int) -> float:
    """Against what counts as said; one word alone says nothing."""
    return share / SAID if words > 1 else 0.0


def _spread(groups: list[list[_Found]], share: float, side: Side) -> Match:
    """The occurrences that stand closest to the first group's first."""
    anchor = groups[0][0].span.first
    spans = [min((found.span for found in group), key=lambda span: abs(span.first - anchor)) for group in groups]
    return Match(share, side, min(span.first for span in spans), max(span.last for span in spans))


def _best(matches: Iterable[Match], side: Side) -> Match | None:
    return max(
        (match for match in matches if match.side == side),
        key=lambda match: (match.share, match.first - match.last),
        default=None,
    )
