"""Which catalogued mistakes behave exactly as the submission does.

The behaviour of a submission is what `behaviour(candidate, random)` of checks.py sees on random inputs. It is
compared with that of mistakes.py with each switch on, and with each pair. A match found on one probe must hold on
five more that had no part in finding it, and must differ from right answers; nothing is guessed from source text.
Where one mistake explains all, pairs with it are not said.

Most mistakes are ruled out by one observation: those in which the submission differs from right answers are
compared first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import combinations
from types import ModuleType
from typing import Any, ClassVar

import torch

from grader.content import Exercise
from grader.errors import Text
from grader.exam import modules
from grader.exam.comparisons import TOLERANCES
from grader.exam.failures import CandidateRaised, CheckFailure, WorkerLost
from grader.exam.local import LocalCandidate
from grader.faults import Mistake
from grader.verdict import Diagnosis

PROBES = range(6)
EFFECT_PROBES = range(2)
Behave = Callable[[Any, torch.Generator], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Raised:
    """An exception in an observation: only its kind is compared, words differ between right answers."""

    kind: str


@dataclass(frozen=True, slots=True)
class Frequency:
    """A share of random draws. Two of them are equal when their difference is within their noise."""

    hits: int
    trials: int


def attempt(function: Callable[[], Any]) -> Any:
    """What the function gives, or Raised."""
    try:
        return function()
    except CandidateRaised as error:
        kinds = error.report.get("kinds") or ("Exception",)
        return Raised(str(kinds[0]))
    except CheckFailure:
        return Raised("CheckFailure")
    except Exception as error:  # noqa: BLE001 - a local mistake raises plainly
        return Raised(type(error).__name__)


# ------------------------------------------------------------------ comparison


def same(one: Any, other: Any) -> bool:
    """Whether two observations are of the same behaviour."""
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return _same_tensor(one.detach(), other.detach())
    if isinstance(one, Frequency) and isinstance(other, Frequency):
        return _same_frequency(one, other)
    if type(one) is not type(other):
        return False
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, float):
        return math.isclose(one, other, rel_tol=1e-4, abs_tol=1e-6) or (math.isnan(one) and math.isnan(other))
    return bool(one == other)


def _same_tensor(one: torch.Tensor, other: torch.Tensor) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if one.is_floating_point():
        rtol, atol = TOLERANCES.get(one.dtype, (1e-4, 1e-5))
        size = float(other[torch.isfinite(other)].abs().max()) if bool(torch.isfinite(other).any()) else 0.0
        return bool(torch.allclose(one, other, rtol=10 * rtol, atol=10 * atol * max(1.0, size), equal_nan=True))
    return bool(torch.equal(one, other))


def _same_frequency(one: Frequency, other: Frequency) -> bool:
    """Whether both may be draws of one probability; wrong for equal ones about once in 10^7."""
    if not one.trials or not other.trials:
        return one.trials == other.trials
    pooled = (one.hits + other.hits) / (one.trials + other.trials)
    # A submission may give back more hits than there were draws.
    noise = max(0.0, pooled * (1 - pooled) * (1 / one.trials + 1 / other.trials)) ** 0.5
    return bool(abs(one.hits / one.trials - other.hits / other.trials) <= 5.3 * noise + 1e-12)


# -------------------------------------------------------------------- catalogue


@dataclass(frozen=True, slots=True)
class Mistakes:
    """The catalogue of one exercise's mistakes, as they can be made."""

    exercise: Exercise
    module: ModuleType
    mistakes: tuple[Mistake, ...]

    @classmethod
    def of(cls, exercise: Exercise, module: ModuleType) -> Mistakes:
        return cls(exercise, module, tuple(module.CATALOGUE))

    def get(self, name: str) -> Mistake:
        return next(mistake for mistake in self.mistakes if mistake.name == name)

    def singles(self) -> list[tuple[str, ...]]:
        return [(mistake.name,) for mistake in self.mistakes]

    def pairs(self) -> list[tuple[str, ...]]:
        """Pairs that can be made together."""
        return [
            (one.name, other.name)
            for one, other in combinations(self.mistakes, 2)
            if other.name not in one.excludes and one.name not in other.excludes
        ]

    def making(self, names: Iterable[str]) -> LocalCandidate:
        return LocalCandidate(self.exercise, self.module, names)


# --------------------------------------------------------------------- diagnosis


class Observer:
    """One candidate's behaviours on numbered probes. An observation that is a function is made when first looked at."""

    def __init__(self, behaviour: Behave, candidate: Any) -> None:
        self._behaviour = behaviour
        self._candidate = candidate
        self._probes: dict[int, dict[str, Any]] = {}

    def names(self, probe: int) -> list[str]:
        return list(self._probe(probe))

    def look(self, probe: int, name: str) -> Any:
        """The observation `name` on this probe; None where there is none of that name."""
        probes = self._probe(probe)
        value = probes.get(name)
        if callable(value):
            self._candidate.seed(probe)
            value = probes[name] = attempt(value)
        return value

    def _probe(self, probe: int) -> dict[str, Any]:
        if probe not in self._probes:
            random = torch.Generator().manual_seed(7919 * (probe + 1))
            self._candidate.seed(probe)
            seen = attempt(lambda: self._behaviour(self._candidate, random))
            self._probes[probe] = seen if isinstance(seen, dict) else {"everything": seen}
        return self._probes[probe]


