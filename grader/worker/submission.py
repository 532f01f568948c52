"""Loads a submission and looks whether it offers what the checks will call."""

from __future__ import annotations

import difflib
import inspect
import linecache
import sys
from types import ModuleType
from typing import Any

from torch import nn


class Submission:
    """One candidate's module: `filename` is what tracebacks name, `lines` its source."""

    def __init__(self, name: str, filename: str, source: str) -> None:
        self.filename = filename
        self.lines = source.splitlines()
        self.source = source
        # A file may be called torch.py, and yet import torch.
        self.module = ModuleType("submission" if name in sys.modules else name)
        self.module.__file__ = filename

    def run(self) -> None:
        """Execute the file; whatever it raises passes through."""
        linecache.cache[self.filename] = (len(self.source), None, [line + "\n" for line in self.lines], self.filename)
        sys.modules[self.module.__name__] = self.module
        code = compile(self.source, self.filename, "exec", dont_inherit=True)
        exec(code, self.module.__dict__)

    def entry(self, dotted: str) -> Any:
        """The object that `name` or `Class.method` names."""
        found: Any = self.module
        for part in dotted.split("."):
            found = getattr(found, part)
        return found

    def problems(self, entries: list[dict[str, Any]]) -> list[dict[str, str]]:
        """Where the submission does not offer what it must, one dict a problem: `kind`, `entry` and details."""
        found: list[dict[str, str]] = []
        for entry in entries:
            name = entry["name"]
            if name not in self.module.__dict__:
                near = difflib.get_close_matches(name, [key for key in self.module.__dict__ if key[:1] != "_"], 1, 0.7)
                found.append({"kind": "missing", "entry": name, "near": near[0] if near else ""})
                continue
            thing = self.module.__dict__[name]
            if entry["kind"] == "module":
                found += _module_problems(name, thing, entry)
            elif not callable(thing):
                found.append({"kind": "not callable", "entry": name, "type": type(thing).__name__})
            else:
                found += _signature_problems(name, thing, entry["signature"], skip_self=False)
        return found


def _module_problems(name: str, thing: Any, entry: dict[str, Any]) -> list[dict[str, str]]:
    if not (inspect.isclass(thing) and issubclass(thing, nn.Module)):
        return [{"kind": "not a module", "entry": name, "type": type(thing).__name__}]
    found = []
    if not any(method["kind"] == "classmethod" for method in entry["methods"]):
        found += _signature_problems(f"{name}.__init__", thing.__init__, entry["signature"], skip_self=True)
    for method in entry["methods"]:
        label = f"{name}.{method['name']}"
        function = getattr(thing, method["name"], None)
        if not callable(function) or (method["name"] == "forward" and function is nn.Module.forward):
            found.append({"kind": "missing method", "entry": label, "near": ""})
            continue
        bound = inspect.ismethod(function) or isinstance(inspect.getattr_static(thing, method["name"]), staticmethod)
        if method["kind"] == "classmethod" and not bound:
            found.append({"kind": "not a classmethod", "entry": label})
            continue
        found += _signature_problems(label, function, method["signature"], skip_self=not bound)
    return found


def _signature_problems(label: str, function: Any, needed: str, *, skip_self: bool) -> list[dict[str, str]]:
    try:
        own = inspect.signature(function)
    except (TypeError, ValueError):
        return []  # nothing to compare with: the checks will tell
    wanted = signature_of(needed)
    for required_only in (True, False):
        positional: list[object] = [None] if skip_self else []
        named: dict[str, object] = {}
        for parameter in wanted.parameters.values():
            if required_only and parameter.default is not parameter.empty:
                continue
            if parameter.kind is parameter.KEYWORD_ONLY:
                named[parameter.name] = None
            else:
                positional.append(None)
        try:
            own.bind(*positional, **named)
        except TypeError:
            yours = (
                str(own.replace(parameters=list(own.parameters.values())[1:]))
                if skip_self and own.parameters
                else str(own)
            )
            return [{"kind": "signature", "entry": label, "yours": yours[:300], "needed": needed}]
    return []


def signature_of(text: str) -> inspect.Signature:
    """`(x, *, p=0.1)` as a Signature. The text is the exercise's own and holds names and literal defaults."""
    namespace: dict[str, Any] = {}
    exec(f"def signature{text}: ...", namespace)
    return inspect.signature(namespace["signature"])
