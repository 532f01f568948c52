"""Optional: points recognised by the meaning of a sentence, by embeddings. Off by default.

An embedding hardly sees a 'not' and does not see who does what, so it may only lift: a point that the rules did not
find, by a sentence or clause that is nearer to the point's phrasings than to those of the others and to every wrong
wording, and that has the same polarity as the phrasing it is nearest to. What the rules found turned over or wrong
stays so, and words that they took for something wrong lift nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from grader.answers.compiled import Compiled
from grader.answers.embedding import Vectors, load, vectors
from grader.answers.forms import Finder
from grader.answers.polarity import Polarity, polarity
from grader.answers.recognising import Seen
from grader.answers.result import PointGrade
from grader.answers.segments import content_words
from grader.answers.subjects import subjects_of
from grader.answers.words import Words, mended, read
from grader.content.question import Status
from grader.errors import Language

# How near the nearest phrasing must be at least. Sentences on other topics are at 0.87 and 0.91 one time in twenty;
# this model calls every two Chinese sentences alike.
NEAR: dict[Language, float] = {"en": 0.88, "zh": 0.915}
# How much nearer, on the average, to the point's phrasings than to the next point's. Of authors' phrasings, each held
# out, these take 23 % and 13 % for their own point, 0.8 % and 0.2 % for another of the question, and of those of other
# topics 0.6 % and 0.2 %: `bench/recognising.py --calibrate`.
PARTLY = 0.01
WHOLLY = 0.02
BEFORE_WRONG = 0.01  # nearer than to any wrong wording

LEAST_WORDS = 4  # of a clause that says something (characters of Chinese: twice as many)
LONGEST = 400  # characters: of a longer sentence only the clauses are compared
_SUBORDINATE = frozenset("which who where whose if when".split())  # a clause that is about another's word
MOST = 80  # sentences and clauses of an answer
KEPT = 32  # rubrics made ready


class Semantic:
    """Lifts points by embeddings. UsageError, which says what to install, where the model is missing."""

    def __init__(self) -> None:
        load()
        self._ready: OrderedDict[int, _Rubric] = OrderedDict()

    def __call__(self, seen: Seen, /) -> Seen:
        overturned = {id for misconception, _ in seen.wrong for id in misconception.contradicts}
        wanted = {
            point.id: point
            for point in seen.points
            if point.status in ("missing", "partial") and point.id not in overturned
        }
        if not wanted:
            return seen
        rubric = self._rubric(seen.compiled)
        units = list(_units(seen, rubric))
        if not units:
            return seen
        found: dict[str, tuple[float, str]] = {}
        for unit, vector in zip(units, vectors([unit.text for unit in units], keep=False), strict=True):
            said = rubric.said(unit, vector)
            if said and said[0] in wanted and said[1] > found.get(said[0], (0.0, ""))[0]:
                found[said[0]] = (said[1], unit.quote)
        lifted = {id: _lifted(wanted[id], margin, quote) for id, (margin, quote) in found.items()}
        return replace(seen, points=tuple(lifted.get(point.id, point) for point in seen.points))

    def _rubric(self, compiled: Compiled) -> _Rubric:
        """The rubric's texts as vectors. Two threads may both make one ready: the same one."""
        ready = self._ready.get(id(compiled))
        if ready is None or ready.compiled is not compiled:
            ready = self._ready[id(compiled)] = _Rubric(compiled)
            if len(self._ready) > KEPT:
                self._ready.popitem(last=False)
        return ready


def _lifted(point: PointGrade, margin: float, quote: str) -> PointGrade:
    status: Status = "covered" if margin >= WHOLLY else "partial"
    return point if status == point.status else replace(point, status=status, evidence=quote)


# ------------------------------------------------------------------- the answer


@dataclass(frozen=True, slots=True)
class _Unit:
    """A sentence or clause. `text` is without what stands in a contrast, `quote` as it was written."""

    text: str
    quote: str
    language: Language
    subjects: frozenset[str]
    sides: _Sides


