"""A text as words: English by stems, Chinese by characters, each with its place, its clause and its sentence.

Forms of a rubric and answers of candidates go through the same steps, so that whatever a step does to a word, it does
to both. Candidates mix the languages, so there is one stream for both.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from functools import lru_cache

import snowballstemmer
from rapidfuzz import process
from rapidfuzz.distance import OSA

_stemmer = snowballstemmer.stemmer("english")

_WORD = re.compile(
    r"w/o\b|[-=]+>|[a-z]+(?:['’][a-z]+)?|\d+(?:[.,]\d+)*|[\u3400-\u9fff]|[√%=×→⇒~≈^]|[.!?。！？；;\n]+|[,，:：()（）\[\]、—–/|•·\-_\"“”'‘’]"
)
_CHINESE = re.compile(r"[\u3400-\u9fff]")
_ENDS = re.compile(r"[.!?。！？；;\n]")
# A comma or a bracket ends a clause; '、' joins a list, '-', '_' and '/' a word
_CLAUSE_ENDS = frozenset(",，:：()（）—–|•·")
_RATIO = re.compile(r"[a-z0-9]:[a-z0-9]")
# Words that begin a clause of their own
_CLAUSE_WORDS = frozenset(
    "but whereas while however although though because since so therefore thus hence unless if when then which who "
    "where yet instead otherwise".split()
)
_CLAUSE_CHARS = ("但", "而", "因为", "所以", "因此", "不过", "然而", "虽然", "尽管", "从而", "如果", "否则")
# Prefixes that are written together, apart or with a hyphen
_PREFIXES = frozenset("pre non multi auto bi uni un over semi sub hyper inter intra re de down up cross".split())
_JOINED_APART = frozenset("pre non multi auto bi uni semi".split())
_SHORT_FORMS = re.compile(r"(is|are|was|were|do|does|did|ca|can|wo|would|should|could|has|have|had|need|must)n['’]?t")
_SPELLINGS = (
    (re.compile(r"(...)is(e|ed|es|ing|er|ers|ation|ations)$"), r"\1iz\2"),
    (re.compile(r"(..)ys(e|ed|es|ing)$"), r"\1yz\2"),
    (re.compile(r"(label|model|cancel|signal|channel|level|fuel|travel|tunnel)l(ed|ing|er|ers)$"), r"\1\2"),
    (re.compile(r"(behavi|col|neighb|fav|lab|vap|hon)our"), r"\1or"),
    (re.compile(r"centre(s?)$"), r"center\1"),
)


LONG = 6  # letters of a stem that may be misspelt
VERY_LONG = 10  # by two letters


@dataclass(frozen=True, slots=True)
class Word:
    """`stem` is what is compared; `start` and `end` are places in the text as it was written."""

    stem: str
    raw: str
    start: int
    end: int
    clause: int
    sentence: int

    @property
    def chinese(self) -> bool:
        return len(self.raw) == 1 and bool(_CHINESE.match(self.raw))


@dataclass(slots=True)
class Words:
    """A text and its words."""

    text: str
    words: list[Word]
    relations: list[int] = field(
        default_factory=list
    )  # the words before which ':', '=' or '→' stands: it is what 'is' is
    sentences: list[tuple[int, int]] = field(default_factory=list)  # first word, one past the last

    def quote(self, first: int, last: int) -> str:
        """The clauses that hold the words `first` to `last`, as they were written."""
        words = self.words
        while first > 0 and words[first - 1].clause == words[first].clause:
            first -= 1
        while last + 1 < len(words) and words[last + 1].clause == words[last].clause:
            last += 1
        return self.text[words[first].start : words[last].end]


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """The stem of an English word in small letters, British spelling as American."""
    for pattern, replacement in _SPELLINGS:
        word = pattern.sub(replacement, word)
    return str(_stemmer.stemWord(word))


def read(text: str) -> Words:
    """The words of a text."""
    folded, places = _fold(text)
    out: list[Word] = []
    result = Words(text, out)
    clause = sentence = 0
    first = 0
    hyphen = False
    for match in _WORD.finditer(folded):
        raw = match[0]
        start, end = places[match.start()], places[match.end() - 1] + 1
        if raw == "w/o":
            raw = "without"
        if raw in "任何" and _any(folded, match.start(), out):
            continue
        if _ENDS.match(raw):
            if raw == "." and _abbreviation(out):
                continue
            clause += 1
            if len(out) > first:
                result.sentences.append((first, len(out)))
                first = len(out)
                sentence += 1
            hyphen = False
        elif raw == ":" and _RATIO.match(folded, max(0, match.start() - 1)):
            hyphen = False  # 2:4
        elif raw in _CLAUSE_ENDS:
            clause += 1
            if raw in ":：—–":
                result.relations.append(len(out))
            hyphen = False
        elif raw in "-_/、[]\"“”'‘’":
            hyphen = raw == "-"
        elif raw in "=→⇒~≈" or raw.endswith(">"):
            result.relations.append(len(out))
            clause += raw.endswith((">", "→", "⇒"))  # what follows is said of it, and no longer denied with it
        else:
            words = _parts(raw)
            if words[0] in _CLAUSE_WORDS or (_CHINESE.match(raw) and folded.startswith(_CLAUSE_CHARS, match.start())):
                clause += 1
            for word in words:
                if out and not hyphen and out[-1].raw in _JOINED_APART and word.isalpha() and word.isascii():
                    hyphen = True
                if out and word.isalpha() and word.isascii() and _joins(out[-1], word, hyphen):
                    word, start = out[-1].raw + word, out[-1].start
                    out.pop()
                out.append(Word(stem(word) if word.isascii() else word, word, start, end, clause, sentence))
            hyphen = False
    if len(out) > first:
        result.sentences.append((first, len(out)))
    return result


def mended(words: Words, vocabulary: Collection[str]) -> Words:
    """The same text, with each misspelt long word read as the word of the vocabulary that it is nearest to."""
    known = [stem for stem in vocabulary if len(stem) >= LONG]
    found = []
    for word in words.words:
        if len(word.stem) >= LONG and word.raw.isascii() and word.raw.isalpha() and word.stem not in vocabulary:
            off = 2 if len(word.stem) >= VERY_LONG else 1
            # un- and in- turn a word over: the first letter must be right
            near = process.extractOne(
                word.stem, [stem for stem in known if stem[0] == word.stem[0]], scorer=OSA.distance, score_cutoff=off
            )
            if near and near[0][-1] == word.stem[-1]:  # 'generation' is no misspelt 'general'
                word = replace(word, stem=near[0])
        found.append(word)
    return replace(words, words=found)


def stems(text: str) -> tuple[str, ...]:
    """The stems of a rubric's form."""
    return tuple(word.stem for word in read(text).words)


