"""What checks compare with, computed once: answers that a rehearsal has kept, by the bits of what was asked.

A check's examples are remembered (`remembered`), so what is right for them can be too. A key holds every bit of the
arguments: what is given is what would be computed.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import ModuleType
from typing import Any, TypeVar

import torch

from grader.exam.remembered import Copy, Unrepeatable

# Of one call's tensors, and of all answers of one kind that are kept: forks pay for them in memory.
MOST_BYTES_OF_KEY = 1 << 17
MOST_BYTES = 8 << 20

Function = TypeVar("Function", bound=Callable[..., Any])

_learning: ContextVar[bool] = ContextVar("answers are kept", default=False)


@contextmanager
def learning() -> Iterator[None]:
    """Within it, answers are kept."""
    token = _learning.set(True)
    try:
        yield
    finally:
        _learning.reset(token)


class Answers:
    """What some functions gave."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Any] = {}
        self._bytes = 0

    def answer(self, call: Any, compute: Callable[[], Any], *, repeatable: Callable[[], bool] = lambda: True) -> Any:
        """What `compute` gives, or gave for the same `call`: plain values that it depends on. Kept while learning, if
        it turns out to be `repeatable`.
        """
        learns = _learning.get()
        key = key_of(call) if self._known or learns else None
        if key is not None and key in self._known:
            return Copy(known=True).of(self._known[key])
        found = compute()
        if key is not None and learns and repeatable():
            self._keep(key, found)
        return found

    def _keep(self, key: Hashable, found: Any) -> None:
        copy = Copy()
        try:
            kept = copy.of(found)
        except Unrepeatable:
            return
        if self._bytes + copy.bytes <= MOST_BYTES:
            self._bytes += copy.bytes
            self._known[key] = kept


def expectation(function: Function) -> Function:
    """Mark a function of checks.py that computes what is expected of a submission. Its result may depend on nothing
    but its arguments: plain values, tensors, named tuples of them, and the `reference`. With a candidate among them it
    is computed each time.
    """
    answers = Answers()

    @functools.wraps(function)
    def expected(*arguments: Any, **named: Any) -> Any:
        return answers.answer((arguments, named), lambda: function(*arguments, **named))

    return expected  # type: ignore[return-value]  # wraps keeps the signature


class _NoKey(Exception):
    """These arguments are no plain values."""


def key_of(call: Any) -> Hashable | None:
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
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return kind, *[_part(item) for item in value]
    trusted = getattr(kind, "trusted_module", None)
    if trusted is not None:
        module: ModuleType = trusted(value)
        return kind, module
    raise _NoKey
