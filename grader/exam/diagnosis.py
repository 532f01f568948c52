"""Which catalogued mistakes behave exactly as the submission does.

The behaviour of a submission is what `behaviour(candidate, random)` of checks.py sees on random inputs. It is compared with that of mistakes.py
with each switch on, and with each pair. A match must hold on the first probes and on further ones that were not looked at before, and must differ from right
answers; nothing is guessed from source text. Where one mistake explains all, pairs with it are not said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from types import ModuleType
from typing import Any

import torch

from grader.content import Exercise
from grader.errors import Text
from grader.exam.comparisons import TOLERANCES
from grader.exam.failures import CandidateRaised, CheckFailure, WorkerLost
from grader.exam.local import LocalCandidate
from grader.faults import Mistake
from grader.verdict import Diagnosis

FIRST_PROBES = 3
FURTHER_PROBES = 12
Behaviour = dict[str, Any]


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
        return one == other or abs(one - other) <= 1e-6 + 1e-4 * abs(other) or (one != one and other != other)
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
    noise = (pooled * (1 - pooled) * (1 / one.trials + 1 / other.trials)) ** 0.5
    return abs(one.hits / one.trials - other.hits / other.trials) <= 5.3 * noise + 1e-12


# -------------------------------------------------------------------- catalogue


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The mistakes of one exercise, as they can be made."""

    exercise: Exercise
    module: ModuleType
    mistakes: tuple[Mistake, ...]

    @classmethod
    def of(cls, exercise: Exercise, module: ModuleType) -> Catalogue:
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
    """Behaviours on numbered probes, each computed once."""

    def __init__(self, behaviour: Callable[[Any, torch.Generator], Behaviour], candidate: Any) -> None:
        self._behaviour = behaviour
        self._candidate = candidate
        self._seen: dict[int, Any] = {}

    def __call__(self, probe: int) -> Any:
        if probe not in self._seen:
            random = torch.Generator().manual_seed(7919 * (probe + 1))
            torch.manual_seed(probe)
            self._candidate.seed(probe)
            self._seen[probe] = attempt(lambda: self._behaviour(self._candidate, random))
        return self._seen[probe]


def matching(
    observe: Observer, catalogue: Catalogue, behaviour: Callable[[Any, torch.Generator], Behaviour]
) -> list[tuple[str, ...]]:
    """The sets of one or two mistakes that behave as `observe` on all probes; singles are preferred to pairs."""
    right = Observer(behaviour, catalogue.making(()))
    everything = range(FIRST_PROBES + FURTHER_PROBES)
    if all(same(observe(probe), right(probe)) for probe in range(FIRST_PROBES)) and all(
        same(observe(probe), right(probe)) for probe in everything
    ):
        return []  # it fails in a way that the probes do not show
    for sets in (catalogue.singles(), catalogue.pairs()):
        found = list(_matches(observe, right, catalogue, behaviour, sets))
        if found:
            return found
    return []


def _matches(
    observe: Observer,
    right: Observer,
    catalogue: Catalogue,
    behaviour: Callable[[Any, torch.Generator], Behaviour],
    sets: list[tuple[str, ...]],
) -> Iterator[tuple[str, ...]]:
    for names in sets:
        theirs = Observer(behaviour, catalogue.making(names))
        if not all(same(observe(probe), theirs(probe)) for probe in range(FIRST_PROBES)):
            continue
        further = range(FIRST_PROBES, FIRST_PROBES + FURTHER_PROBES)
        if all(same(observe(probe), theirs(probe)) for probe in further) and not all(
            same(right(probe), theirs(probe)) for probe in range(FIRST_PROBES + FURTHER_PROBES)
        ):
            yield names


def diagnose(candidate: Any, catalogue: Catalogue, behaviour: Any) -> tuple[Diagnosis, ...]:
    """What to tell a failing submission; empty when no catalogued mistake behaves like it."""
    if behaviour is None:
        return ()
    try:
        found = matching(Observer(behaviour, candidate), catalogue, behaviour)
    except WorkerLost:
        return ()
    return tuple(_say(catalogue, names) for names in found[:1])


def _say(catalogue: Catalogue, names: tuple[str, ...]) -> Diagnosis:
    mistakes = [catalogue.get(name) for name in names]
    what_en = " and ".join(mistake.what.en for mistake in mistakes)
    what_zh = "，并且".join(mistake.what.zh for mistake in mistakes)
    return Diagnosis(
        names,
        Text(
            f"Your code behaves exactly like one in which {what_en}.", f"你的代码的表现与这种写法完全一致：{what_zh}。"
        ),
        Text("\n".join(m.hint.en for m in mistakes), "\n".join(m.hint.zh for m in mistakes)),
    )


