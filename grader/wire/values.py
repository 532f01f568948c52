"""Values <-> JSON-able trees with buffers beside them.

A tree is JSON: null, booleans, numbers, strings and arrays stand for themselves (arrays for lists), and everything
else is an object with one key, its tag: `{"tuple": [...]}`, `{"tensor": 3}`, `{"special": ["module", ...]}`. Tensors
and generators stand in tables beside the tree, by number in the order of first appearance, so that both sides can
speak of 'tensor 3' and one object that appears twice arrives as one.

Here stands what both directions share.
"""

from __future__ import annotations

import json
from typing import Any, TypeAlias

import numpy as np
import torch

from grader.errors import WireError

Tree: TypeAlias = Any  # what json takes and gives
Path: TypeAlias = "tuple[Path, object] | str"  # (the parent's, index or key), down to the root's name

MAX_DEPTH = 32
MAX_ITEMS = 100_000
MAX_TENSORS = 10_000
MAX_GENERATORS = 1000
MAX_INT_BITS = 4096

MAX_KEY = 1000  # characters of a text in the key of a dict
_PLAIN_KEYS = (type(None), int, float, torch.dtype, torch.device, np.generic)

# What JSON carries as it is.
AS_IS = frozenset({type(None), bool, float})

# What hostile values and trees raise in Python, json and torch, short of the checks made here.
HOSTILE = (
    TypeError,
    ValueError,
    LookupError,
    ArithmeticError,
    RuntimeError,
    AssertionError,
    AttributeError,
    MemoryError,
)


class Encoded:
    """A value that an encoder has already turned into a tree, to be put inside a larger value."""

    __slots__ = ("tree",)

    def __init__(self, tree: Tree) -> None:
        self.tree = tree


def need_plain_key(key: Any) -> None:
    """Refuses a key of a dict that whoever compares, sorts or shows it has no end with: one that holds a tensor, or a
    long text. Like the encoder, it runs none of the key's own code.
    """
    kind = type(key)
    if issubclass(kind, (str, bytes)):
        if (str if issubclass(kind, str) else bytes).__len__(key) > MAX_KEY:
            raise WireError(f"a dict with a key of more than {MAX_KEY} characters")
    elif issubclass(kind, (tuple, frozenset)):
        members = (tuple if issubclass(kind, tuple) else frozenset).__iter__(key)
        for member in members:
            need_plain_key(member)
    elif not issubclass(kind, _PLAIN_KEYS):
        raise WireError(f"a dict with a key of type {type_name(kind)}")


def tagged(tag: str, payload: Tree) -> Tree:
    """The tree for a special value: the decoder calls its function for `tag` with the payload's tree."""
    return {"special": [tag, payload]}


def type_name(kind: type) -> str:
    """`module.Name`, by type's own getters: a metaclass can put code of its own in their place."""
    name = type.__dict__["__qualname__"].__get__(kind)
    module = type.__dict__["__module__"].__get__(kind)
    return f"{module}.{name}" if type(module) is str and module != "builtins" else str(name)


def reason(error: BaseException) -> str:
    """What went wrong, fit to be shown: the text may be the peer's."""
    return f"{type(error).__name__}: {str(error)[:200]!a}"


def spell(path: Path) -> str:
    """A path as one would write it: `weights[2]`, `cache["k"]`."""
    if isinstance(path, str):
        return path
    parent, key = path
    if type(key) is str:
        return f"{spell(parent)}[{json.dumps(key, ensure_ascii=False)}]"
    if type(key) in (int, float, bool, type(None)):
        return f"{spell(parent)}[{key!r}]"
    return f"{spell(parent)}[...]"
