"""The form of a worker's replies. Whatever a worker says is a claim: each part is looked at here before anything is
done with it.

A reply that has not the form that was asked for is a `WireError`, like a frame that is none. Text is made fit to be
shown: it goes to terminals, logs and reports of people who did not write it.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch

from grader.errors import WireError
from grader.wire.dtypes import BY_DTYPE
from grader.wire.frames import MAX_BODY

LINE = 300
TEXT = 2000
OUTPUT = 9000
MOST = 10_000
DIMENSIONS = 64
Claim = Any
Kind = TypeVar("Kind")

_ARGUMENT = re.compile(r"(args\[\d{1,4}\]|kwargs\[\"\w+\"\]).*|")


def printable(text: str, limit: int = TEXT) -> str:
    """Text without what a terminal obeys or cannot show, and not too long."""
    text = text[: limit + 1].expandtabs(4)
    if not (text.isascii() and text.replace("\n", "").isprintable()):
        text = "".join(one if _harmless(one) else "\N{REPLACEMENT CHARACTER}" for one in text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _harmless(character: str) -> bool:
    return character == "\n" or character.isprintable() or unicodedata.category(character) == "Zs"


def line(text: Claim) -> str:
    """A name, a path, a type: one line."""
    return printable(_is(str, text), LINE).replace("\n", " ")


def checked(request: Mapping[str, Any], reply: Claim) -> dict[str, Any]:
    """The reply to this request, its parts as they should be. Raises WireError."""
    if _is(dict, reply).get("seq") != request["seq"] or type(reply["seq"]) is not int:
        raise WireError("a reply to another request")
    parts = {}
    for name, claim in reply.items():
        if name not in _PARTS:
            raise WireError(f"a reply with an unknown part {name!a}")
        parts[name] = _PARTS[name](claim)
    if "raised" not in parts:
        _complete(request, parts)
    return parts


def _complete(request: Mapping[str, Any], parts: dict[str, Any]) -> None:
    """What was asked for is there."""
    operation = request["op"]
    if operation == "load":
        _need(parts, "problems")
    elif operation == "call":
        _need(
            parts, "value", *(("graph",) if request["grad"] else ()), *(("parameters",) if "outline" in request else ())
        )
    elif operation == "backward":
        _need(parts, "value")
        wanted = len(request["inputs"]) + len(request["parameters"])
        grads = _is(list, parts["value"])
        if len(grads) != wanted or any(grad is not None and not isinstance(grad, torch.Tensor) for grad in grads):
            raise WireError("gradients that do not fit the call")
    elif operation == "get" and "names" in request:
        _need(parts, "value")
        if len(_is(list, parts["value"])) != len(request["names"]):
            raise WireError("a reply without what was asked for")
    elif operation == "get" and not parts.keys() & {"parameter", "method", "value"}:
        raise WireError("a reply without what was asked for")
    elif operation == "module" and request["do"] in _STATES:
        _need(parts, "value")
        parts["value"] = _STATES[request["do"]](parts["value"])


def _need(parts: dict[str, Any], *names: str) -> None:
    for name in names:
        if name not in parts:
            raise WireError(f"a reply without its {name}")


# ------------------------------------------------------------------------ parts


def _is(kind: type[Kind], claim: Claim) -> Kind:
    if type(claim) is not kind or (isinstance(claim, (list, dict)) and len(claim) > MOST):
        raise WireError(f"a part of a reply is no {kind.__name__}")
    return claim


def _either(claim: Claim) -> list[Any]:
    """A list or a tuple, which are alike in a claim."""
    return _is(list, list(claim) if type(claim) is tuple else claim)


def _several(each: Callable[[Claim], Any]) -> Callable[[Claim], list[Any]]:
    return lambda claim: [each(one) for one in _either(claim)]


def _group(*members: Callable[[Claim], Any]) -> Callable[[Claim], tuple[Any, ...]]:
    def group(claim: Claim) -> tuple[Any, ...]:
        items = _either(claim)
        if len(items) != len(members):
            raise WireError("a part of a reply has the wrong length")
        return tuple(member(item) for member, item in zip(members, items, strict=True))

    return group


def _number(claim: Claim) -> int:
    return _is(int, claim)


def _truth(claim: Claim) -> bool:
    return _is(bool, claim)


def _tensor(claim: Claim) -> torch.Tensor:
    if not isinstance(claim, torch.Tensor):
        raise WireError("a part of a reply is no tensor")
    return claim


def _name(claim: Claim) -> str:
    """A name that stands for something of ours: taken as it is, or not at all."""
    name = _is(str, claim)
    if not name.isprintable() or len(name) > LINE:
        raise WireError("a name in a reply is none")
    return name


def _generator(claim: Claim) -> torch.Generator:
    return _is(torch.Generator, claim)


def _path(claim: Claim) -> str:
    """Where an argument stands: `args[0]`, `kwargs["mask"]`, with more behind it."""
    path = _name(claim)
    if not _ARGUMENT.fullmatch(path):
        raise WireError("a reply names an argument that is none")
    return path


def _report(claim: Claim) -> dict[str, Any]:
    """An exception: see grader.worker.report."""
    raw = _is(dict, claim)
    return {
        "type": line(raw.get("type", "")),
        "kinds": [line(kind) for kind in _either(raw.get("kinds", []))[:50]],
        "message": printable(_is(str, raw.get("message", ""))),
        "frames": _several(_group(_number, line, line))(raw.get("frames", [])),
        "banned": line(raw.get("banned", "")),
        "missing_module": line(raw.get("missing_module", "")),
    }


# What the worker may find wrong with a file, and what it then says beside the entry
_PROBLEMS = {
    "missing": (),
    "not callable": ("type",),
    "not a module": ("type",),
    "missing method": (),
    "not a classmethod": (),
    "signature": ("needed", "yours"),
}


def _problem(claim: Claim) -> dict[str, str]:
    found = {_name(key): line(value) for key, value in _is(dict, claim).items()}
    needed = _PROBLEMS.get(found.get("kind", ""))
    if needed is None or not {"entry", *needed} <= found.keys():
        raise WireError("a problem in a reply is none")
    return found


def _change(claim: Claim) -> dict[str, Any]:
    """What became of a module that a check passed in."""
    raw = _is(dict, claim)
    parameters = _is(dict, raw.get("parameters"))
    each = _group(_truth, _tensor)
    return {
        "module": _number(raw.get("module")),
        "training": _truth(raw.get("training")),
        "parameters": {_name(name): each(parameter) for name, parameter in parameters.items()},
    }


def _dtype(claim: Claim) -> torch.dtype:
    dtype = _is(torch.dtype, claim)
    if dtype not in BY_DTYPE:
        raise WireError("a dtype in a reply is none that a value could have")
    return dtype


def _shape(claim: Claim) -> tuple[int, ...]:
    shape = tuple(map(_number, _either(claim)))
    # Without its zeros: torch works out strides for what holds no element, too.
    if len(shape) > DIMENSIONS or any(size < 0 for size in shape) or math.prod(filter(None, shape)) > MAX_BODY:
        raise WireError("a shape in a reply is none")
    return shape


def _outlines(claim: Claim) -> list[tuple[Any, ...]]:
    """Parameters without their values, which this process makes room for."""
    outlines = _several(_group(_name, _number, _truth, _dtype, _shape))(claim)
    if sum(math.prod(shape) * dtype.itemsize for *_, dtype, shape in outlines) > MAX_BODY:
        raise WireError("parameters in a reply are too large")
    return outlines


_parameter = _group(_number, _truth, _tensor)
_PARTS: dict[str, Callable[[Claim], Any]] = {
    "seq": _number,
    "value": lambda claim: claim,
    "output": lambda claim: printable(_is(str, claim), OUTPUT),
    "raised": _report,
    "unsendable": _truth,
    "problems": _several(_problem),
    "changed": _several(_path),
    "generators": _several(_generator),
    "graph": _number,
    "rng": _truth,
    "parameters_changed": _truth,
    "parameters": _outlines,
    "linked": _several(_change),
    "parameter": _parameter,
    "method": _truth,
}
_STATES: dict[str, Callable[[Claim], Any]] = {
    "parameters": _several(_group(_name, _parameter)),
    "buffers": _several(_group(_name, _tensor)),
    "modules": _several(_group(_name, line)),
    "state_dict": lambda claim: {_name(name): _tensor(tensor) for name, tensor in _is(dict, claim).items()},
}
