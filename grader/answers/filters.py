"""Answers that are none: empty, the question again, a list of keywords, words to the grader, another topic."""

from __future__ import annotations

import re

from grader.answers.grade import Flag
from grader.answers.words import Words, read
from grader.content.question import Question

MAX_CHARACTERS = 20_000

_GIVEN_UP = re.compile(
    r"^\W*((sorry|uh|um|well|honestly)\W+)*(i\s+(really\s+)?(do\s*n['’]?o?t|don['’]?t|dont)\s+(really\s+)?know|i\s+have\s+no\s+idea|no\s+idea|not\s+sure|no\s+answer|idk|n/?a|pass|skip|none|"
    r"i\s+forgot|i\s+am\s+not\s+sure|i['’]?m\s+not\s+sure|no\s+clue|todo|test|ok|yes|no|"
    r"(我)?(也)?(真的)?(不知道|不会|不清楚|不懂|没学过|不了解|忘了|没思路|没有思路|不太清楚|不太懂)(了|啊|呢)?|跳过|略|无|没有|同上|抱歉|对不起)\W*.{0,24}$",
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
    r"|(请|直接|务必|必须|应该|应当)?.{0,6}(给|打|评|判|算).{0,8}(满分|最高分|高分|全对|通过|\d+\s*分)|系统(提示|消息|指令|通知)\s*[:：]?"
    r"|(该|本|此|这个|我的)?(回答|答案|考生|候选人).{0,8}(已经|已)?.{0,4}(完整|全部|完全|充分)?(覆盖|涵盖|包含|答出)(了)?.{0,30}(全部|所有|每个|各个)(的)?(要点|得分点|评分点|知识点)?"
    r"|(阅卷|评分|批改|打分)(人|老师|员|系统|模型|助手|官).{0,16}(请|注意|好|你好|您好|[:：,，])",
    re.IGNORECASE | re.DOTALL,
)
FUNCTION_WORDS = frozenset(
    (
        "the a an is are was were be been being am it its this that these those they them their there he she his her i you your we our us of to in on at by for from with into onto over under "
        "as than then so and or but if when while because since which who what where how why do does did done has have had can could may might will would should must not no also only just each "
        "every any some all both more most much many one two such very about between across through within without after before during per via out up down get gets got make makes made use uses "
        "used using let lets need needs like know knows learn learns take takes give gives put keep keeps become becomes turn turns say says mean means help helps allow allows work works show "
        "shows see sees look looks instead rather same other another still even too again first second later now here means yet neither nor never always often usually"
    ).split()
)
FUNCTION_CHARS = frozenset(
    "的了是把用和在来让使就会能可以对从为成到与及也都还被将由而且不这那其它他她们一个种些只再又给跟比更最很已没有要不需得地着过上下里中后前时每各所如何么吗呢吧等之则即因此但若虽于通常先接靠做出去起开太易较"
)
LEAST_SHARE = 0.14
LONG_PIECE = 6.5  # characters
LEAST_WORDS = 6


def flags(question: Question, answer: str, words: Words) -> tuple[Flag, ...]:
    """What keeps the answer from being graded; () for an honest one."""
    if len(answer) > MAX_CHARACTERS:
        return ("too_long",)
    if not words.words or _GIVEN_UP.fullmatch(answer.strip()) and len(words.words) < 16:
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
        if _keywords(words, first, last, 2 * LEAST_WORDS, LEAST_SHARE / 3)
    }


def _keywords(words: Words, first: int, last: int, least: int, threshold: float) -> bool:
    """Whether hardly a word holds the others together, and, in Chinese, the pieces are short too."""
    part = words.words[first:last]
    if len(part) < least or function_share(words, first, last) >= threshold:
        return False
    if sum(word.chinese for word in part) < len(part) / 2:
        return True
    pieces = [len(piece) for piece in re.split(r"[^\w]+", words.text[part[0].start : part[-1].end]) if piece]
    return sum(pieces) / len(pieces) < LONG_PIECE


def function_share(words: Words, first: int, last: int) -> float:
    """How much of a text holds it together: 'of', 'is', 把, 的. About 0.3 to 0.5 in prose, 0 in a list of keywords."""
    part = words.words[first:last]
    if not part:
        return 0.0
    holding = sum(first <= place < last for place in words.relations)
    holding += sum((word.raw in FUNCTION_CHARS) if word.chinese else (word.raw in FUNCTION_WORDS) for word in part)
    # A Chinese word is about 1.7 characters long, a function word about 1.2
    return holding / len(part)


def _copied(question: Question, words: Words) -> bool:
    """The answer says next to nothing that the question has not said."""
    asked = {word.stem for text in (question.prompt.en, question.prompt.zh) for word in read(text).words}
    content = [word for word in words.words if word.raw not in FUNCTION_WORDS and word.raw not in FUNCTION_CHARS]
    if not content:
        return False
    fresh = {word.stem for word in content if word.stem not in asked}
    # of Chinese, a word has two characters
    return len(fresh) <= max(1 if not words.words[0].chinese else 3, 0.15 * len(content)) and len(content) >= 3
