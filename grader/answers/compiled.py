"""A rubric made ready to be compared with answers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from grader.answers.forms import Finder
from grader.answers.polarity import CUE_WORDS, polarity
from grader.answers.segments import content_words
from grader.answers.subjects import ORDER
from grader.answers.words import read
from grader.content.question import Concept, Rubric, Terms


@dataclass(frozen=True, slots=True)
class Phrasing:
    """One way to say a point, as the words that carry it."""

    words: dict[str, tuple[float, bool, bool]]  # how much it weighs, whether it is negated, and whether doubted
    total: float
    cues: int  # how many negations are in it


class Compiled:
    """A rubric made ready to be matched. Reusable; holds nothing of an answer."""

    def __init__(self, rubric: Rubric, concepts: dict[str, Concept]) -> None:
        self.rubric = rubric
        self.concepts = concepts
        names = {form for terms in _all_terms(rubric) for group in terms for form in group}
        self.subjects = dict(rubric.subjects)
        if len(self.subjects) == len(ORDER):
            self.subjects = {
                name: (*forms, *order) for (name, forms), order in zip(self.subjects.items(), ORDER, strict=True)
            }
        names |= {form for forms in self.subjects.values() for form in forms}
        forms: dict[str, tuple[str, ...]] = {}
        for name in names:
            if name.startswith("@"):
                concept = concepts[name[1:]]
                forms[name] = concept.forms
                if concept.opposite:
                    forms["@" + concept.opposite] = concepts[concept.opposite].forms
            else:
                forms[name] = (name,)
        self.finder = Finder(forms)
        texts = [text for point in rubric.points for each in point.phrasings.values() for text in each]
        texts += [text for each in rubric.misconceptions for wordings in each.wordings.values() for text in wordings]
        counted = Counter(word for text in texts for word in set(content_words(read(text))))
        self._rarity = {word: math.log(1 + len(texts) / count) for word, count in counted.items()}
        self.vocabulary = self.finder.vocabulary | set(self._rarity) | CUE_WORDS
        self.points = {point.id: self._phrasings(point.phrasings.values()) for point in rubric.points}
        self.wrong = {each.id: self._phrasings(each.wordings.values()) for each in rubric.misconceptions}

    def _phrasings(self, texts: Iterable[tuple[str, ...]]) -> list[Phrasing]:
        found = []
        for text in (text for each in texts for text in each):
            words = read(text)
            found_in = polarity(words)
            cues = found_in.cues
            weights = {
                word: (self._rarity[word], len(cues[places[0]]) % 2 == 1, bool(found_in.doubted[places[0]]))
                for word, places in content_words(words).items()
            }
            negations = {cue for reached in cues for cue in reached}
            found.append(Phrasing(weights, sum(weight for weight, _, _ in weights.values()), len(negations)))
        return found


def _all_terms(rubric: Rubric) -> Iterable[Terms]:
    for point in rubric.points:
        yield from point.terms
    for wrong in rubric.misconceptions:
        yield from wrong.terms