def _units(seen: Seen, rubric: _Rubric) -> Iterator[_Unit]:
    """The sentences and clauses that may lift something."""
    read_text = _Text(mended(seen.words, seen.compiled.vocabulary), rubric)
    words, found = read_text.words, read_text.polarity
    # What was told wrong, by whole clauses
    spoilt = [wrong.quote for _, wrong in seen.wrong]
    spoilt += [point.evidence for point in seen.points if point.status == "contradicted"]
    count = 0
    for first, last in _parts(words, seen.lists):
        places = [place for place in range(first, last) if not found.dropped[place]]
        quote = words.text[words.words[first].start : words.words[last - 1].end]
        chinese = sum(words.words[place].chinese for place in places)
        if len(places) - chinese / 2 < LEAST_WORDS or len(quote) > LONGEST:
            continue
        if words.words[first].raw in _SUBORDINATE or any(found.softened[place] for place in places):
            continue
        if any(each in quote or quote in each for each in spoilt):
            continue
        language: Language = "zh" if chinese > len(places) / 3 else "en"
        yield _Unit(_written(words, places), quote, language, read_text.subjects_at(places), read_text.sides(places))
        count += 1
        if count == MOST:
            return


def _parts(words: Words, lists: set[int]) -> Iterator[tuple[int, int]]:
    """The sentences, and their clauses where they have more than one: first word, one past the last."""
    for number, (first, last) in enumerate(words.sentences):
        if number in lists:
            continue
        yield first, last
        start = first
        for place in range(first + 1, last + 1):
            if place == last or words.words[place].clause != words.words[start].clause:
                if (start, place) != (first, last):
                    yield start, place
                start = place


def _written(words: Words, places: list[int]) -> str:
    """The words at these places, as they were written."""
    runs: list[list[int]] = []
    for place in places:
        if runs and runs[-1][1] == place - 1:
            runs[-1][1] = place
        else:
            runs.append([place, place])
    return " ".join(words.text[words.words[first].start : words.words[last].end] for first, last in runs)


# ------------------------------------------------------------------- the polarity


@dataclass(frozen=True, slots=True)
class _Sides:
    """Which side a text is on: how often it negates, which of its words, and which of two opposites it means."""

    cues: int
    negated: dict[str, bool]
    meant: dict[str, set[bool]]

    def agree(self, other: _Sides) -> bool:
        return (
            self.cues % 2 == other.cues % 2
            and all(other.negated.get(word, negated) == negated for word, negated in self.negated.items())
            and all(meant & other.meant.get(pair, meant) for pair, meant in self.meant.items())
        )


class _Text:
    """A text with its negations, its opposites and its subjects."""

    def __init__(self, words: Words, rubric: _Rubric) -> None:
        self.words = words
        self.polarity: Polarity = polarity(words)
        found = rubric.opposites.find(words)
        spans = [(name, span) for name, each in found.items() for span in each]
        self._opposites = [(name, span) for name, span in spans if not any(span.inside(longer) for _, longer in spans)]
        compiled = rubric.compiled
        self._subjects = subjects_of(words, compiled.subjects, compiled.finder.find(words), self.polarity.dropped)

    def subjects_at(self, places: Iterable[int]) -> frozenset[str]:
        return frozenset().union(*(self._subjects[place] for place in places))

    def sides(self, places: list[int]) -> _Sides:
        inside, cues = set(places), self.polarity.cues
        meant: dict[str, set[bool]] = {}
        for name, span in self._opposites:
            if span.first in inside:
                turned = len(self.polarity.reaching(span)) % 2 == 1
                meant.setdefault(name[1:], set()).add(name.startswith("+") != turned)
        content = content_words(self.words, places[0], places[-1] + 1) if places else {}
        negated = {word: len(cues[at[0]]) % 2 == 1 for word, at in content.items() if at[0] in inside}
        return _Sides(len({cue for place in places for cue in cues[place]}), negated, meant)


