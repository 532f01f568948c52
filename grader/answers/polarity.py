"""What is negated and what is only mentioned: how far 'not' and 不 reach; 'unlike X', 不是X而是Y.

A negation reaches from its cue to the end of its clause. 'not only', 不仅 and their like negate nothing. What stands in
a contrast is neither said nor denied: it is dropped before anything is compared.
"""

from __future__ import annotations

from dataclasses import dataclass

from grader.answers.forms import Finder, Span
from grader.answers.predicates import doubted
from grader.answers.segments import segments
from grader.answers.words import Word, Words, stem

# Words and characters that belong to the next thing alone: 无标注文本 is text, 'without labels on raw text' too
_REACHES = {"无": 2, "未": 2, "非": 2, "without": 4, "no": 5, "rarely": 4, "seldom": 4, "hardly": 5}
MOST_OF_A_WORD = 4  # characters after its 不
BETWEEN = 40  # characters from 不 to 而是 at most
REACH = 14  # words that an English negation reaches at most

# Longest first does not matter: a cue inside an exemption is none, and of nested cues the longest counts.
_EXEMPT = """
not only | not just | not merely | not simply | not solely | not to mention | not surprising | not so much
no doubt | no matter | nothing but | whether or not | or not | no more than | no less than | no surprise
not perfect | not free | not magic | not trivial | not without | if not | why not | not be lost | do not forget
no wonder | not much | not too | not very | nothing more than | yes or no | yes no
不同 | 不仅 | 不只 | 不但 | 不光 | 不单 | 不断 | 不过 | 不管 | 不论 | 无论 | 非常 | 未来 | 不得不 | 不可避免
不足 | 不错 | 不少 | 不久 | 不妨 | 无疑 | 除非 | 无限 | 无穷 | 没错 | 没问题 | 不可或缺 | 不可缺少 | 毫无疑问
是不是 | 能不能 | 会不会 | 有没有 | 要不要 | 非线性 | 没那么 | 不太 | 不是万能 | 不像话 | 无非 | 差不多 | 不一样
不亚于 | 不在话下 | 淹没 | 无数 | 无关紧要
 | 时不时 | 乘不误 | 算不误 | 照做不误 | 少不了 | 免不了 | 离不了 | 忘不了 | 大不了 | 不了解
"""
# Takes back an 'always': no denial of what is said, but whoever says it does not hold the misconception
_SOFT = """
not necessarily | not always | not guarantee | not guaranteed | not entirely | not completely | not exactly
not fully | not perfectly | not all | not every | not mean | not the same | not identical
not the case that all
不一定 | 未必 | 不等于 | 不总是 | 不完全 | 不见得 | 不意味着 | 并不意味着 | 并非总是 | 并不总是
"""
_CUES = """
not | no | never | without | neither | nor | none | nothing | nobody | hardly | scarcely | barely | lack | lacks
lacking | fail to | fails to | failed to | fails | fail | unable to | impossible to | no longer | far from | no need for
refuse to | ceases to | loses the ability | rather than being | lacked | rarely | seldom | refuses to
prevents .. from | prevent .. from | keeps .. from | stops .. from | not true that | false that
not the case that | wrong that | myth that
不是 | 不会 | 不能 | 无法 | 没有 | 没法 | 不需要 | 无需 | 不用 | 不再 | 从不 | 从来不 | 不必 | 毫无 | 难以 | 未
未能 | 没 | 无 | 并非 | 绝非 | 不 | 勿 | 缺乏 | 缺少 | 不可能 | 不可以 | 不可 | 决不 | 绝不 | 丧失 | 不靠
不依赖
 | 无从
 | 谈不上 | 算不上 | 称不上 | 说不上
 | 妨碍 | 阻碍 | 削弱 | 破坏
hinder | hinders | undermine | undermines | destroy | destroys | ruins
 | 不比 | 不如
"""
# The whole clause before it is denied
_DENIED = """
is false | is wrong | is impossible | is not possible | is not true | is incorrect | does not happen | is a myth
is not the case | is never used | are never used | is not used | are not used | is not needed | are not needed
is not required | are not required | is unnecessary | are unnecessary | is no longer needed | are no longer needed
是错的 | 不成立 | 不可能的 | 是错误的 | 是误解 | 用不到 | 用不着 | 派不上用场
做不到 | 办不到 | 不了 | 毫无帮助 | 毫无意义 | 没有帮助 | 没有意义 | 不起作用 | 无济于事
"""
# From the first to the end of the clause, or to the last where one is named
_CONTRASTS = """
unlike | rather than | instead of | as opposed to | in contrast to | in contrast with | contrary to
compared to | compared with | in comparison to | in place of | other than | different from | differs from
differ from | instead of just | relative to
而不是 | 而非 | 不像 | 相比于 | 相比 | 比起 | 区别于 | 不同于 | 有别于 | 相较于
 | than
"""
# A denial in such a clause holds under a condition, and does not turn over what is said elsewhere
_LIMITS = """
alone | by itself | by themselves | on its own | on their own | automatically | simply | merely | without | otherwise
random | randomly | unstructured | scattered | irregular | here and there | at random
单靠 | 光靠 | 光把 | 光是 | 仅靠 | 只靠 | 自动 | 否则 | 不然 | 随机 | 零散 | 散落 | 非结构化 | 不规则 | 无规律 | 本身
东一个西一个
"""
# Who says so of something does not hold it; and what would be otherwise is not so
_REFUTED = """
off by | is off | mistaken | mistake | myth | misconception | typo | exaggerat | overstat | ten times too | misprint
说错 | 写错 | 搞错 | 误解 | 误区 | 笔误 | 谁说 | 多了十倍 | 多了一个零 | 错误说法 | 夸大
"""
_OTHERWISE = "otherwise | or else | 否则 | 不然 | 要不然"
# and in such a sentence
_CONDITIONS = "if | unless | when | 如果 | 若 | 假如 | 要是 | 倘若 | 要不是 | 除非 | 的话 | 的时候"
_STOPS = frozenset(
    "就 便 即 也 nor and but so because which that and while whereas although though however then instead".split()
)


