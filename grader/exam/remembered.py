"""The examples of a check, as Hypothesis drew them for a right answer, to be run again without drawing.

What Hypothesis draws follows from the check's seed alone as long as every example passes: so the same examples come in
the same order for each submission that passes, and drawing them is more than half of the time that a check takes. A
daemon therefore remembers them when it rehearses, and its examiners run them first. Only where all of them pass is
that the result; at the first that fails the check starts anew under Hypothesis, which finds the same failure, makes it
small, and has the word.

Values that cannot be made again exactly, and draws that use a global generator, are not remembered: such a check
always runs under Hypothesis.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import BuiltinFunctionType, FunctionType
from typing import Any

import torch
from torch import nn

from grader.errors import WireError
from grader.wire.modules import build, describe

Arguments = dict[str, Any]

# A check whose examples hold more is drawn anew each time: forks would pay for it in memory.
MOST_BYTES = 16 << 20

_AS_THEY_ARE = frozenset(
    {type(None), bool, int, float, complex, str, bytes, range, slice, type, torch.dtype, torch.device, torch.Size}
)
# What Hypothesis seeds before each example.
_SEEDED = random.Random(0).getstate()


class Unrepeatable(Exception):
    """This value cannot be made again exactly."""


class Memory:
    """The examples of one check; none until a rehearsal has taught them."""

    def __init__(self) -> None:
        self.seed = 0  # that they were drawn under
        self._examples: list[Arguments] | None = None
        self._learned: list[Arguments] | None = None  # while it learns
        self._bytes = 0
        self._outside: torch.Tensor | None = None

    @property
    def known(self) -> bool:
        return bool(self._examples)

    @contextmanager
    def learning(self, seed: int = 0) -> Iterator[None]:
        """Within it, the check runs once with a right answer, and what it is given is kept, if it passes: `seed` is
        that of its draws, and what was drawn under another is forgotten.
        """
        self.seed, self._examples, self._learned, self._bytes = seed, None, [], 0
        self._outside = torch.get_rng_state()
        try:
            yield
            self._examples = self._learned
        finally:
            self._learned = self._outside = None

    @property
    def learns(self) -> bool:
        return self._learned is not None

    def settle(self) -> None:
        """After each example: what follows is drawing."""
        self._outside = torch.get_rng_state()

    def learn(self, arguments: Arguments) -> None:
        """Before each example: this is what it is given."""
        assert self._learned is not None
        assert self._outside is not None
        try:
            if random.getstate() != _SEEDED or not torch.equal(torch.get_rng_state(), self._outside):
                raise Unrepeatable
            copy = Copy()
            kept = copy.of(arguments)
            self._bytes += copy.bytes
            if self._bytes > MOST_BYTES:
                raise Unrepeatable
            self._learned.append(kept)
        except Unrepeatable:
            self._learned = None

    def run(self, example: Callable[[Arguments], None]) -> None:
        """Run the known examples; what the first that fails raises comes out."""
        before = random.getstate()
        numpy = sys.modules["numpy"].random if "numpy.random" in sys.modules else None
        numpy_before = numpy.get_state() if numpy is not None else None
        try:
            for kept in self._examples or ():
                random.setstate(_SEEDED)
                if numpy is not None:
                    numpy.seed(0)
                example(Copy(known=True).of(kept))
        finally:
            random.setstate(before)
            if numpy is not None:
                numpy.set_state(numpy_before)


class Copy:
    """One value copied, with tensors that share memory, and objects that occur twice, as they were. A `known` value is
    a copy itself, whose tensors have been looked at.
    """

    def __init__(self, *, known: bool = False) -> None:
        self.bytes = 0
        self._known = known
        self._copies: dict[int, Any] = {}
        self._storages: dict[int, torch.UntypedStorage] = {}

    def of(self, value: Any) -> Any:
        kind = type(value)
        if kind in _AS_THEY_ARE:
            return value
        if kind is tuple:
            return tuple([self.of(item) for item in value])
        known = self._copies.get(id(value))
        if known is not None:
            return known
        copy: Any
        if kind is torch.Tensor:
            copy = self._tensor(value)
        elif kind is nn.Parameter:
            copy = nn.Parameter(self._tensor(value).detach(), value.requires_grad)
        elif issubclass(kind, nn.Module):
            copy = self._module(value)
        elif kind is list:
            copy = self._copies[id(value)] = []  # before its items, which may hold it
            copy.extend([self.of(item) for item in value])
        elif kind is dict:
            copy = self._copies[id(value)] = {}
            copy.update([(self.of(key), self.of(item)) for key, item in value.items()])
        elif kind is set or kind is frozenset:
            copy = kind([self.of(item) for item in value])
        elif kind is torch.Generator and value.device.type == "cpu":
            copy = torch.Generator()
            copy.set_state(value.get_state())
        elif issubclass(kind, tuple) and hasattr(kind, "_fields") and not hasattr(value, "__dict__"):
            copy = tuple.__new__(kind, [self.of(item) for item in value])
        elif kind is BuiltinFunctionType or (kind is FunctionType and value.__closure__ is None):
            copy = value
        else:
            raise Unrepeatable
        self._copies[id(value)] = copy
        return copy

    def _module(self, value: nn.Module) -> nn.Module:
        """A module of torch's own classes, as the wire knows them."""
        try:
            copy = build(self.of(describe(value)))
        except WireError as error:
            raise Unrepeatable from error
        if vars(copy).keys() != vars(value).keys():  # it has got an attribute since it was made
            raise Unrepeatable
        return copy

    def _look_at(self, value: torch.Tensor) -> None:
        if (
            value.layout is not torch.strided
            or value.device.type != "cpu"
            or not value.is_leaf
            or value.grad is not None
        ):
            raise Unrepeatable
        if value.is_conj() or value.is_neg() or value.is_quantized or value.is_nested:
            raise Unrepeatable
        self.bytes += value.untyped_storage().nbytes()

    def _tensor(self, value: torch.Tensor) -> torch.Tensor:
        if not self._known:
            self._look_at(value)
        storage = value.untyped_storage()
        place, size = storage.data_ptr(), storage.nbytes()
        known = self._storages.get(place) if size else None
        if known is None and size == value.nbytes and value.is_contiguous():
            copy = value.detach().clone()
            self._storages[place] = copy.untyped_storage()
        else:
            if known is None:
                known = self._storages[place] = storage.clone()  # type: ignore[no-untyped-call]
            copy = torch.empty(0, dtype=value.dtype).set_(known, value.storage_offset(), value.size(), value.stride())
        if value.__dict__:
            copy.__dict__.update({name: self.of(item) for name, item in value.__dict__.items()})
        return copy.requires_grad_() if value.requires_grad else copy
