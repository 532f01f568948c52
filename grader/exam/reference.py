"""The reference as checks call it, beside the candidate.

It is trusted: its functions are called with the caller's own tensors, and what they gave for the examples of a
rehearsal (`remembered`) is given again without being computed. A key holds every bit of the arguments, so what is
given is what would be computed; calls that draw random numbers or start a graph are always made.
"""

from __future__ import annotations

import weakref
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import torch

from grader.content import Entry, Exercise
from grader.exam import modules
from grader.exam.local import LocalCandidate, LocalEntry
from grader.exam.remembered import Copy, Unrepeatable

# Of one call's tensors, and of all answers that are kept for one exercise: forks pay for them in memory.
MOST_BYTES_OF_KEY = 1 << 17
MOST_BYTES = 8 << 20


class _Answers:
    """What the functions of one module gave."""

    def __init__(self) -> None:
        self.known: dict[Hashable, Any] = {}
        self.bytes = 0
        self.learning = False

    def keep(self, key: Hashable, answer: Any) -> None:
        copy = Copy()
        try:
            kept = copy.of(answer)
        except Unrepeatable:
            return
        if self.bytes + copy.bytes <= MOST_BYTES:
            self.bytes += copy.bytes
            self.known[key] = kept


_of_modules: weakref.WeakKeyDictionary[ModuleType, _Answers] = weakref.WeakKeyDictionary()


class Reference(LocalCandidate):
    """The exercise's own reference."""

    def __init__(self, exercise: Exercise) -> None:
        super().__init__(exercise, modules.load(exercise.reference_file, exercise.id))
        self._answers = _of_modules.setdefault(self._module, _Answers())

    @contextmanager
    def learning(self) -> Iterator[None]:
        """Within it, answers are kept."""
        self._answers.learning = True
        try:
            yield
        finally:
            self._answers.learning = False

    def _entry(self, entry: Entry) -> LocalEntry:
        return _Function(self, entry.name) if entry.kind == "function" else super()._entry(entry)


class _Function(LocalEntry):
    """A function of the reference."""

    _candidate: Reference

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        candidate, answers = self._candidate, self._candidate._answers
        key = _key((self._entry.name, arguments, named)) if answers.known or answers.learning else None
        if key is not None and key in answers.known:
            return Copy(known=True).of(answers.known[key])
        answer = candidate._apart(self._target, arguments, named)
        if key is not None and answers.learning and not candidate.last.used_global_rng:
            answers.keep(key, answer)
        return answer


class _NoKey(Exception):
    """These arguments are no plain values."""


def _key(call: Any) -> Hashable | None:
    """Every bit of a call's arguments; None where they hold more than that, or too much."""
    try:
        return _part(call)
    except _NoKey:
        return None


def _part(value: Any) -> Hashable:
    kind = type(value)
    if kind is torch.Tensor:
        if value.requires_grad or value.layout is not torch.strided or value.nbytes > MOST_BYTES_OF_KEY:
            raise _NoKey
        try:
            # Kernels may add in another order where the strides are others.
            return value.dtype, value.shape, value.stride(), value.numpy().tobytes()
        except (RuntimeError, TypeError) as error:  # what numpy does not have
            raise _NoKey from error
    if kind is tuple or kind is list:
        return kind, *[_part(item) for item in value]
    if kind is dict:
        return kind, *[(_part(key), _part(item)) for key, item in value.items()]
    if kind is float:
        return kind, value.hex()  # tells 0.0 from -0.0
    if kind in (type(None), bool, int, str, bytes, torch.dtype, torch.Size):
        return kind, value  # 1, 1.0 and True are equal
    raise _NoKey