@dataclass(slots=True)
class Polarity:
    """For each word the cues that reach it, those that deny what is said of it, and whether it stands in a contrast."""

    cues: list[tuple[int, ...]]
    doubted: list[tuple[int, ...]]
    dropped: list[bool]
    softened: list[bool]
    limited: list[bool]

    def reaching(self, span: Span) -> frozenset[int]:
        """The cues that reach it and stand outside it, by their places."""
        return frozenset(cue for place in span.places for cue in self.cues[place] if not span.first <= cue <= span.last)

    def doubting(self, span: Span) -> frozenset[int]:
        """The cues that deny what is said of it."""
        inside = range(span.first, span.last + 1)
        return frozenset(cue for place in span.places for cue in self.doubted[place] if cue not in inside)

    def within(self, span: Span) -> frozenset[int]:
        """The cues that stand inside it."""
        return frozenset(cue for place in span.places for cue in self.cues[place] if span.first <= cue <= span.last)

    def gone(self, span: Span) -> bool:
        return any(self.dropped[place] for place in range(span.first, span.last + 1))


def _finder(text: str) -> Finder:
    forms = [form.strip() for form in text.replace("\n", " | ").split("|")]
    # As it is written: 'hardly' has the stem of 'hard'
    return Finder({form: (form,) for form in forms if form}, stemmed=False)


_exempt, _soft, _cues, _denied, _contrasts = (_finder(text) for text in (_EXEMPT, _SOFT, _CUES, _DENIED, _CONTRASTS))
_limits, _conditions, _refuted, _otherwise = (_finder(text) for text in (_LIMITS, _CONDITIONS, _REFUTED, _OTHERWISE))
CUE_WORDS = _exempt.vocabulary | _cues.vocabulary | _denied.vocabulary | _contrasts.vocabulary


