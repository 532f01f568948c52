"""How much an answer is like a reference answer, where nobody has written a rubric.

Half is how much of the reference's words the answer has, by their rarity, half the cosine of character trigrams, which
forgives spelling and endings. Neither sees a negation: what it says is a hint, never a mark.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from grader.answers.segments import content_words
from grader.answers.words import mended, read

ASKED = 0.3  # what a word counts that stands in the question already


class Likeness:
    """The reference answers to one question. `others`: further texts of the field, from which rarity is learned."""

    def __init__(self, question: str, references: Sequence[str], others: Sequence[str] = ()) -> None:
        self._references = [(set(content_words(read(text))), _trigrams(text)) for text in references]
        asked = set(content_words(read(question)))
        counted = Counter(word for text in others for word in set(content_words(read(text))))
        self._weights = {
            word: math.log(1 + max(len(others), 1) / (counted[word] or 1)) * (ASKED if word in asked else 1)
            for words, _ in self._references
            for word in words
        }

    def of(self, answer: str) -> float:
        """From 0, nothing in common, to 1, the same words; the likest reference counts."""
        said = set(content_words(mended(read(answer), self._weights)))
        written = _trigrams(answer)
        return (
            max((self._recall(words, said) + _cosine(grams, written) for words, grams in self._references), default=0.0)
            / 2
        )

    def _recall(self, words: set[str], said: set[str]) -> float:
        whole = sum(self._weights[word] for word in words)
        return sum(self._weights[word] for word in words & said) / whole if whole else 0.0


def _trigrams(text: str) -> Counter[str]:
    plain = " ".join(text.lower().split())
    return Counter(plain[start : start + 3] for start in range(len(plain) - 2))


def _cosine(one: Counter[str], other: Counter[str]) -> float:
    shared = sum(count * other[gram] for gram, count in one.items() if gram in other)
    lengths = math.sqrt(sum(count**2 for count in one.values()) * sum(count**2 for count in other.values()))
    return shared / lengths if shared else 0.0
