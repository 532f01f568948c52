"""Answers that are none: empty, the question again, a list of keywords, words to the grader, another topic."""

from __future__ import annotations

import re
from itertools import pairwise

from grader.answers.result import Flag
from grader.answers.segments import Segment, content_words, segments
from grader.answers.words import Words, read
from grader.content.question import Question

MAX_CHARACTERS = 20_000

_GIVEN_UP = re.compile(
    r"\W*((sorry|uh|um|well|honestly)\W+)*"
    r"((i\s+(really\s+)?(do\s*n['’]?o?t|don['’]?t|dont)\s+(really\s+)?know|(i\s+have\s+)?no\s+(idea|clue)|idk"
    r"|i\s+forgot|(i\s+am\s+|i['’]?m\s+)?not\s+sure"
    r"|(这个|这道题|这题)?(我)?(也)?(真的)?(不知道|不会|不清楚|不懂|没学过|不了解|忘了|没思路|没有思路|不太清楚|不太懂)(了|啊|呢)?"
    r")\b.{0,24}|no\s+answer|n/?a|pass|skip|none|todo|test|ok|yes|no|跳过|略|无|没有|同上|抱歉|对不起)\W*",
    re.IGNORECASE | re.DOTALL,
)
_INSTRUCTIONS = re.compile(
    r"ignore\s+(all|any|the|your|previous|prior|above|every)\b.{0,60}\b(instruction|rubric|prompt|rule|criteria|guideline)"
    r"|disregard\s+(all|any|the|your|previous|prior|above)\b.{0,40}\b(instruction|rubric|prompt|rule|criteria|guideline)"
    r"|(give|award|assign|grant|grade|mark|rate|score)\b.{0,40}\b(full\s+(marks?|points?|score|credit)|maximum\s+(score|marks?|points?)|top\s+(score|marks?)|\d+\s*(/|out\s+of)\s*\d+|as\s+(correct|fully\s+correct|adequate))"
    r"|(^|\n|[.!?]\s*)\s*(system|assistant|developer)\s*(prompt|message|note)?\s*[:：>\]]"
    r"|<\s*/?\s*(system|instructions?|admin)\s*>|\[\s*(system|inst|admin)\s*\]"
    r"|[\"']?(score|outcome|covered)[\"']?\s*[:=]\s*([\"']?(1(\.0+)?|100|adequate|full)\b|\[)"
    r"|(the\s+)?(candidate|student|answer|response)\s+(has\s+)?(already\s+)?(covered|covers|fully\s+covers|addresses|addressed|mentions|mentioned)\s+(all|every|each)\b"
    r"|(this|the|my)\s+answer\s+(is|was|should\s+be|must\s+be)\s+(completely\s+|fully\s+|entirely\s+|considered\s+|marked\s+|graded\s+|treated\s+)+(as\s+)?(correct|right|adequate|complete|perfect)"
    r"|(dear|hello|hi|attention|note\s+to|message\s+to)\s*,?\s*(the\s+)?(grader|examiner|evaluator|marker|model|ai\b)"
    r"|you\s+are\s+now\b|new\s+instructions?\b|override\b.{0,30}\b(grad|scor|rubric|instruction)|do\s+not\s+(evaluate|grade|check)\b"
    r"|(忽略|无视|忘记|不要管|跳过|不用管).{0,20}(评分|标准|指令|提示|规则|要求|说明|规定)"
    r"|(请|直接|务必|必须|应该|应当)?.{0,6}(给|打|评|判|算).{0,8}(满分|最高分|全对|通过|\d+\s*分)|系统(提示|消息|指令|通知)\s*[:：]"
    r"|(该|本|此|这个|我的)?(回答|答案|考生|候选人).{0,8}(已经|已)?.{0,4}(完整|全部|完全|充分)?(覆盖|涵盖|包含|答出)(了)?.{0,30}(全部|所有|每个|各个)(的)?(要点|得分点|评分点|知识点)?"
    r"|(阅卷|评分|批改|打分)(人|老师|员|系统|模型|助手|官).{0,16}(请|注意|好|你好|您好|[:：,，])",
    re.IGNORECASE | re.DOTALL,
)
_SEPARATORS = re.compile(r"[,，、;；。.|/\n]|(?<=[\u3400-\u9fff])\s+(?=[\u3400-\u9fff])")
_PUNCTUATION = re.compile(r"[,，.。;；:：、!！?？]")
_SPACES = re.compile(r"\s")  # of Chinese without any comma
# The least share of words that hold a text together, 'of', 'is', 把: 0.3 to 0.5 in prose, about 0 in a list of keywords
LEAST_SHARE = 0.12
LEAST_WORDS = 8
LONG_PIECE = 4
LEAST_PIECES = 5
SHORT_PIECE = 2.6  # words between two commas, on the average: of so short pieces twice the share is wanted
SAID_AGAIN = 0.15  # of the words are new
ASKED_AGAIN = 0.6  # of the question's words are there
REPEATED = 0.6  # of the words are not there twice
LEAST_ECHO = 4  # words of a sentence
ECHOED = 0.1  # of them are new


