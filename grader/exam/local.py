"""A candidate in this interpreter: the reference, and the catalogued mistakes, behind the same face as the proxy.

Inputs are copied for each call as the wire does it, so a mistake that writes to its input is seen doing it and
spoils nothing.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from types import ModuleType
from typing import Any

import torch
from torch import nn

from grader.content import Entry, Exercise, Method
from grader.exam.bridge import join, substitute
from grader.exam.calls import Last, Log, name_paths
from grader.exam.returns import check_return
from grader.exam.signatures import positional_names
from grader.faults import making
from grader.wire.modules import layer_name


class LocalCandidate:
    """A trusted module as a candidate. `switches` are the mistakes to make in every call."""

    def __init__(self, exercise: Exercise, module: ModuleType, switches: Iterable[str] = ()) -> None:
        self._entries = {entry.name: entry for entry in exercise.entries}
        self._module = module
        self._switches = frozenset(switches)
        self._rng = torch.Generator().manual_seed(0).get_state()
        self.last = Last()
        self.log = Log()

    def __getattr__(self, name: str) -> LocalEntry:
        if name not in self._entries:
            raise AttributeError(f"exercise.yaml declares no entry {name!r}")
        entry = self._entry(self._entries[name])
        self.__dict__[name] = entry
        return entry

    def _entry(self, entry: Entry) -> LocalEntry:
        return LocalEntry(self, entry.name)

    def seed(self, number: int) -> None:
        """Seed the global generators as the submission sees them."""
        self._rng = torch.Generator().manual_seed(number).get_state()

    def _invoke(
        self,
        function: Any,
        arguments: tuple[Any, ...],
        named: dict[str, Any],
        *,
        label: str,
        signature: str = "",
        returns: str = "any",
        module: nn.Module | None = None,
    ) -> Any:
        copies = _Copies()
        own_arguments, own_named = copies.copy(arguments, "args"), copies.copy(named, "kwargs")
        result = self._apart(function, own_arguments, own_named)
        self.last.changed_inputs = name_paths(copies.changed(), positional_names(signature) if signature else [])
        result = self._joined(result, copies, module)
        if returns == "tensor, opaque" and isinstance(result, tuple) and len(result) == 2:
            result = (result[0], LocalObject(result[1]))
        check_return(result, returns, label, is_module=isinstance(result, nn.Module))
        if isinstance(result, nn.Module):
            return LocalModule(self, result)
        return result

    def _apart(self, function: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Call it with this candidate's global random state and mistakes."""
        self.last = Last()
        outside = torch.get_rng_state()
        torch.set_rng_state(self._rng)
        try:
            with making(self._switches):
                return function(*arguments, **named)
        finally:
            state = torch.get_rng_state()
            self.last.used_global_rng = not torch.equal(state, self._rng)
            self._rng = state
            torch.set_rng_state(outside)

    def _joined(self, result: Any, copies: _Copies, module: nn.Module | None) -> Any:
        outputs = [
            tensor for tensor in _tensors(result) if tensor.requires_grad and not isinstance(tensor, nn.Parameter)
        ]
        if not outputs:
            return result
        outside = [theirs for theirs, _ in copies.pairs if theirs.requires_grad]
        inside = [ours for theirs, ours in copies.pairs if theirs.requires_grad]
        parameters = [p for p in module.parameters() if p.requires_grad] if module is not None else []

        def backward(grads: Any) -> Any:
            chosen = [(output, grad) for output, grad in zip(outputs, grads, strict=True) if grad is not None]
            wanted = [*inside, *parameters]
            if not chosen:
                return [None] * len(wanted)
            with making(self._switches):
                return torch.autograd.grad(
                    [o for o, _ in chosen], wanted, [g for _, g in chosen], retain_graph=True, allow_unused=True
                )

        joined = join(outputs, [*outside, *parameters], backward)
        return substitute(result, dict(zip(map(id, outputs), joined, strict=True)))


class LocalEntry:
    """A function or a class of the module."""

    def __init__(self, candidate: LocalCandidate, name: str) -> None:
        self._candidate = candidate
        self._entry = candidate._entries[name]
        self._target = getattr(candidate._module, name)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        entry = self._entry
        made = self._candidate._invoke(
            self._target, arguments, named, label=entry.name, signature=entry.signature, returns=entry.returns
        )
        if isinstance(made, LocalModule):
            made._methods = entry.methods
        return made

    def __getattr__(self, name: str) -> Any:
        method = next((m for m in self._entry.methods if m.name == name and m.kind == "classmethod"), None)
        if method is None:
            raise AttributeError(f"exercise.yaml declares no class method {self._entry.name}.{name}")
        function = getattr(self._target, name)

        def call(*arguments: Any, **named: Any) -> Any:
            label = f"{self._entry.name}.{name}"
            made = self._candidate._invoke(
                function, arguments, named, label=label, signature=method.signature, returns=method.returns
            )
            if isinstance(made, LocalModule):
                made._methods = self._entry.methods
            return made

        return call


