"""What a negated predicate says of the words before it: 'distant words cannot be reached', 长距离依赖它处理不了.

A negation reaches forward to what it denies (polarity.py). Where it denies what the clause says of its subject, the
subject is not said either: such words are *doubted*. They count for nothing, and against nothing, since a right answer
may well say what its subject does not do.
"""

from __future__ import annotations

from grader.answers.forms import Span
from grader.answers.words import Words

# 'the weights that are not used', 'and not one of them', 'so that it does not': what stands before is said
_ENDS_BEFORE = frozenset("that and or but nor whether if with so than as to just".split())
_PREDICATES = frozenset("not never hardly scarcely barely unable fails fail failed impossible cannot".split())
# 'has no effect', but 'with no labels'
_VERBS = frozenset("has have had is are was were brings bring gives give makes make offers offer plays play".split())
# 不微调也能做: how it is done, not what is denied
_ADVERBIAL = frozenset("也就便即")
_OF_A_WORD = frozenset("无未非")  # 无标注, 未标注: they deny the word that they begin, and nothing else
_JOINED = ("或者", "或", "而", "、", "同时")


def doubted(words: Words, cues: list[Span]) -> list[tuple[int, ...]]:
    """For each word the cues that deny what is said of it later in its clause."""
    found: list[list[int]] = [[] for _ in words.words]
    for cue in cues:
        first = _subject_chinese(words, cue) if words.words[cue.first].chinese else _subject(words, cue)
        for place in range(first, cue.first):
            found[place].append(cue.first)
    return [tuple(each) for each in found]


def _subject(words: Words, cue: Span) -> int:
    """The first word of what an English cue denies something of; the cue's own place where that is nothing."""
    listed = words.words
    before = listed[cue.first - 1].raw if cue.first else ""
    word = listed[cue.first].raw
    if word not in _PREDICATES and not (word in ("no", "nothing", "none") and before in _VERBS):
        return cue.first
    if before in _ENDS_BEFORE:
        return cue.first
    first = cue.first
    while first and listed[first - 1].clause == listed[cue.first].clause and listed[first - 1].raw not in _ENDS_BEFORE:
        first -= 1
    return first


def _subject_chinese(words: Words, cue: Span) -> int:
    listed = words.words
    if cue.first == cue.last and listed[cue.first].raw in _OF_A_WORD:
        return cue.first
    clause = listed[cue.first].clause
    end = cue.last + 1
    while end < len(listed) and listed[end].clause == clause:
        end += 1
    after = "".join(word.raw if word.chinese else "·" for word in listed[cue.last + 1 : end])
    if "的" in after[:-1] or (after.endswith("的") and not _copula(words, cue.first)):
        return cue.first  # 没有标注的文本: it belongs to the word that follows
    if any(character in after for character in _ADVERBIAL):
        return cue.first
    first = cue.first
    while first and listed[first - 1].clause == clause and not _joined(words, first):
        first -= 1
    return first


def _copula(words: Words, place: int) -> bool:
    """是处理不了的: the 的 ends the sentence's predicate."""
    clause = words.words[place].clause
    return any(word.raw == "是" for word in words.words[max(0, place - 8) : place] if word.clause == clause)


def _joined(words: Words, place: int) -> bool:
    """Whether a new part of a list or of a sentence begins before this place."""
    text = words.text[words.words[place - 1].start : words.words[place].start]
    return text.endswith(_JOINED) or text.startswith(_JOINED)
