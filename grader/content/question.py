"""A question and its rubric as the rest of the package sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from grader.content.exercise import Topic
from grader.errors import Language, Text

Kind = Literal[
    "good", "brief", "partial", "negated", "wrong", "mixed", "contrast", "stuffed", "copied", "verbiage", "injected"
]
Status = Literal["covered", "partial", "missing", "contradicted"]

KINDS: tuple[Kind, ...] = get_args(Kind)
STATUSES: tuple[Status, ...] = get_args(Status)

# One way to say something: an AND of OR-groups. `(("@smaller", "fewer bits"), ("memory", "内存"))`.
Terms = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Question:
    """What a candidate sees: one item of questions.yaml."""

    id: str
    topic: Topic
    level: int
    blog: int  # the number of the blog's question that it is, or follows
    prompt: Text
    answer: Text
    explanation: Text
    sources: tuple[str, ...]
    erratum: Text | None
    exercises: tuple[str, ...]
    follow_ups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Concept:
    """Words of both languages that mean the same; `opposite` names the concept that means the contrary."""

    name: str
    forms: tuple[str, ...]
    opposite: str | None


@dataclass(frozen=True, slots=True)
class Point:
    """Something that an answer should say."""

    id: str
    weight: float
    required: bool
    about: str | None  # one of the rubric's subjects
    text: Text
    hint: Text
    terms: tuple[Terms, ...]  # any one of them is enough
    phrasings: dict[Language, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Misconception:
    """Something wrong that candidates say, and why it is."""

    id: str
    about: str | None
    contradicts: tuple[str, ...]
    correction: Text
    terms: tuple[Terms, ...]
    wordings: dict[Language, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class TestAnswer:
    """An answer with the score that it must get."""

    kind: Kind
    language: Language
    answer: str
    low: float
    high: float
    points: dict[str, Status]


@dataclass(frozen=True, slots=True)
class Rubric:
    """What only the grader sees of a question."""

    id: str
    subjects: dict[str, tuple[str, ...]]
    points: tuple[Point, ...]
    misconceptions: tuple[Misconception, ...]
    tests: tuple[TestAnswer, ...]