def polarity(words: Words) -> Polarity:
    """The negations and contrasts of a text."""
    count = len(words.words)
    dropped = [False] * count
    soft = [span for spans in _soft.find(words).values() for span in spans]
    exempt = {place for spans in _exempt.find(words).values() for span in spans for place in span.places}
    exempt |= {place for span in soft for place in span.places}
    softened = [False] * count
    for span in soft:
        for place in _forward(words, span):
            softened[place] = True
    refuted = {words.words[span.first].sentence for spans in _refuted.find(words).values() for span in spans}
    otherwise = {words.words[span.first].clause for spans in _otherwise.find(words).values() for span in spans}
    for place, word in enumerate(words.words):
        softened[place] |= word.sentence in refuted or word.clause in otherwise
    _contrast_words(words, dropped, exempt)
    reach: list[list[int]] = [[] for _ in range(count)]
    cues = sorted({span for spans in _cues.find(words).values() for span in spans}, key=lambda s: (s.first, -s.last))
    end = -1
    denying: list[Span] = []
    limited = _limited(words)
    for span in cues:
        if span.first <= end or any(place in exempt for place in span.places) or dropped[span.first]:
            continue
        if _overcome(words, span):
            continue
        end = span.last
        denying.append(span)
        for place in _forward(words, span):
            reach[place].append(span.first)
            limited[place] |= _modifies(words, span)
    for spans in _denied.find(words).values():
        for span in spans:
            if span.first in exempt or (span.last + 1 < count and words.words[span.last + 1].raw == "的"):
                continue  # 纯文本模型做不到的任务: the task is there
            clause = words.words[span.first].clause
            for place in range(span.first - 1, -1, -1):
                if words.words[place].clause != clause or words.words[place].raw in _RELATIVE:
                    break
                reach[place].append(span.first)
    return Polarity([tuple(each) for each in reach], doubted(words, denying), dropped, softened, limited)


def _modifies(words: Words, cue: Span) -> bool:
    """没有标注的文本, 不匹配的图文: it tells which ones, and denies nothing."""
    reached = _forward(words, cue)
    last = reached[-1]
    return words.words[last].raw == "的" and last + 1 < len(words.words) and words.words[last + 1].chinese


def _limited(words: Words) -> list[bool]:
    """For each word whether what is said there holds under a condition."""
    listed = words.words
    clauses = {listed[span.first].clause for spans in _limits.find(words).values() for span in spans}
    sentences = {listed[span.first].sentence for spans in _conditions.find(words).values() for span in spans}
    return [word.clause in clauses or word.sentence in sentences for word in listed]


def _forward(words: Words, cue: Span) -> range:
    """The cue itself and what it reaches."""
    first = words.words[cue.first]
    most = _REACHES.get(first.raw if cue.first == cue.last else "", REACH)
    if cue.first == cue.last and first.chinese:
        most = min(most, _rest_of_word(words, cue.first) or most)
    last = cue.last
    for place in range(cue.last + 1, len(words.words)):
        word = words.words[place]
        if word.clause != first.clause or word.raw in _STOPS or (place - cue.last > most and not _far(first, most)):
            break
        last = place
        if word.raw == "的" and place > cue.last + 1 and words.words[cue.last].raw != "是":
            break  # 没有标注的文本: the text is there; 不是网上说的: it is not
    return range(cue.first, last + 1)


_RELATIVE = frozenset(("that", "or"))  # 'parameters that are not used': they are there
_OVERCOME = ("解决", "克服", "缓解", "消除", "摆脱", "打破")
_OVERCOMES = frozenset(stem(word) for word in ("solves", "overcomes", "removes", "fixes", "addresses", "remedies"))


def _overcome(words: Words, cue: Span) -> bool:
    """解决了不能并行的问题, 'solves the problem that it cannot ...': the cue is what is done away with."""
    first = words.words[cue.first]
    before = [word for word in words.words[: cue.first] if word.clause == first.clause]
    text = "".join(word.raw if word.chinese else "·" for word in before)
    return any(each in text for each in _OVERCOME) or any(word.stem in _OVERCOMES for word in before)


def _rest_of_word(words: Words, place: int) -> int:
    """不规则 is one word: its 不 reaches no further. 0 where the cue is a word by itself."""
    begins = {segment.place for segment in segments(words, max(0, place - 6), place + 6)}
    rest = 0
    while place + rest + 1 < len(words.words) and place + rest + 1 not in begins and rest < MOST_OF_A_WORD:
        rest += 1
    return rest if 1 < rest < MOST_OF_A_WORD else 0  # 不带, 不用 deny what follows


def _far(word: Word, most: int) -> bool:
    """A Chinese clause has no end but its comma."""
    return word.chinese and most == REACH