def flags(question: Question, answer: str, words: Words) -> tuple[Flag, ...]:
    """What keeps the answer from being graded; () for an honest one."""
    if len(answer) > MAX_CHARACTERS:
        return ("too_long",)
    if not words.words or (_GIVEN_UP.fullmatch(answer.strip()) and len(words.words) < 16):
        return ("empty",)
    found: list[Flag] = []
    if _INSTRUCTIONS.search(answer):
        found.append("instructions")
    if _copied(question, words):
        found.append("copied_question")
    return tuple(found)


def keyword_lists(words: Words) -> set[int]:
    """The sentences that are nothing but keywords, by their number."""
    if _keywords(words, 0, len(words.words), LEAST_WORDS, LEAST_SHARE):
        return set(range(len(words.sentences)))
    # Notes of someone who has something to say may hold a terse line
    return {
        number
        for number, (first, last) in enumerate(words.sentences)
        if _keywords(words, first, last, LEAST_WORDS * 3 // 2, LEAST_SHARE / 3)
    }


def _keywords(words: Words, first: int, last: int, least: int, threshold: float) -> bool:
    """Whether hardly a word holds the others together.

    Terse Chinese has few such words: there the pieces between two commas tell, a word or two each in a list.
    """
    part = list(segments(words, first, last))
    if len(part) < least:
        return False
    # ':' and '→' say something of what stands before them
    holding = sum(segment.holding for segment in part) + sum(first <= place < last for place in words.relations)
    share = holding / len(part)
    pieces = _pieces(words, part)
    long = sum(piece for piece in pieces if piece >= LONG_PIECE)
    if len(pieces) < LEAST_PIECES and len(part) < 2 * least and share >= threshold / 2:
        return False  # a terse sentence
    if sum(word.chinese for word in words.words[first:last]) < (last - first) / 2:
        if _PUNCTUATION.search(words.text) and share >= threshold / 3 and len(pieces) > 2 and long >= len(part) / 2:
            return False  # notes
        return share < (2 * threshold if len(part) / len(pieces) < SHORT_PIECE else threshold)
    return share < 2 * threshold and long < len(part) / 3


def _pieces(words: Words, part: list[Segment]) -> list[int]:
    """How many segments stand between two separators each."""
    whole = words.text[words.words[part[0].place].start : words.words[part[-1].place].end]
    spaced = sum(word.chinese for word in words.words) * 2 > len(words.words) and not _PUNCTUATION.search(whole)
    separator = _SPACES if spaced else _SEPARATORS
    counts = [1]
    for before, after in pairwise(part):
        between = words.text[words.words[before.place].start : words.words[after.place].start + 1]
        if separator.search(between):
            counts.append(0)
        counts[-1] += 1
    return counts


def echoes(question: Question, words: Words) -> set[int]:
    """The sentences that say nothing but what the question has said, in either language, by their number."""
    asked = _asked(question)
    found = set()
    for number, (first, last) in enumerate(words.sentences):
        said = content_words(words, first, last)
        if len(said) >= LEAST_ECHO and sum(word not in asked for word in said) <= ECHOED * len(said):
            found.add(number)
    return found


def _asked(question: Question) -> set[str]:
    return {word for prompt in (question.prompt.en, question.prompt.zh) for word in content_words(read(prompt))}


def _copied(question: Question, words: Words) -> bool:
    """The answer says next to nothing that the question has not said, and says that again."""
    said = [segment.text for segment in segments(words) if not segment.holding]
    fresh = sum(word not in _asked(question) for word in said)
    if len(said) < 3 or fresh > SAID_AGAIN * len(said):
        return False
    if len(set(said)) / len(said) <= REPEATED:
        return True
    prompts = (set(content_words(read(prompt))) for prompt in (question.prompt.en, question.prompt.zh))
    return any(len(asked & set(said)) / max(len(asked), 1) >= ASKED_AGAIN for asked in prompts)