class Comparison:
    """A submission's behaviour beside right answers: where it differs is where a mistake must be looked for."""

    def __init__(self, submission: Observer, right: Observer) -> None:
        self.submission = submission
        self.right = right
        self._order: dict[int, list[str]] = {}

    def differing(self, probe: int) -> list[str]:
        """The observations that differ from right ones on this probe, in order."""
        names = self.submission.names(probe)
        return [n for n in names if not same(self.submission.look(probe, n), self.right.look(probe, n))]

    def order(self, probe: int) -> list[str]:
        """All observations, those that tell most first."""
        if probe not in self._order:
            first = self.differing(probe)
            self._order[probe] = [*first, *(name for name in self.submission.names(probe) if name not in first)]
        return self._order[probe]

    def explained_by(self, mistaken: Observer) -> bool:
        """Whether they are alike in everything, on the first probes and then on others."""
        return all(
            same(self.submission.look(probe, name), mistaken.look(probe, name))
            for probe in PROBES
            for name in self.order(probe)
        )


class Table:
    """The behaviours of right answers and of each mistake, kept from one diagnosis to the next."""

    _kept: ClassVar[dict[tuple[Exercise, ModuleType, Behave], Table]] = {}

    def __init__(self, mistakes: Mistakes, behaviour: Behave) -> None:
        self.mistakes = mistakes
        self.behaviour = behaviour
        self.right = self.making(())
        self.singles = {names: self.making(names) for names in mistakes.singles()}
        self._effects: dict[str, frozenset[str]] = {}

    @classmethod
    def of(cls, exercise: Exercise) -> Table | None:
        """The table of an exercise as its files stand: forks inherit it as far as it is filled. None where checks.py
        has no `behaviour`. Raises ContentError where a file does not load.
        """
        mistakes = modules.load(exercise.mistakes_file, exercise.id)
        behaviour = getattr(modules.load(exercise.checks_file, exercise.id), "behaviour", None)
        if behaviour is None:
            return None
        key = exercise, mistakes, behaviour
        if key not in cls._kept:
            cls._kept[key] = cls(Mistakes.of(exercise, mistakes), behaviour)
        return cls._kept[key]

    def fill(self) -> None:
        """Look at what most diagnoses look at."""
        for probe in PROBES:
            for name in self.right.names(probe):
                self.right.look(probe, name)
        for mistake in self.mistakes.mistakes:
            self.effect(mistake.name)

    def making(self, names: Iterable[str]) -> Observer:
        return Observer(self.behaviour, self.mistakes.making(names))

    def effect(self, name: str) -> frozenset[str]:
        """The observations in which this mistake shows."""
        if name not in self._effects:
            comparison = Comparison(self.singles[(name,)], self.right)
            self._effects[name] = frozenset(n for probe in EFFECT_PROBES for n in comparison.differing(probe))
        return self._effects[name]


def matching(submission: Observer, table: Table) -> tuple[str, ...]:
    """The one or two mistakes that behave as the submission on all probes, one rather than two; empty where there
    are none.

    Nothing matches a submission that behaves as right answers do: what is wrong with it is not what the probes show.
    """
    comparison = Comparison(submission, table.right)
    if not any(comparison.differing(probe) for probe in PROBES):
        return ()
    for names, mistaken in table.singles.items():
        if comparison.explained_by(mistaken):
            return names
    # Where two mistakes show together, one of them shows alone: most pairs are out without being made.
    seen = {name for probe in EFFECT_PROBES for name in comparison.differing(probe)}
    for names in table.mistakes.pairs():
        if seen <= table.effect(names[0]) | table.effect(names[1]) and comparison.explained_by(table.making(names)):
            return names
    return ()


def diagnose(candidate: Any, table: Table | None) -> tuple[Diagnosis, ...]:
    """What to tell a failing submission; empty when no catalogued mistake behaves like it."""
    if table is None:
        return ()
    try:
        found = matching(Observer(table.behaviour, candidate), table)
    except WorkerLost:
        return ()
    return (_say(table.mistakes, found),) if found else ()


def _say(mistakes: Mistakes, names: tuple[str, ...]) -> Diagnosis:
    made = [mistakes.get(name) for name in names]
    what_en = " and ".join(mistake.what.en for mistake in made)
    what_zh = "，并且".join(mistake.what.zh for mistake in made)
    return Diagnosis(
        names,
        Text(
            f"Your code behaves exactly like one in which {what_en}.", f"你的代码的表现与这种写法完全一致：{what_zh}。"
        ),
        Text("\n".join(m.hint.en for m in made), "\n".join(m.hint.zh for m in made)),
    )
