"""What an interview asks: drawn with a seed, so that the same seed gives the same plan.

Each item's draw depends on the seed and its own id alone: a question that is added to the bank changes little else.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING

from grader.content.exercise import TOPICS, Exercise, Topic
from grader.content.question import Question

if TYPE_CHECKING:
    from grader.journal.schedule import Card, Subject

SHORTEST, LONGEST = 5, 180  # minutes
WITH_CODING = 20  # shorter ones are talk alone
WITH_TWO_EXERCISES = 75
MINUTES_EACH = 5  # a question with what is asked about the answer
MOST_QUESTIONS = 12

# interviewers open a topic with something basic
_BY_LEVEL = {1: 2.0, 2: 1.0, 3: 0.6}
_RELATED = 4.0  # an exercise that belongs to a question of the same interview
_WELL_KNOWN, _FORGOTTEN, _DUE = 0.2, 2.0, 2.0

Weights = Mapping[tuple["Subject", str], float]


@dataclass(frozen=True, slots=True)
class Plan:
    """Questions in the order in which they are asked, then exercises."""

    seed: int
    minutes: int
    questions: tuple[Question, ...]
    exercises: tuple[Exercise, ...]

    @property
    def talking(self) -> float:
        """Minutes until the coding begins, whatever has been asked by then."""
        return self.minutes - self.coding

    @property
    def coding(self) -> float:
        return min(sum(one.minutes for one in self.exercises), self.minutes / 2)


def draw(
    seed: int,
    minutes: int,
    questions: Iterable[Question],
    exercises: Iterable[Exercise],
    *,
    topic: Topic | None = None,
    weights: Weights | None = None,
) -> Plan:
    """The plan. Several topics, unless one is named; what has a greater weight is drawn more often."""
    weights = weights or {}
    asked = [one for one in questions if topic in (None, one.topic)]
    coded = list(exercises) if minutes >= WITH_CODING else []
    if topic is not None:
        named = {id for one in asked for id in one.exercises}
        coded = [one for one in coded if one.topic == topic] or [one for one in coded if one.id in named]
    talking = minutes / 2 if coded else minutes
    count = min(max(round(talking / MINUTES_EACH), 1), MOST_QUESTIONS)
    chosen = _questions(seed, asked, count, weights)
    related = {id for one in chosen for id in one.exercises}
    return Plan(seed, minutes, tuple(chosen), tuple(_exercises(seed, coded, minutes, related, weights)))


def weigh(cards: Iterable[Card], at: datetime) -> dict[tuple[Subject, str], float]:
    """More for what is due, and for what would not be known today. What was never met has a weight of 1."""
    found = {}
    for card in cards:
        weight = _WELL_KNOWN + _FORGOTTEN * (1 - card.score * card.recall(at))
        found[card.kind, card.subject] = weight * (_DUE if card.due <= at else 1)
    return found


def _questions(seed: int, asked: Sequence[Question], count: int, weights: Weights) -> list[Question]:
    """The first of each topic in turn, then the second of each; at last the basic ones come first."""
    keys = {
        one.id: _key(seed, one.id, _BY_LEVEL.get(one.level, 1.0) * weights.get(("question", one.id), 1.0))
        for one in asked
    }
    ordered = sorted(asked, key=lambda one: keys[one.id], reverse=True)
    turns: list[tuple[int, int, Question]] = []
    met: dict[Topic, int] = {}
    for position, one in enumerate(ordered):
        turns.append((met.get(one.topic, 0), position, one))
        met[one.topic] = met.get(one.topic, 0) + 1
    turns.sort(key=lambda turn: turn[:2])
    return sorted((one for _, _, one in turns[:count]), key=lambda one: one.level)


def _exercises(
    seed: int, coded: Sequence[Exercise], minutes: int, related: set[str], weights: Weights
) -> list[Exercise]:
    """One or two that fit into half of the time; where none does, the shortest: an interview may end within one."""
    keys = {
        one.id: _key(seed, one.id, (_RELATED if one.id in related else 1.0) * weights.get(("exercise", one.id), 1.0))
        for one in coded
    }
    ordered = sorted(coded, key=lambda one: keys[one.id], reverse=True)
    left, chosen = minutes / 2, list[Exercise]()
    for one in ordered:
        if one.minutes <= left and len(chosen) < (2 if minutes >= WITH_TWO_EXERCISES else 1):
            chosen.append(one)
            left -= one.minutes
    if not chosen and ordered:
        chosen = [min(ordered, key=lambda one: one.minutes)]
    return chosen


def draw_key(seed: int, id: str) -> float:
    """A number between 0 and 1 that belongs to the seed and the id; the same on every machine."""
    return Random(f"{seed}/{id}").random()


def _key(seed: int, id: str, weight: float) -> float:
    """The greatest keys are a weighted draw without replacement (Efraimidis and Spirakis, 2006)."""
    return math.pow(draw_key(seed, id), 1 / weight)


def topics_of(questions: Iterable[Question]) -> tuple[Topic, ...]:
    """The topics that there are questions of."""
    found = {one.topic for one in questions}
    return tuple(topic for topic in TOPICS if topic in found)