def _fold(text: str) -> tuple[str, list[int]]:
    """Small letters, full-width signs as the usual ones, with the place of each in the text as it was."""
    folded: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        for each in unicodedata.normalize("NFKC", character).lower() if character > "~" else character.lower():
            folded.append(each)
            places.append(place)
    return "".join(folded), places


def _parts(raw: str) -> tuple[str, ...]:
    """One word, but `isn't` and `cannot` are two."""
    if raw == "cannot":
        return ("can", "not")
    if short := _SHORT_FORMS.fullmatch(raw):
        verb = {"ca": "can", "wo": "will"}.get(short[1], short[1])
        return (verb, "not")
    if raw[0].isdigit():
        return (raw.replace(",", ""),)
    return (re.sub(r"['’].*", "", raw),)


def _joins(before: Word, word: str, hyphen: bool) -> bool:
    if before.raw == "fine":
        return word.startswith("tun")
    return before.raw in _PREFIXES and (hyphen or before.raw in _JOINED_APART)


def _any(text: str, place: int, before: list[Word]) -> bool:
    """没有任何标注 is 没有标注."""
    return text.startswith("任何", place - (text[place] == "何")) and any(w.raw in "没无不未" for w in before[-4:])


def _abbreviation(words: list[Word]) -> bool:
    return bool(words) and (words[-1].raw in ("g", "e", "i", "vs", "al", "etc", "approx") and len(words[-1].raw) < 7)
