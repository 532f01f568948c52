"""Values -> trees and buffers: the side that also runs among untrusted code, on whatever a candidate returned.

It looks at exact types first, and reads subclasses through the methods of their base, so that none of a value's own
code runs; endless and self-containing values end at a limit.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from grader.errors import WireError
from grader.wire import generators, tensors
from grader.wire.frames import Buffer
from grader.wire.values import (
    AS_IS,
    HOSTILE,
    MAX_DEPTH,
    MAX_GENERATORS,
    MAX_INT_BITS,
    MAX_ITEMS,
    MAX_TENSORS,
    Encoded,
    Path,
    Tree,
    need_plain_key,
    reason,
    spell,
    type_name,
)

Special: TypeAlias = "Callable[[Encoder, object], Tree | None]"

_LONG_TEXT = 4096  # characters beyond which a text goes into a buffer: escaping it in JSON would cost more
_WORD = 1 << 63


class Encoder:
    """Turns the values of one message into trees, one table, and buffers.

    `special(encoder, value)` is asked about everything but exact plain scalars and exact tensors; it returns a tree,
    best made by `tagged`, or None. It may call `encode` for parts, and read `path`.
    """

    def __init__(self, special: Special | None = None) -> None:
        self.tensors: list[Tensor] = []  # the caller's own objects, in order of first appearance
        self.generators: list[torch.Generator] = []
        self._special = special
        self._tensor_paths: list[Path] = []
        self._numbers: dict[int, int] = {}  # id -> number; the two lists above keep the objects alive
        self._blobs: list[Buffer] = []
        self._packed: tuple[Tree, list[Buffer]] | None = None
        self._items = 0
        self._depth = 0
        self._path: Path = ""

    def encode(self, value: object, path: str | None = None) -> Tree:
        """The tree of `value`; `path` names it, so that a tensor inside is `weights[2]` in `paths`."""
        try:
            return self._encode(value, self._path if path is None else path, self._depth)
        except HOSTILE as error:
            raise WireError(f"a value cannot be sent: {reason(error)}") from error

    @property
    def path(self) -> str:
        """Where the value stands that `special` is being asked about."""
        return spell(self._path)

    @property
    def paths(self) -> list[str]:
        """Where each of `tensors` was first met."""
        return [spell(path) for path in self._tensor_paths]

    @property
    def table(self) -> Tree:
        """What the decoder needs beside the trees; asking for it ends the encoding."""
        return self._pack()[0]

    @property
    def buffers(self) -> list[Buffer]:
        """The body, in parts; asking for it ends the encoding."""
        return self._pack()[1]

    def _pack(self) -> tuple[Tree, list[Buffer]]:
        if self._packed is None:
            try:
                states = [generators.pack(generator) for generator in self.generators]
                first = len(self._blobs) + len(states)
                entries, spans, lone = tensors.pack(self.tensors, first)
            except HOSTILE as error:
                raise WireError(f"a tensor or generator cannot be sent: {reason(error)}") from error
            numbered = [*self._blobs, *states, *spans]
            sizes = [len(buffer) for buffer in numbered]
            self._packed = [entries, list(range(len(self._blobs), first)), sizes], numbered + lone
        return self._packed

    def _encode(self, value: Any, path: Path, depth: int) -> Tree:
        kind = type(value)
        if kind in AS_IS:
            return value
        if kind is Tensor:
            return self._tensor(value, path, depth)
        scalar = _SCALARS.get(kind)
        if scalar is not None:
            return scalar(self, value, path, depth)
        if self._special is not None:
            tree = self._ask(self._special, value, path, depth)
            if tree is not None:
                return tree
        encode = _ENCODERS.get(kind) or _by_base(value)
        return encode(self, value, path, depth)

    def _ask(self, special: Special, value: object, path: Path, depth: int) -> Tree | None:
        before = self._path, self._depth
        self._path, self._depth = path, depth + 1
        try:
            tree = special(self, value)
        finally:
            self._path, self._depth = before
        if tree is not None:
            self._enter(1, depth)
        return tree

    def _int(self, value: int, _path: Path, _depth: int) -> Tree:
        if value.bit_length() > MAX_INT_BITS:
            raise WireError(f"an int of more than {MAX_INT_BITS} bits cannot be sent")
        return value

    def _text(self, value: str, _path: Path, _depth: int) -> Tree:
        if len(value) <= _LONG_TEXT and (value.isascii() or not _has_surrogates(value)):
            return value
        # JSON would join two surrogates that stand side by side.
        return {"text": self._blob(value.encode("utf-8", "surrogatepass"))}

    def _bytes(self, value: bytes, _path: Path, _depth: int) -> Tree:
        return {"bytes": self._blob(value)}

    def _blob(self, content: Buffer) -> int:
        self._blobs.append(content)
        return len(self._blobs) - 1

    def _tensor(self, value: Tensor, path: Path, _depth: int) -> Tree:
        number = self._numbers.get(id(value))
        if number is None:
            number = self._numbers[id(value)] = len(self.tensors)
            self.tensors.append(value)
            self._tensor_paths.append(path)
            if number >= MAX_TENSORS:
                raise WireError(f"a value with more than {MAX_TENSORS} tensors cannot be sent")
        return {"tensor": number}

    def _generator(self, value: torch.Generator, _path: Path, _depth: int) -> Tree:
        number = self._numbers.get(id(value))
        if number is None:
            number = self._numbers[id(value)] = len(self.generators)
            self.generators.append(value)
            if number >= MAX_GENERATORS:
                raise WireError(f"a value with more than {MAX_GENERATORS} generators cannot be sent")
        return {"generator": number}

    def _list(self, value: list[Any], path: Path, depth: int) -> Tree:
        return self._sequence(list.__iter__(value), list.__len__(value), path, depth)

    def _tuple(self, value: tuple[Any, ...], path: Path, depth: int) -> Tree:
        return {"tuple": self._sequence(tuple.__iter__(value), tuple.__len__(value), path, depth)}

    def _size(self, value: torch.Size, path: Path, depth: int) -> Tree:
        return {"size": self._sequence(tuple.__iter__(value), tuple.__len__(value), path, depth)}

    def _set(self, value: set[Any], path: Path, depth: int) -> Tree:
        return {"set": self._sequence(set.__iter__(value), set.__len__(value), path, depth)}

    def _frozenset(self, value: frozenset[Any], path: Path, depth: int) -> Tree:
        return {"frozenset": self._sequence(frozenset.__iter__(value), frozenset.__len__(value), path, depth)}

    def _dict(self, value: dict[Any, Any], path: Path, depth: int) -> Tree:
        return self._pairs(dict.items(value), dict.__len__(value), path, depth)

    def _ordered(self, value: OrderedDict[Any, Any], path: Path, depth: int) -> Tree:
        return self._pairs(OrderedDict.items(value), dict.__len__(value), path, depth)

    def _pairs(self, pairs: Iterable[tuple[Any, Any]], count: int, path: Path, depth: int) -> Tree:
        self._enter(2 * count, depth)
        flat: list[Tree] = []
        for key, item in pairs:
            flat.append(self._encode(key, (path, "a key"), depth + 1))
            need_plain_key(key)
            flat.append(self._encode(item, (path, key), depth + 1))
        return {"dict": flat}

    def _sequence(self, items: Iterable[Any], count: int, path: Path, depth: int) -> list[Tree]:
        self._enter(count, depth)
        return [
            item
            if (kind := type(item)) in AS_IS or (kind is int and -_WORD < item < _WORD)  # token ids, mostly
            else self._encode(item, (path, index), depth + 1)
            for index, item in enumerate(items)
        ]

    def _enter(self, count: int, depth: int) -> None:
        if depth >= MAX_DEPTH:
            raise WireError(f"a value nested deeper than {MAX_DEPTH} levels cannot be sent")
        self._count(count)

    def _count(self, count: int) -> None:
        self._items += count
        if self._items > MAX_ITEMS:
            raise WireError(f"a value of more than {MAX_ITEMS} items cannot be sent")


_Method: TypeAlias = Callable[[Encoder, Any, Path, int], Tree]

_SCALARS: dict[type, _Method] = {int: Encoder._int, str: Encoder._text, bytes: Encoder._bytes}
_ENCODERS: dict[type, _Method] = {
    list: Encoder._list,
    tuple: Encoder._tuple,
    dict: Encoder._dict,
    OrderedDict: Encoder._ordered,  # its order is its own: move_to_end does not touch the dict below
    set: Encoder._set,
    frozenset: Encoder._frozenset,
    nn.Parameter: Encoder._tensor,
    torch.Size: Encoder._size,
    torch.Generator: Encoder._generator,
    torch.dtype: lambda _encoder, value, _path, _depth: {"dtype": str(value).removeprefix("torch.")},
    torch.device: lambda _encoder, value, _path, _depth: {"device": str(value)},
    Encoded: lambda _encoder, value, _path, _depth: value.tree,
}

# Subclasses, sent as their base: an IntEnum is an int, a namedtuple a tuple. The base's own methods read them.
_BASES: tuple[tuple[type, _Method], ...] = (
    (Tensor, Encoder._tensor),
    (np.generic, lambda encoder, value, path, depth: encoder._encode(_numpy_scalar(value), path, depth)),
    (int, lambda encoder, value, path, depth: encoder._int(int.__int__(value), path, depth)),
    (float, lambda _encoder, value, _path, _depth: float.__float__(value)),
    (str, lambda encoder, value, path, depth: encoder._text(str.__str__(value), path, depth)),
    (bytes, lambda encoder, value, path, depth: encoder._bytes(bytes.__getitem__(value, slice(None)), path, depth)),
    (list, Encoder._list),
    (torch.Size, Encoder._size),
    (tuple, Encoder._tuple),
    (OrderedDict, Encoder._ordered),
    (dict, Encoder._dict),
    (set, Encoder._set),
    (frozenset, Encoder._frozenset),
    (torch.Generator, Encoder._generator),
)


def _by_base(value: object) -> _Method:
    # issubclass of the type: isinstance would also ask the value's own __class__, which can lie.
    kind = type(value)
    for base, method in _BASES:
        if issubclass(kind, base):
            return method
    raise WireError(f"a value of type {type_name(kind)} cannot be sent")


def _numpy_scalar(value: np.generic) -> object:
    plain = np.generic.item(value)
    if type(plain) not in (bool, int, float, str, bytes):
        raise WireError(f"a value of type {type_name(type(value))} cannot be sent")
    return plain


def _has_surrogates(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
