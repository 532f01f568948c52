"""What an answer speaks of, word by word: in a comparison a word counts for the subject that was named last."""

from __future__ import annotations

import re

from grader.answers.forms import Span
from grader.answers.words import Words

HEAD = 6  # words of a clause among which its subject is looked for (characters of Chinese: twice as many)
MOST_BETWEEN = 3  # words between two subjects that are named together

# How two subjects are told apart without their names, in the order of the rubric
ORDER = (("the former", "前者", "the first one"), ("the latter", "后者", "the second one"))


def subjects_of(
    words: Words, forms: dict[str, tuple[str, ...]], found: dict[str, list[Span]], dropped: list[bool]
) -> list[frozenset[str]]:
    """For each word the subjects that are spoken of there: named at the beginning of its clause, or else before."""
    beginnings: dict[int, int] = {}
    for place, word in enumerate(words.words):
        beginnings.setdefault(word.clause, place)
    mentions = sorted(
        ((span, name) for name, each in forms.items() for form in each for span in found.get(form, ())),
        key=lambda mention: (mention[0].first, -mention[0].last),
    )
    current: frozenset[str] = frozenset()
    result: list[frozenset[str]] = []
    last: Span | None = None
    for span, name in mentions:
        if (last and span.first <= last.last) or dropped[span.first] or _belongs_to_a_thing(words, span):
            continue
        if last and _linked(words, last, span):
            current |= {name}  # 'pre-training and fine-tuning', 预训练和微调
        elif _begins(words, span, beginnings) and not _spoken_for(words, last, span):
            result += [current] * (span.first - len(result))
            current = frozenset({name})
        else:
            continue
        last = span
    return result + [current] * (len(words.words) - len(result))


def _spoken_for(words: Words, last: Span | None, span: Span) -> bool:
    """Whether the clause has named its subject before: 微调是在预训练模型的基础上 is about 微调."""
    if last is None or words.words[last.first].clause != words.words[span.first].clause:
        return False
    return "and" not in [word.raw for word in words.words[last.last + 1 : span.first]]


def _linked(words: Words, one: Span, other: Span) -> bool:
    between = [word.raw for word in words.words[one.last + 1 : other.first]]
    written = words.text[words.words[one.last].end : words.words[other.first].start]
    return len(between) < MOST_BETWEEN and all(raw in _LINKS for raw in between) and not _COMMA.search(written)


_COMMA = re.compile(r"[,，.。;；:：]")
_LINKS = ("and", "or", "versus", "vs", "the", "a", "和", "与", "跟", "或", "及", "以")


def _begins(words: Words, span: Span, beginnings: dict[int, int]) -> bool:
    """Whether a mention stands where a clause names what it is about: at its head, or after 'and'."""
    word = words.words[span.first]
    head = 2 * HEAD if word.chinese else HEAD
    before = [each.raw for each in words.words[max(0, span.first - 3) : span.first]]
    return span.first - beginnings[word.clause] < head or "and" in before


# 'the pretrained model', 预训练好的权重: what came out of it, in a clause about something else
_THINGS = frozenset(
    "model weight weights checkpoint network parameter parameters backbone base knowledge representation".split()
)
_THINGS_CHINESE = tuple(
    "权重 参数 知识 好的 得到的 出来的 过的 表示 的权重 的参数 的知识 的基础 后 之后 完成后".split()
)


def _belongs_to_a_thing(words: Words, span: Span) -> bool:
    after = words.words[span.last + 1 : span.last + 4]
    clause = words.words[span.first].clause
    before = [word.raw for word in words.words[max(0, span.first - 2) : span.first] if word.clause == clause]
    if "after" in before or "once" in before or before[-1:] in (["than"], ["比"]):
        return True
    if words.words[span.last].chinese:
        return "".join(word.raw for word in after).startswith(_THINGS_CHINESE)
    return words.words[span.last].raw.endswith("ed") and any(word.raw in _THINGS for word in after[:2])