def _contrast_words(words: Words, dropped: list[bool], exempt: set[int]) -> None:
    listed = words.words
    for spans in _contrasts.find(words).values():
        for span in spans:
            if listed[span.first].raw == "than" and not _doing(listed[span.last + 1 :]):
                continue  # 'more than a trillion', 'more stable than likelihood' are said; 'than training anew' is not
            if span.first and listed[span.first - 1].raw in _BEING:
                continue  # 'the image is compared with all texts': no contrast
            clause = listed[span.first].clause
            opens = (
                listed[span.first].raw == "unlike"
                or span.first == 0
                or listed[span.first - 1].sentence != listed[span.first].sentence
            )
            for place in range(span.first, len(listed)):
                if opens and listed[place].clause != clause and listed[place].raw in ("which", "who", "where"):
                    clause = listed[place].clause  # 'unlike X, which ..., Y': still about X
                elif listed[place].clause != clause or (place > span.last and listed[place].raw in _CONTRAST_STOPS):
                    break
                dropped[place] = True
    text = "".join(word.raw if word.chinese else "·" for word in listed)
    _but_chinese(text, words, dropped)
    _compared(text, words, dropped)
    _not_but(words, dropped, exempt)
    _and_not(words, dropped, exempt)


def _and_not(words: Words, dropped: list[bool], exempt: set[int]) -> None:
    """'in both directions, not from left to right', 'one byte and not four': what it is not."""
    listed = words.words
    for place, word in enumerate(listed):
        if word.raw != "not" or place in exempt or not place:
            continue
        before = listed[place - 1]
        if before.sentence != word.sentence or not (before.clause != word.clause or before.raw == "and"):
            continue
        for dropping in range(place, len(listed)):
            if listed[dropping].clause != word.clause or listed[dropping].raw in _CONTRAST_STOPS - {"and"}:
                break
            dropped[dropping] = True


def _doing(following: list[Word]) -> bool:
    return bool(following) and following[0].raw.endswith("ing")


_BEING = frozenset("is are was were be been being get gets".split())
# A contrast at the head of a sentence may have no comma: "instead of keeping a float you store ..."
_CONTRAST_STOPS = (_STOPS - {"that", "which"}) | {"you", "we", "it", "they", "i"}


def _but_chinese(text: str, words: Words, dropped: list[bool]) -> None:
    """不是X而是Y, 不预测X，而是预测Y, in one sentence: from the 不 to the 而."""
    listed = words.words
    at = text.find("而是")
    while at >= 0:
        start = text.rfind("不是", max(0, at - BETWEEN), at)
        start = start if start >= 0 else text.rfind("不", 0, at)
        if start >= 0 and at - start <= BETWEEN and listed[start].sentence == listed[at].sentence:
            for place in range(start, at):
                dropped[place] = True
        at = text.find("而是", at + 1)


def _compared(text: str, words: Words, dropped: list[bool]) -> None:
    """和X不同, 与X不一样: what it is compared with is dropped."""
    for close in ("不同", "不一样", "相反", "相比"):
        at = text.find(close)
        while at >= 0:
            start = max(text.rfind(each, max(0, at - 16), at) for each in ("和", "与", "跟"))
            if start >= 0 and words.words[start].clause == words.words[at].clause:
                for place in range(start, at + len(close)):
                    dropped[place] = True
            at = text.find(close, at + 1)


def _not_but(words: Words, dropped: list[bool], exempt: set[int]) -> None:
    """'not X but Y' in one sentence."""
    listed = words.words
    for place, word in enumerate(listed):
        if word.raw != "but" or place == 0:
            continue
        for before in range(place - 1, max(-1, place - 12), -1):
            if listed[before].sentence != word.sentence:
                break
            longer = listed[before].raw == "no" and listed[before + 1].raw == "longer"
            if (listed[before].raw == "not" or longer) and before not in exempt:
                if ":" in words.text[listed[before].end : word.start]:
                    break
                after = listed[place + 1].raw if place + 1 < len(listed) else ""
                if after not in ("it", "this", "that", "they", "also", "the", "we", "you", "still", "only"):
                    for dropping in range(before, place):
                        dropped[dropping] = True
                break