class LocalObject:
    """An opaque value: handed back as it is, never copied."""

    class_name = ""

    def __init__(self, value: Any) -> None:
        self._value = value


class LocalModule:
    """A module with the proxy's face."""

    def __init__(self, candidate: LocalCandidate, module: nn.Module) -> None:
        self._candidate = candidate
        self._module = module
        self._methods: tuple[Method, ...] = ()

    @property
    def class_name(self) -> str:
        return f"{type(self._module).__module__}.{type(self._module).__qualname__}"

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._call("forward", self._module, arguments, named)

    def _call(self, name: str, function: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        spec = next((m for m in self._methods if m.name == name), None)
        signature, returns = (spec.signature, spec.returns) if spec is not None else ("", "any")
        label = type(self._module).__name__
        return self._candidate._invoke(
            function, arguments, named, label=label, signature=signature, returns=returns, module=self._module
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        with making(self._candidate._switches):
            value = getattr(self._module, name)
        if isinstance(value, nn.Parameter):
            return value
        if isinstance(value, torch.Tensor):
            return value.detach().clone()
        if isinstance(value, nn.Module):
            return LocalModule(self._candidate, value)
        if callable(value):
            return lambda *arguments, **named: self._call(name, value, arguments, named)
        return value

    def values(self, *names: str) -> list[Any]:
        with making(self._candidate._switches):
            return [operator.attrgetter(name)(self._module) for name in names]

    def named_parameters(self) -> list[tuple[str, nn.Parameter]]:
        return list(self._module.named_parameters())

    def parameters(self) -> list[nn.Parameter]:
        return list(self._module.parameters())

    def named_buffers(self) -> list[tuple[str, torch.Tensor]]:
        return [(name, buffer.detach().clone()) for name, buffer in self._module.named_buffers()]

    def named_modules(self) -> list[tuple[str, str]]:
        return [(name, layer_name(inner)) for name, inner in self._module.named_modules()]

    def state_dict(self) -> dict[str, torch.Tensor]:
        return {name: tensor.detach().clone() for name, tensor in self._module.state_dict().items()}

    def load_state_dict(self, state: dict[str, torch.Tensor], strict: bool = True) -> None:
        self._module.load_state_dict(state, strict=strict)

    def zero_grad(self) -> None:
        self._module.zero_grad()

    def train(self, mode: bool = True) -> LocalModule:
        self._module.train(mode)
        return self

    def eval(self) -> LocalModule:
        return self.train(False)

    def to(self, dtype: torch.dtype) -> LocalModule:
        self._module.to(dtype)
        return self

    def double(self) -> LocalModule:
        return self.to(torch.float64)


class _Copies:
    """Copies of a call's arguments, and later what became of them."""

    def __init__(self) -> None:
        self.pairs: list[tuple[torch.Tensor, torch.Tensor]] = []
        self._paths: list[str] = []
        self._known: dict[int, torch.Tensor] = {}
        self._lists: list[tuple[str, Any, Any]] = []

    def copy(self, value: Any, path: str) -> Any:
        if isinstance(value, torch.Tensor):
            return self._copy_tensor(value, path)
        if isinstance(value, (LocalModule, LocalObject)):
            return value._module if isinstance(value, LocalModule) else value._value
        if type(value) in (list, tuple):
            copied = [self.copy(item, f"{path}[{index}]") for index, item in enumerate(value)]
            if type(value) is tuple:
                return tuple(copied)
            self._lists.append((path, copied, list(copied)))
            return copied
        if type(value) is dict:
            return {key: self.copy(item, f"{path}[{key!r}]") for key, item in value.items()}
        return value

    def _copy_tensor(self, tensor: torch.Tensor, path: str) -> torch.Tensor:
        known = self._known.get(id(tensor))
        if known is None:
            known = tensor.detach().clone()
            known.requires_grad_(tensor.requires_grad)
            self._known[id(tensor)] = known
            self.pairs.append((tensor, known))
            self._paths.append(path)
        return known

    def changed(self) -> list[str]:
        """Paths of the arguments that the call has modified."""
        found = [
            path for path, (theirs, ours) in zip(self._paths, self.pairs, strict=True) if not _same_bits(theirs, ours)
        ]
        found += [path for path, now, before in self._lists if not _same_items(now, before)]
        return found


def _same_bits(one: torch.Tensor, other: torch.Tensor) -> bool:
    if one.shape != other.shape:
        return False
    with torch.no_grad():
        return bool(torch.equal(one, other)) or bool(((one == other) | ((one != one) & (other != other))).all())


def _same_items(now: list[Any], before: list[Any]) -> bool:
    return len(now) == len(before) and all(
        a is b or (type(a) is type(b) is not torch.Tensor and a == b) for a, b in zip(now, before, strict=True)
    )


def _tensors(value: Any) -> list[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    if type(value) in (list, tuple):
        return [tensor for item in value for tensor in _tensors(item)]
    if type(value) is dict:
        return [tensor for item in value.values() for tensor in _tensors(item)]
    return []
