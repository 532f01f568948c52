"""The candidate proxy: a submission in another process, read by checks as if it were local."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from grader.content import Entry, Exercise, Method
from grader.errors import Text
from grader.exam.bridge import join, substitute
from grader.exam.calls import Call, Last, Log, name_paths
from grader.exam.failures import CheckFailure, raised
from grader.exam.link import Link
from grader.exam.replies import line
from grader.exam.returns import check_return
from grader.exam.signatures import positional_names
from grader.wire import Encoder, tagged


class RemoteCandidate:
    """The submission. Its attributes are the exercise's entries."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._entries = {entry.name: entry for entry in link.exercise.entries}
        self.last = Last()
        self.log = Log(output=link.output)
        link.use_decoders({"H": self._handle, "N": self._known})

    def __getattr__(self, name: str) -> RemoteEntry:
        if name not in self._entries:
            raise AttributeError(f"exercise.yaml declares no entry {name!r}")
        entry = RemoteEntry(self, self._entries[name])
        self.__dict__[name] = entry
        return entry

    def seed(self, number: int) -> None:
        """Seed the global generators on the candidate's side."""
        self._link.request({"op": "seed", "seed": number}, Encoder(), call="seed")

    # ---------------------------------------------------------------- calls

    def _invoke(
        self,
        on: str | int,
        name: str,
        spec: Entry | Method | None,
        arguments: tuple[Any, ...],
        named: dict[str, Any],
        *,
        label: str,
        module: RemoteModule | None = None,
    ) -> Any:
        """Call something of the submission, and bring back what it returned, joined to this side's autograd graph."""
        link, grad = self._link, torch.is_grad_enabled()
        link.start()
        signature = spec.signature if spec is not None else ""
        record = Call(label, arguments, named, signature, on=module, method=name)
        self.log.calls.append(record)
        message = {"op": "call", "on": on, "name": name, "args": arguments, "kwargs": named, "grad": grad}
        returns = spec.returns if spec is not None else "any"
        if returns == "tensor, opaque":
            message["opaque"] = (1,)
        if any(type(value) in (list, dict) for value in (*arguments, *named.values())):
            message["containers"] = True
        outlined = module is not None and grad and not module._mirrored
        if outlined:
            message["outline"] = True
        encoder = Encoder(special=self._encode)
        reply, decoder = link.request(message, encoder, call=label)
        self.last = Last()
        if "raised" in reply:
            if reply.get("unsendable"):
                self._unsendable(label, reply["raised"])
            raise raised(reply["raised"], label)
        value = reply.get("value")
        if len(reply) > 2:
            self._note(reply, encoder, spec)
        if module is not None:
            if outlined:
                module._take_outline(reply["parameters"])
            elif reply.get("parameters_changed"):
                module._refresh()
        outputs = [tensor for tensor in decoder.tensors if tensor.requires_grad]
        if outputs:
            value = self._join(value, outputs, encoder.tensors, reply["graph"], module)
        elif "graph" in reply:
            link.freed_graphs.append(reply["graph"])
        check_return(value, returns, label, is_module=isinstance(value, (RemoteModule, nn.Module)))
        record.result = value
        return value

    def _note(self, reply: dict[str, Any], encoder: Encoder, spec: Entry | Method | None) -> None:
        if "changed" in reply:
            names = positional_names(spec.signature) if spec is not None else []
            self.last.changed_inputs = name_paths(reply["changed"], names)
        self.last.used_global_rng = bool(reply.get("rng"))
        for ours, theirs in zip(encoder.generators, reply.get("generators", ()), strict=False):
            # Through the wire's own decoder, which knows the states that torch can safely take.
            ours.set_state(theirs.get_state())

    def _join(
        self,
        value: Any,
        outputs: list[torch.Tensor],
        sent: list[torch.Tensor],
        graph: int,
        module: RemoteModule | None,
    ) -> Any:
        link = self._link
        indices = [index for index, tensor in enumerate(sent) if tensor.requires_grad]
        mirrors = [p for p in module._mirrors.values() if p.requires_grad] if module is not None else []
        numbers = [module._numbers[id(parameter)] for parameter in mirrors] if module is not None else []
        message = {"op": "backward", "graph": graph, "inputs": indices, "parameters": numbers}

        def backward(grads: Any) -> Any:
            reply, _ = link.request({**message, "grads": list(grads)}, Encoder(), call="backward")
            if "raised" in reply:
                raise raised(reply["raised"], "backward")
            return reply["value"]

        joined = join(outputs, [*(sent[index] for index in indices), *mirrors], backward)
        weakref.finalize(backward, link.graph_gone, graph, link.generation).atexit = False
        return substitute(value, dict(zip(map(id, outputs), joined, strict=True)))

    def _unsendable(self, label: str, report: dict[str, Any]) -> None:
        said = report.get("message", "")
        raise CheckFailure(
            Text(
                f"{label} returned something that is no plain value: {said}",
                f"{label} 返回了无法作为普通值传递的对象：{said}",
            )
        )

    # ----------------------------------------------------------------- wire

    def _encode(self, encoder: Encoder, value: Any) -> Any:
        if isinstance(value, (RemoteObject, RemoteModule)):
            return tagged("N", value._number)
        if isinstance(value, nn.Module):
            return self._link.encode_module(encoder, value)
        return None

    def _handle(self, _decoder: Any, payload: Any) -> Any:
        number, kind, class_name = payload
        if type(number) is not int or type(class_name) is not str:
            raise TypeError("a handle is a number and a name")
        known = self._link.things.get(number)
        if known is not None:
            return known
        thing = (RemoteModule if kind == "module" else RemoteObject)(self, number, line(class_name))
        self._link.things[number] = thing
        self._link.watch(thing, number)
        return thing

    def _known(self, _decoder: Any, number: Any) -> Any:
        """One of our own modules, come back."""
        return self._link.things[number]


