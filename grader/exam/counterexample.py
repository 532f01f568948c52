"""The failing example, small: as lines to read, and as a snippet that runs without the kit."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from grader.content import Exercise
from grader.errors import Text
from grader.exam.calls import Call, Log
from grader.exam.failures import CheckFailure
from grader.exam.returns import describe_value
from grader.exam.signatures import positional_names
from grader.exam.strategies import LITERAL

SHOWN = 24
LINE = 110
LONGEST = 16_000  # characters of a snippet


# --------------------------------------------------------------------- reading


def counterexample(log: Log, error: BaseException | None) -> Text:
    """The last call's arguments, and expected against got where the failure has them."""
    if not log.calls:
        return Text("", "")
    call = log.calls[-1]
    lines = [f"{call.label}({_argument_names(call)})"]
    lines += [f"  {name} = {_shown(value)}" for name, value in _arguments(call)]
    if not isinstance(error, CheckFailure) or error.actual is None:
        return Text.same("\n".join(lines))
    actual = _shown(error.actual)
    if error.expected is None:
        return _both(lines, [("got", "得到", actual)])
    return _both(lines, [("expected", "应为", _shown(error.expected)), ("got", "得到", actual)])


def _both(lines: list[str], ends: list[tuple[str, str, str]]) -> Text:
    return Text(
        "\n".join([*lines, *(f"{en}: {value}" for en, _, value in ends)]),
        "\n".join([*lines, *(f"{zh}：{value}" for _, zh, value in ends)]),
    )


def _arguments(call: Call) -> list[tuple[str, Any]]:
    names = positional_names(call.signature) if call.signature else []
    found = []
    for index, value in enumerate(call.arguments):
        found.append((names[index] if index < len(names) else f"argument {index + 1}", value))
    return [*found, *call.named.items()]


def _argument_names(call: Call) -> str:
    names = [name for name, _ in _arguments(call)][: len(call.arguments)]
    return ", ".join([*names, *(f"{name}={name}" for name in call.named)])


def _shown(value: Any) -> str:
    """A value in one line where it is small, else its shape."""
    if isinstance(value, torch.Tensor):
        kind = str(value.dtype).removeprefix("torch.")
        if value.numel() <= SHOWN:
            values = _rounded(value.detach().tolist())
            return f"{values}  ({kind}, shape {tuple(value.shape)})"
        return f"{kind} tensor of shape {tuple(value.shape)}"
    if isinstance(value, torch.Generator):
        return f"torch.Generator().manual_seed({value.initial_seed()})"
    if isinstance(value, nn.Module):
        return repr(value)
    if isinstance(value, (list, tuple)) and any(isinstance(item, torch.Tensor) for item in value):
        return "[" + ", ".join(_shown(item) for item in value[:SHOWN]) + (", …]" if len(value) > SHOWN else "]")
    if isinstance(value, (list, dict, tuple, str, bool, int, float)) or value is None:
        text = repr(value)
        return text if len(text) <= LINE else text[:LINE] + "…"
    return describe_value(value)


def _rounded(values: Any) -> str:
    if isinstance(values, list):
        return "[" + ", ".join(_rounded(item) for item in values) + "]"
    return f"{values:.5g}" if isinstance(values, float) else str(values)


# --------------------------------------------------------------------- pasting


def snippet(log: Log, exercise: Exercise, error: BaseException | None) -> str:
    """Python that makes the same calls on the candidate's own file and prints the result."""
    if not log.calls:
        return ""
    writer = _Writer(exercise)
    for call in log.calls[:-1]:
        writer.write(call, last=False)
    writer.write(log.calls[-1], last=True)
    lines = ["import torch", "", f"from {exercise.id} import {', '.join(entry.name for entry in exercise.entries)}", ""]
    lines += writer.lines
    if isinstance(error, CheckFailure) and error.expected is not None:
        lines.append(f"# expected: {_shown(error.expected)}")
    return "\n".join(lines) + "\n"


