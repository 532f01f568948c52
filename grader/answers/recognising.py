"""Where another way of recognising what an answer says comes in: after the rules have read it, before it is scored.

The filters come before, and the score after: a recogniser says what is said, never what it is worth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from grader.answers.compiled import Compiled
from grader.answers.result import PointGrade, Wrong
from grader.answers.words import Words
from grader.content.question import Misconception, Question
from grader.errors import Language


@dataclass(frozen=True, slots=True)
class Seen:
    """What is seen in an answer so far; `lists`: the numbers of its sentences that are nothing but keywords."""

    question: Question
    compiled: Compiled
    language: Language
    words: Words
    lists: set[int]
    points: tuple[PointGrade, ...]
    wrong: tuple[tuple[Misconception, Wrong], ...]


class Recogniser(Protocol):
    """Sees more in an answer, or something else; raises nothing for what an answer holds."""

    def __call__(self, seen: Seen, /) -> Seen: ...