class RemoteEntry:
    """A function or a class of the submission."""

    def __init__(self, candidate: RemoteCandidate, entry: Entry) -> None:
        self._candidate = candidate
        self._entry = entry

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        entry = self._entry
        made = self._candidate._invoke(entry.name, "", entry, arguments, named, label=entry.name)
        if isinstance(made, RemoteModule):
            made._entry = entry
        return made

    def __getattr__(self, name: str) -> Any:
        entry = self._entry
        method = next((m for m in entry.methods if m.name == name and m.kind == "classmethod"), None)
        if method is None:
            raise AttributeError(f"exercise.yaml declares no class method {entry.name}.{name}")

        def call(*arguments: Any, **named: Any) -> Any:
            label = f"{entry.name}.{name}"
            made = self._candidate._invoke(label, "", method, arguments, named, label=label)
            if isinstance(made, RemoteModule):
                made._entry = entry
            return made

        return call


class RemoteObject:
    """Something that lives in the worker and can only be handed back."""

    def __init__(self, candidate: RemoteCandidate, number: int, class_name: str) -> None:
        self._candidate = candidate
        self._number = number
        self.class_name = class_name


class RemoteModule:
    """A module in the worker. Parameters are real `nn.Parameter`s here; any other attribute is fetched."""

    def __init__(self, candidate: RemoteCandidate, number: int, class_name: str) -> None:
        self._candidate = candidate
        self._number = number
        self.class_name = class_name
        self._entry: Entry | None = None
        self._mirrored = False
        self._mirrors: dict[str, nn.Parameter] = {}
        self._numbers: dict[int, int] = {}

    @property
    def _label(self) -> str:
        return self._entry.name if self._entry is not None else self.class_name.rpartition(".")[2]

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._call("forward", "", arguments, named)

    def _call(self, method: str, name: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        methods = self._entry.methods if self._entry is not None else ()
        spec = next((m for m in methods if m.name == method), None)
        label = self._label if method == "forward" else f"{self._label}.{method}"
        return self._candidate._invoke(self._number, name, spec, arguments, named, label=label, module=self)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        label = f"{self._label}.{name}"
        message = {"op": "get", "on": self._number, "name": name}
        reply, _ = self._candidate._link.request(message, Encoder(special=self._candidate._encode), call=label)
        if "raised" in reply:
            raise raised(reply["raised"], label)
        if "method" in reply:
            return lambda *arguments, **named: self._call(name, name, arguments, named)
        if "parameter" in reply:
            return self._mirror(reply["parameter"])
        return reply["value"]

    def values(self, *names: str) -> list[Any]:
        """Several plain attributes, `norm.eps`, at the cost of one."""
        reply, _ = self._candidate._link.request(
            {"op": "get", "on": self._number, "names": list(names)}, Encoder(), call=self._label
        )
        if "raised" in reply:
            raise raised(reply["raised"], self._label)
        found: list[Any] = reply["value"]
        return found

    # ----------------------------------------------------------- parameters

    def _mirror(self, described: Any) -> nn.Parameter:
        number, requires_grad, value = described
        mirror = self._candidate._link.mirror(number, bool(requires_grad), value)
        self._numbers[id(mirror)] = number
        return mirror

    def _refresh(self) -> None:
        described = self._ask("parameters")
        self._mirrors = {name: self._mirror(one) for name, one in described}
        self._mirrored = True

    def _take_outline(self, outline: list[tuple[str, int, bool, torch.dtype, tuple[int, ...]]]) -> None:
        """Parameters for gradients to flow to. Nobody has seen them here yet: their values come with the first look,
        `named_parameters` or an attribute.
        """
        link = self._candidate._link
        if any(number > 0 and number in link.mirrors for _, number, *_ in outline):
            self._refresh()  # somebody holds one, and may read it without asking again
            return
        self._mirrors = {}
        for name, number, requires_grad, dtype, shape in outline:
            self._mirrors[name] = mirror = link.outlined(number, requires_grad, dtype, shape)
            self._numbers[id(mirror)] = number
        self._mirrored = True

    def named_parameters(self) -> list[tuple[str, nn.Parameter]]:
        """Pairs of name and parameter, in the submission's order."""
        self._refresh()
        return list(self._mirrors.items())

    def parameters(self) -> list[nn.Parameter]:
        """The parameters, for an optimizer."""
        return [parameter for _, parameter in self.named_parameters()]

    def zero_grad(self) -> None:
        """Forget the gradients that have gathered here."""
        for parameter in self._mirrors.values():
            parameter.grad = None

    # ---------------------------------------------------------------- state

    def _ask(self, what: str, **details: Any) -> Any:
        link = self._candidate._link
        message = {"op": "module", "on": self._number, "do": what, **details}
        reply, _ = link.request(message, Encoder(special=self._candidate._encode), call=f"{self._label}.{what}")
        if "raised" in reply:
            raise raised(reply["raised"], f"{self._label}.{what}")
        return reply.get("value")

    def named_buffers(self) -> list[tuple[str, torch.Tensor]]:
        """Pairs of name and a copy of the buffer."""
        return [tuple(pair) for pair in self._ask("buffers")]

    def named_modules(self) -> list[tuple[str, str]]:
        """Pairs of name and class name of all modules inside, itself first under ''.

        The class is torch's where a module's own is derived from one: `class Wide(nn.Conv2d)` is a Conv2d.
        """
        return [tuple(pair) for pair in self._ask("modules")]

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Copies of parameters and persistent buffers."""
        state: dict[str, torch.Tensor] = self._ask("state_dict")
        return state

    def load_state_dict(self, state: dict[str, torch.Tensor], strict: bool = True) -> None:
        """Give the submission's module this state."""
        plain = {name: tensor.detach() for name, tensor in state.items()}
        self._candidate.log.calls.append(Call(self._label, (plain,), {}, on=self, method="load_state_dict"))
        self._ask("load_state_dict", state=plain, strict=strict)
        if self._mirrored:
            self._refresh()

    def train(self, mode: bool = True) -> RemoteModule:
        """Training mode, or with False evaluation mode."""
        self._candidate.log.calls.append(Call(self._label, (mode,), {}, on=self, method="train"))
        self._ask("train", mode=mode)
        return self

    def eval(self) -> RemoteModule:
        """Evaluation mode."""
        return self.train(False)

    def to(self, dtype: torch.dtype) -> RemoteModule:
        """Convert floating parameters and buffers."""
        self._candidate.log.calls.append(Call(self._label, (dtype,), {}, on=self, method="to"))
        self._ask("to", dtype=dtype)
        if self._mirrored:
            self._refresh()
        return self

    def double(self) -> RemoteModule:
        return self.to(torch.float64)

    def __iter__(self) -> Iterator[Any]:
        raise TypeError(f"{self._label} is one module")


def exercise_of(candidate: RemoteCandidate) -> Exercise:
    """The exercise whose entries a candidate offers."""
    return candidate._link.exercise