class _Writer:
    """Calls as code. Tensors that stand in several calls become one variable."""

    def __init__(self, exercise: Exercise) -> None:
        self.exercise = exercise
        self.lines: list[str] = []
        self._names: dict[int, str] = {}
        self._taken: dict[str, int] = {}

    def write(self, call: Call, *, last: bool) -> None:
        arguments = [self._value(name, value) for name, value in _arguments(call)]
        positional, named = arguments[: len(call.arguments)], arguments[len(call.arguments) :]
        given = ", ".join([*positional, *(f"{name}={code}" for name, code in zip(call.named, named, strict=True))])
        target = call.label if call.on is None else self._names.get(id(call.on), "module")
        if call.on is not None and call.method:
            target += f".{call.method}"
        code = f"{target}({given})"
        if call.method in ("load_state_dict", "train", "to"):
            self.lines.append(code)
        elif last:
            self.lines.append(f"print({code})")
        else:
            self.lines.append(self._assigned(call, code))

    def _assigned(self, call: Call, code: str) -> str:
        result = call.result
        if isinstance(result, tuple) and len(result) == 2 and not isinstance(result[1], torch.Tensor):
            return f"{self._name('y', result[0])}, {self._name('cache', result[1])} = {code}"
        if isinstance(result, torch.Tensor):
            return f"{self._name('y', result)} = {code}"
        if hasattr(result, "class_name"):
            return f"{self._name('module', result)} = {code}"
        return code

    def _name(self, wish: str, value: Any) -> str:
        count = self._taken[wish] = self._taken.get(wish, 0) + 1
        name = wish if count == 1 else f"{wish}_{count}"
        self._names[id(value)] = name
        return name

    def _value(self, wish: str, value: Any) -> str:
        """Code for an argument; tensors and other objects get a line and a name of their own."""
        if id(value) in self._names:
            return self._names[id(value)]
        if isinstance(value, torch.Tensor):
            code = tensor_code(value)
            self.lines.append(f"{self._name(_identifier(wish), value)} = {code}")
            return self._names[id(value)]
        if isinstance(value, torch.Generator):
            self.lines.append(
                f"{self._name(_identifier(wish), value)} = torch.Generator().manual_seed({value.initial_seed()})"
            )
            return self._names[id(value)]
        if isinstance(value, nn.Module):
            name = self._name(_identifier(wish), value)
            self.lines.append(f"{name} = torch.nn.{value!r}")
            self.lines.append(f"{name}.load_state_dict({self._dict(value.state_dict())})")
            return name
        if isinstance(value, dict):
            return self._dict(value)
        if isinstance(value, (list, tuple)):
            inner = ", ".join(self._value("item", item) for item in value)
            return f"[{inner}]" if isinstance(value, list) else f"({inner},)"
        if hasattr(value, "class_name"):  # of the worker, made by no call that is shown; its repr is an address of ours
            return _identifier(wish)
        return repr(value)

    def _dict(self, values: dict[str, Any]) -> str:
        items: list[str] = []
        room = LONGEST  # a submission's own state may be of any size, and nobody pastes a page of numbers
        for key, value in values.items():
            items.append(f"{key!r}: {tensor_code(value) if isinstance(value, torch.Tensor) else value!r}")
            room -= len(items[-1])
            if room < 0:
                break
        return f"{{{', '.join(items)}}}"


def _identifier(wish: str) -> str:
    return wish if wish.isidentifier() else "value"


def tensor_code(value: torch.Tensor) -> str:
    """An expression that makes this tensor."""
    recipe = getattr(value, "recipe", None)
    gradient = ".requires_grad_()" if value.requires_grad else ""
    if isinstance(recipe, str):
        return recipe + gradient
    if value.numel() == 0:
        return f"torch.zeros({tuple(value.shape)}, dtype={value.dtype}){gradient}"
    if value.numel() > LITERAL * 8:
        return f"torch.randn({tuple(value.shape)}).to({value.dtype}){gradient}  # any values"
    plain = {torch.float32: float, torch.int64: int, torch.bool: bool}
    kind = "" if value.dtype in plain else f", dtype={value.dtype}"
    numbers = _literal(value.detach().tolist())
    return f"torch.tensor({numbers}{kind}){gradient}"


def _literal(values: Any) -> str:
    if isinstance(values, list):
        return "[" + ", ".join(_literal(item) for item in values) + "]"
    if isinstance(values, float):
        rounded = float(f"{values:.9g}")  # nine digits give a float32 back exactly
        return (
            f'float("{rounded}")' if rounded in (float("inf"), float("-inf")) or rounded != rounded else repr(rounded)
        )
    return repr(values)


__all__ = ["counterexample", "snippet", "tensor_code"]