def _opposites(compiled: Compiled) -> Finder:
    """Finds '+smaller' where the smaller is named and '-smaller' where the larger is."""
    forms: dict[str, tuple[str, ...]] = {}
    for name, concept in compiled.concepts.items():
        if concept.opposite and "+" + concept.opposite not in forms:
            forms["+" + name] = concept.forms
            forms["-" + name] = compiled.concepts[concept.opposite].forms
    return Finder(forms)


# ------------------------------------------------------------------- the rubric


@dataclass(frozen=True, slots=True)
class _Texts:
    """A rubric's texts in one language: a point's are one after another, from `starts` on."""

    phrasings: list[str]
    starts: list[int]
    right: Vectors
    wrong: Vectors | None


class _Rubric:
    """A rubric made ready to be compared with sentences."""

    def __init__(self, compiled: Compiled) -> None:
        self.compiled = compiled
        self.opposites = _opposites(compiled)
        self._points = compiled.rubric.points
        named = {word for forms in compiled.subjects.values() for form in forms for word in content_words(read(form))}
        self._words = [
            {
                word: weight
                for phrasing in compiled.points[point.id]
                for word, (weight, _, _) in phrasing.words.items()
                if word not in named
            }
            for point in self._points
        ]
        self._texts: dict[Language, _Texts] = {}
        self._read: dict[str, tuple[_Sides, frozenset[str]]] = {}

    def said(self, unit: _Unit, vector: Vectors) -> tuple[str, float] | None:
        """The point that a sentence says, and how much nearer it is to it than to any other."""
        texts = self._of(unit.language)
        near = [float(each) for each in texts.right @ vector]
        groups = [near[start:end] for start, end in zip(texts.starts, [*texts.starts[1:], len(near)], strict=True)]
        means = [sum(group) / len(group) for group in groups]
        if len(means) < 2:
            return None  # nothing to be nearer than
        best = max(range(len(means)), key=means.__getitem__)
        margin = means[best] - max(mean for index, mean in enumerate(means) if index != best)
        nearest = max(range(len(near)), key=near.__getitem__)
        inside = texts.starts[best] <= nearest < texts.starts[best] + len(groups[best])
        if margin < PARTLY or not inside or near[nearest] < NEAR[unit.language]:
            return None
        if texts.wrong is not None and near[nearest] < float((texts.wrong @ vector).max()) + BEFORE_WRONG:
            return None
        point = self._points[best]
        sides, subjects = self._phrasing(texts.phrasings[nearest])
        if point.about is not None:
            same = unit.subjects == {point.about}
        else:
            same = not (unit.subjects and subjects) or bool(unit.subjects & subjects)
        if not same or not unit.sides.agree(sides) or not self._lean(unit, best):
            return None
        return point.id, margin

    def _lean(self, unit: _Unit, best: int) -> bool:
        """Whether its words, subjects aside, are not another point's: 'a fridge boils water' is not about cooling."""
        known = [sum(words[each] for each in unit.sides.negated if each in words) for words in self._words]
        return known[best] >= max(known)

    def _of(self, language: Language) -> _Texts:
        texts = self._texts.get(language)
        if texts is None:
            phrasings: list[str] = []
            starts = []
            for point in self._points:
                starts.append(len(phrasings))
                phrasings += point.phrasings[language]
            wrong = [text for each in self.compiled.rubric.misconceptions for text in each.wordings[language]]
            texts = self._texts[language] = _Texts(
                phrasings,
                starts,
                vectors(phrasings, keep=True),
                vectors(wrong, keep=True) if wrong else None,
            )
        return texts

    def _phrasing(self, text: str) -> tuple[_Sides, frozenset[str]]:
        known = self._read.get(text)
        if known is None:
            found = _Text(read(text), self)
            places = [place for place, dropped in enumerate(found.polarity.dropped) if not dropped]
            known = self._read[text] = found.sides(places), found.subjects_at(places)
        return known
