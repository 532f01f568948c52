"""What lives in the worker and is known outside by number: objects, parameters, modules that a check passed in.

Numbers that the worker gives are positive, those that the examiner gives are negative, so both may name things in
one message.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from grader.wire import Decoder, Encoder, tagged
from grader.wire.modules import build, checked_name

HANDLE, MODULE, NUMBERED = "H", "M", "N"


_PLAIN = (
    torch.Tensor, torch.Generator, torch.dtype, torch.device,
    int, float, str, bytes, list, tuple, dict, type(None),
)  # fmt: skip


class Opaque:
    """Wraps a value that must stay here whatever it is."""

    def __init__(self, value: Any) -> None:
        self.value = value


class Objects:
    """The two-way table between objects of this process and their numbers."""

    def __init__(self) -> None:
        self._next = 1
        self._objects: dict[int, Any] = {}
        self._numbers: dict[int, int] = {}
        self.linked: dict[int, nn.Module] = {}
        self._linked_state: dict[int, tuple[Any, ...]] = {}

    # ------------------------------------------------------------- numbers

    def number(self, thing: Any) -> int:
        known = self._numbers.get(id(thing))
        if known is not None:
            return known
        number, self._next = self._next, self._next + 1
        self._objects[number] = thing
        self._numbers[id(thing)] = number
        return number

    def register(self, number: int, thing: Any) -> None:
        self._objects[number] = thing
        self._numbers[id(thing)] = number

    def __getitem__(self, number: int) -> Any:
        return self._objects[number]

    def free(self, numbers: list[int]) -> None:
        for number in numbers:
            thing = self._objects.pop(number, None)
            self._numbers.pop(id(thing), None)
            self.linked.pop(number, None)
            self._linked_state.pop(number, None)

    # ---------------------------------------------------------------- wire

    def encode(self, _encoder: Encoder, value: Any) -> Any:
        """Anything that is not a plain value goes out as a number."""
        # issubclass of the type: isinstance would also ask the value's own __class__, which can lie.
        kind = type(value)
        if kind is Opaque:
            return tagged(HANDLE, [self.number(value.value), "object", ""])
        if issubclass(kind, nn.Module):
            number = self.number(value)
            if number in self.linked:
                return tagged(NUMBERED, number)
            return tagged(HANDLE, [number, "module", checked_name(type(value))])
        if issubclass(kind, _PLAIN):
            return None
        return tagged(HANDLE, [self.number(value), "object", checked_name(type(value))])

    def decoders(self) -> dict[str, Any]:
        return {NUMBERED: lambda _decoder, number: self._objects[number], MODULE: self._build}

    def _build(self, decoder: Decoder, payload: Any) -> nn.Module:
        """A module that a check passes in: built here once, and known from then on by the examiner's number."""
        number, numbers, description = payload
        module = build(decoder.decode(description))
        parameter_numbers = decoder.decode(numbers)
        for name, parameter in module.named_parameters():
            self.register(parameter_numbers[name], parameter)
        self.register(number, module)
        self.linked[number] = module
        self._linked_state[number] = _state_of(module)
        return module

    # ----------------------------------------------------- linked modules

    def settle(self) -> None:
        """Take the state that the examiner has just sent as what it knows."""
        for number, module in self.linked.items():
            self._linked_state[number] = _state_of(module)

    def linked_changes(self) -> list[dict[str, Any]]:
        """What the submission did to modules that were passed in, for the examiner to do to its own."""
        changes = []
        for number, module in self.linked.items():
            state = _state_of(module)
            before = self._linked_state[number]
            if state == before:
                continue
            self._linked_state[number] = state
            known = dict(before[0])
            changes.append(
                {
                    "module": number,
                    "training": module.training,
                    "parameters": {
                        name: (parameter.requires_grad, parameter.detach())
                        for name, parameter in module.named_parameters()
                        if known.get(name) != _state_of_one(parameter)
                    },
                    "names": [name for name, _ in module.named_parameters()],
                }
            )
        return changes


def parameter_state(module: nn.Module) -> tuple[Any, ...]:
    """What changes when a parameter is added, written, replaced or frozen."""
    return tuple((name, _state_of_one(parameter)) for name, parameter in module.named_parameters())


def _state_of_one(parameter: torch.Tensor) -> tuple[int, int, bool]:
    return (id(parameter), parameter._version, parameter.requires_grad)


def _state_of(module: nn.Module) -> tuple[Any, ...]:
    return parameter_state(module), module.training
