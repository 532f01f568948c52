"""The worker's loop: load a submission, then answer calls until the socket closes.

Nothing here is trusted by the other side. Whatever a submission does to this interpreter, the most that it can say
is another claim about its own outputs.
"""

from __future__ import annotations

import ctypes
import math
import random
import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import torch
from torch import nn

from grader.errors import WireError
from grader.faults import making
from grader.wire import Channel, Decoder, Encoder, receive_message, send_message
from grader.wire.modules import layer_name
from grader.worker import bans
from grader.worker.capture import Capture
from grader.worker.objects import Objects, Opaque, parameter_state
from grader.worker.report import describe_exception
from grader.worker.submission import Submission

SEND_SECONDS = 30.0
Reply = dict[str, Any]


class Unsendable(TypeError):
    """What the submission returned cannot be a value of the wire."""


class Server:
    """Answers one examiner over one channel."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.objects = Objects()
        self.capture = Capture()
        self.submission = Submission("submission", "submission.py", "")
        self.switches: Sequence[str] = ()
        self.graphs: dict[int, tuple[list[torch.Tensor], list[torch.Tensor]]] = {}
        self.next_graph = 1
        self.described: dict[int, tuple[Any, ...]] = {}
        self.rng_state = torch.get_rng_state()
        self.operations: dict[str, Callable[[Reply, Decoder], tuple[Reply, Encoder | None]]] = {
            "load": self.load,
            "call": self.call,
            "backward": self.backward,
            "get": self.get,
            "module": self.module,
            "seed": self.seed,
        }

    def greet(self, isolation: dict[str, Any], process: str) -> None:
        """Say what confines this process, and its number in /proc. Sent before the submission loads, so that it is
        our word and not a claim.
        """
        send_message(self.channel, {"isolation": isolation, "process": process}, timeout=SEND_SECONDS)

    def give_up(self, error: Exception) -> None:
        """Say that this worker could not be set up."""
        with suppress(WireError):
            send_message(self.channel, {"fault": f"{type(error).__name__}: {error}"}, timeout=SEND_SECONDS)

    def run(self) -> None:
        """Answer until the examiner closes its end or stops making sense."""
        sys.stdout = sys.stderr = self.capture
        warnings.simplefilter("ignore")
        decoders = self.objects.decoders()
        while True:
            try:
                request, decoder = receive_message(self.channel, special=decoders, timeout=math.inf)
            except WireError:
                return
            reply, encoder = self.answer(request, decoder)
            reply["seq"] = request["seq"]
            output = self.capture.take()
            if output:
                reply["output"] = output
            try:
                send_message(
                    self.channel, reply, encoder=encoder or Encoder(special=self.objects.encode), timeout=SEND_SECONDS
                )
            except WireError as error:
                # The value could not be sent, or the examiner has gone: the next words tell which.
                unsent = {
                    "seq": request["seq"],
                    "raised": self.report(Unsendable(error.message.en)),
                    "unsendable": True,
                }
                with suppress(WireError):
                    send_message(self.channel, unsent, timeout=SEND_SECONDS)

    def answer(self, request: Reply, decoder: Decoder) -> tuple[Reply, Encoder | None]:
        try:
            if "free" in request:
                self.release(request["free"])
            if "push" in request:
                self.take_parameters(request["push"])
            with making(self.switches):
                return self.operations[request["op"]](request, decoder)
        except BaseException as error:  # noqa: BLE001 - SystemExit and its kind are a submission's failures, not our exit
            reply: Reply = {"raised": self.report(error)}
            linked = self.objects.linked_changes()
            if linked:
                reply["linked"] = linked
            return reply, None

    def report(self, error: BaseException) -> dict[str, Any]:
        return describe_exception(error, self.submission.filename, self.submission.lines)

    # ---------------------------------------------------------- operations

    def load(self, request: Reply, _decoder: Decoder) -> tuple[Reply, None]:
        bans.withdraw(request["bans"])
        self.switches = request["switches"]
        self.submission = Submission(request["name"], request["filename"], request["source"])
        with making(self.switches):
            self.submission.run()
            problems = self.submission.problems(request["entries"])
        # The checks' own calls are what is seeded; what loading drew does not matter.
        self.seed({"seed": 0}, _decoder)
        return {"problems": problems}, None

    def seed(self, request: Reply, _decoder: Decoder) -> tuple[Reply, None]:
        seed = request["seed"]
        torch.default_generator.manual_seed(seed)  # torch.manual_seed also looks for devices: a millisecond
        random.seed(seed)
        if "numpy" in sys.modules:
            sys.modules["numpy"].random.seed(seed)
        self.rng_state = torch.get_rng_state()
        return {}, None

    def call(self, request: Reply, decoder: Decoder) -> tuple[Reply, Encoder]:
        target = self.target(request)
        arguments, named = request["args"], request["kwargs"]
        inputs = decoder.tensors
        before = [_bits(tensor) for tensor in inputs]
        shape = _containers((arguments, named)) if request.get("containers") else None
        with torch.set_grad_enabled(request["grad"]):
            result = target(*arguments, **named)
        reply: Reply = {}
        differing = [index for index, tensor in enumerate(inputs) if _bits(tensor) != before[index]]
        changed = [decoder.paths[index] for index in differing] if differing else []
        if shape is not None and _containers((arguments, named)) != shape:
            changed.append("")
        if changed:
            reply["changed"] = changed
        if decoder.generators:
            reply["generators"] = decoder.generators
        self.note_rng(reply)
        self.note_modules(request, reply)
        if "outline" in request:
            reply["parameters"] = self.outline(request["on"])
        encoder = Encoder(special=self.objects.encode)
        reply["value"] = _withhold(result, request.get("opaque", ()))
        if request["grad"]:
            reply["graph"] = self.next_graph
            self.graphs[self.next_graph] = (encoder.tensors, inputs)
            self.next_graph += 1
        return reply, encoder

    def note_rng(self, reply: Reply) -> None:
        state = torch.get_rng_state()
        if not torch.equal(state, self.rng_state):
            reply["rng"] = True
            self.rng_state = state

    def note_modules(self, request: Reply, reply: Reply) -> None:
        if self.objects.linked:
            linked = self.objects.linked_changes()
            if linked:
                reply["linked"] = linked
        number = request["on"]
        if number in self.described and self.described[number] != parameter_state(self.objects[number]):
            reply["parameters_changed"] = True

    def target(self, request: Reply) -> Any:
        on = request["on"]
        target = self.submission.entry(on) if type(on) is str else self.objects[on]
        for part in request["name"].split(".") if request.get("name") else ():
            target = getattr(target, part)
        return target

    def backward(self, request: Reply, _decoder: Decoder) -> tuple[Reply, None]:
        """Gradients of a call's outputs, weighted by `grads`, to its tensor inputs and to numbered parameters."""
        sent, inputs = self.graphs[request["graph"]]
        outputs = [tensor for tensor in sent if tensor.requires_grad]
        pairs = [(output, grad) for output, grad in zip(outputs, request["grads"], strict=True) if grad is not None]
        wanted = [inputs[index] for index in request["inputs"]] + [
            self.objects[number] for number in request["parameters"]
        ]
        able = [tensor for tensor in wanted if tensor.requires_grad]
        if not pairs or not able:
            return {"value": [None] * len(wanted)}, None
        grads = torch.autograd.grad(
            [output for output, _ in pairs], able, [grad for _, grad in pairs], retain_graph=True, allow_unused=True
        )
        found = dict(zip(map(id, able), grads, strict=True))
        return {"value": [found.get(id(tensor)) for tensor in wanted]}, None

    def get(self, request: Reply, _decoder: Decoder) -> tuple[Reply, None]:
        if "names" in request:
            return {"value": [self.target({**request, "name": name}) for name in request["names"]]}, None
        value = self.target(request)
        if isinstance(value, nn.Parameter):
            return {"parameter": self.describe_parameter(value)}, None
        if isinstance(value, torch.Tensor):
            return {"value": value.detach()}, None
        if callable(value) and not isinstance(value, nn.Module):
            return {"method": True}, None
        return {"value": value}, None

    def module(self, request: Reply, _decoder: Decoder) -> tuple[Reply, None]:
        module, what = self.objects[request["on"]], request["do"]
        if what == "parameters":
            self.described[request["on"]] = parameter_state(module)
            return {"value": [(name, self.describe_parameter(p)) for name, p in module.named_parameters()]}, None
        if what == "buffers":
            return {"value": [(name, buffer.detach()) for name, buffer in module.named_buffers()]}, None
        if what == "modules":
            return {"value": [(name, layer_name(inner)) for name, inner in module.named_modules()]}, None
        if what == "state_dict":
            return {"value": {name: tensor.detach() for name, tensor in module.state_dict().items()}}, None
        if what == "load_state_dict":
            module.load_state_dict(request["state"], strict=request["strict"])
        elif what == "train":
            module.train(request["mode"])
        elif what == "to":
            module.to(request["dtype"])
        else:
            raise KeyError(what)
        return self.with_linked({}), None

    def with_linked(self, reply: Reply) -> Reply:
        linked = self.objects.linked_changes()
        if linked:
            reply["linked"] = linked
        return reply

    def describe_parameter(self, parameter: nn.Parameter) -> tuple[int, bool, torch.Tensor]:
        return self.objects.number(parameter), parameter.requires_grad, parameter.detach()

    def outline(self, number: int) -> list[tuple[str, int, bool, torch.dtype, tuple[int, ...]]]:
        """A module's parameters without their values: what gradients can flow to."""
        module = self.objects[number]
        self.described[number] = parameter_state(module)
        return [
            (name, self.objects.number(p), p.requires_grad, p.dtype, tuple(p.shape))
            for name, p in module.named_parameters()
        ]

    # ------------------------------------------------------------- upkeep

    def take_parameters(self, pushed: list[tuple[int, torch.Tensor, bool]]) -> None:
        """Values that an optimizer, or a check, wrote to parameters on the other side."""
        with torch.no_grad():
            for number, value, requires_grad in pushed:
                parameter = self.objects[number]
                parameter.copy_(value)
                parameter.requires_grad_(requires_grad)
        self.objects.settle()
        for number in self.described:
            self.described[number] = parameter_state(self.objects[number])

    def release(self, freed: dict[str, list[int]]) -> None:
        for number in freed.get("graphs", ()):
            self.graphs.pop(number, None)
        for number in freed.get("objects", ()):
            self.described.pop(number, None)
        self.objects.free(freed.get("objects", []))


def _bits(tensor: torch.Tensor) -> tuple[Any, ...]:
    """What changes when a tensor is written to, by whatever way: `.data` and numpy views do not count versions."""
    whole = tensor if tensor.is_contiguous() else tensor.detach().contiguous()
    return tensor.dtype, tensor.shape, ctypes.string_at(whole.data_ptr(), whole.nbytes)


def _containers(value: Any) -> Any:
    """The structure of lists and dicts among the arguments, so that `tokens.pop()` shows."""
    if isinstance(value, (list, tuple)):
        return (type(value).__name__, *(_containers(item) for item in value))
    if isinstance(value, dict):
        return tuple((key, _containers(item)) for key, item in value.items())
    with suppress(TypeError):
        hash(value)
        return value if not isinstance(value, torch.Tensor) else id(value)
    return id(value)


def _withhold(result: Any, opaque: Sequence[int]) -> Any:
    """Keep the marked items of a tuple here, as handles."""
    if not opaque or not isinstance(result, tuple):
        return result
    return tuple(Opaque(item) if index in opaque else item for index, item in enumerate(result))
