"""Trees and buffers -> values: the side that believes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor

from grader.errors import WireError
from grader.wire import generators, tensors
from grader.wire.frames import MAX_BODY, padded
from grader.wire.values import (
    AS_IS,
    HOSTILE,
    MAX_DEPTH,
    MAX_GENERATORS,
    MAX_INT_BITS,
    MAX_ITEMS,
    MAX_TENSORS,
    Path,
    Tree,
    need_plain_key,
    reason,
    spell,
)

Unspecial: TypeAlias = "Mapping[str, Callable[[Decoder, Tree], object]]"

_AS_IS = AS_IS | {str}
_WORD = 1 << 63
_MAX_COLLISIONS = 32
_DTYPES = {str(value).removeprefix("torch."): value for value in vars(torch).values() if isinstance(value, torch.dtype)}


class Decoder:
    """Reads the trees of one message, given its body and the encoder's table.

    Every failure is a WireError, and time and memory stay within a small multiple of the frame's size. `special` maps
    a tag to the function that makes its value from the payload's tree, by `decode` for parts.
    """

    def __init__(self, body: memoryview, table: Tree, special: Unspecial | None = None) -> None:
        self.size = len(body)  # bytes that came
        self.shown = 0  # bytes that the tensors seem to hold: an expanded one holds few
        self._special = special or {}
        self._items = 0
        self._copied = 0
        self._depth = 0
        self._path: Path = ""
        try:
            entries, states, sizes = _three_lists(table)
            if len(entries) > MAX_TENSORS or len(states) > MAX_GENERATORS or len(sizes) > 2 * MAX_ITEMS:
                raise WireError("a frame's table is too long")
            if body.readonly:  # torch takes no array that it could not write to
                body = memoryview(bytearray(body))
            self._buffers, end = _cut(body, sizes)
            unpacker = tensors.Unpacker(body, self._buffers, end)
            self.tensors: list[Tensor] = unpacker.unpack(entries)
            self.shown = unpacker.shown
            self.generators = [generators.unpack(self._buffer(state)) for state in states]
        except HOSTILE as error:
            raise WireError(f"a frame's table is not well formed: {reason(error)}") from error
        self._tensor_paths: list[Path] = [""] * len(self.tensors)

    def decode(self, tree: Tree, path: str | None = None) -> Any:
        """The value of a tree; `path` names it, for `paths`."""
        try:
            return self._decode(tree, self._path if path is None else path, self._depth)
        except HOSTILE as error:
            raise WireError(f"a frame's value is not well formed: {reason(error)}") from error

    @property
    def path(self) -> str:
        """Where the value stands that a special function is making."""
        return spell(self._path)

    @property
    def paths(self) -> list[str]:
        """Where each of `tensors` was first met; empty for one that no tree named."""
        return [spell(path) for path in self._tensor_paths]

    def _buffer(self, number: object) -> memoryview:
        if type(number) is not int or not 0 <= number < len(self._buffers):
            raise WireError("a frame names a buffer that is not there")
        return self._buffers[number]

    def _decode(self, tree: Tree, path: Path, depth: int) -> Any:
        kind = type(tree)
        if kind in _AS_IS:
            return tree
        if kind is dict and len(tree) == 1:
            [(tag, payload)] = tree.items()
            decode = _DECODERS.get(tag)
            if decode is None:
                raise WireError("a tree has a node of unknown kind")
            return decode(self, payload, path, depth)
        if kind is list:
            return self._list(tree, path, depth)
        if kind is not int:
            raise WireError("a tree has a node of the wrong form")
        if tree.bit_length() > MAX_INT_BITS:
            raise WireError(f"an int of more than {MAX_INT_BITS} bits")
        return tree

    def _tensor(self, number: Tree, path: Path, _depth: int) -> Tensor:
        if type(number) is not int or not 0 <= number < len(self.tensors):
            raise WireError("a tree names a tensor that is not there")
        if self._tensor_paths[number] == "":
            self._tensor_paths[number] = path
        return self.tensors[number]

    def _generator(self, number: Tree, _path: Path, _depth: int) -> torch.Generator:
        if type(number) is not int or not 0 <= number < len(self.generators):
            raise WireError("a tree names a generator that is not there")
        return self.generators[number]

    def _list(self, items: Tree, path: Path, depth: int) -> list[Any]:
        if type(items) is not list:
            raise WireError("a tree has a node of the wrong form")
        self._enter(len(items), depth)
        return [
            item
            if (kind := type(item)) in _AS_IS or (kind is int and -_WORD < item < _WORD)
            else self._decode(item, (path, index), depth + 1)
            for index, item in enumerate(items)
        ]

    def _dict(self, flat: Tree, path: Path, depth: int) -> dict[Any, Any]:
        if type(flat) is not list or len(flat) % 2:
            raise WireError("a dict has the wrong form")
        self._enter(len(flat), depth)
        keys = [self._decode(key, (path, "a key"), depth + 1) for key in flat[::2]]
        _spread(keys)
        for key in keys:
            need_plain_key(key)
        value = {}
        for key, item in zip(keys, flat[1::2], strict=True):
            value[key] = self._decode(item, (path, key), depth + 1)
        _no_twins(len(keys), len(value))
        return value

    def _set(self, items: Tree, path: Path, depth: int) -> set[Any]:
        members = self._list(items, path, depth)
        _spread(members)
        value = set(members)
        _no_twins(len(members), len(value))
        return value

    def _blob(self, number: Tree, _path: Path, _depth: int) -> bytes:
        content = self._buffer(number)
        # A buffer may be named many times: each copy is paid for.
        self._copied += len(content)
        if self._copied > MAX_BODY:
            raise WireError("a message's texts and bytes are over the limit")
        return bytes(content)

    def _call(self, payload: Tree, path: Path, depth: int) -> object:
        if type(payload) is not list or len(payload) != 2 or type(payload[0]) is not str:
            raise WireError("a special node has the wrong form")
        make = self._special.get(payload[0])
        if make is None:
            raise WireError("a tree has a special node of unknown tag")
        self._enter(1, depth)
        before = self._path, self._depth
        self._path, self._depth = path, depth + 1
        try:
            return make(self, payload[1])
        finally:
            self._path, self._depth = before

    def _enter(self, count: int, depth: int) -> None:
        if depth >= MAX_DEPTH:
            raise WireError(f"a value nested deeper than {MAX_DEPTH} levels")
        self._count(count)

    def _count(self, count: int) -> None:
        self._items += count
        if self._items > MAX_ITEMS:
            raise WireError(f"a value of more than {MAX_ITEMS} items")


def _three_lists(table: Tree) -> list[Any]:
    if type(table) is not list or len(table) != 3 or not type(table[0]) is type(table[1]) is type(table[2]) is list:
        raise WireError("a frame's table has the wrong form")
    return table


def _cut(body: memoryview, sizes: Sequence[object]) -> tuple[list[memoryview], int]:
    """The numbered buffers, and where in the body they end."""
    buffers = []
    end = 0
    for size in sizes:
        if type(size) is not int or not 0 <= size <= len(body) - end:
            raise WireError("a buffer's size is out of range")
        buffers.append(body[end : end + size])
        end += padded(size)
    return buffers, end


def _spread(keys: Iterable[Hashable]) -> None:
    """Refuses keys made to collide: a dict of 50,000 ints with one hash takes a minute to build."""
    hashes = Counter(map(hash, keys))
    if hashes and max(hashes.values()) > _MAX_COLLISIONS:
        raise WireError("too many keys with one hash")


def _no_twins(sent: int, kept: int) -> None:
    if sent != kept:
        raise WireError("a key or member comes twice")


def _size(items: list[Any]) -> torch.Size:
    if any(type(item) is not int or not -_WORD < item < _WORD for item in items):
        raise WireError("a size holds something else than sizes")
    return torch.Size(items)


def _device(name: Tree) -> torch.device:
    if type(name) is not str or len(name) > 32:
        raise WireError("a device has the wrong form")
    return torch.device(name)


_DECODERS: dict[str, Callable[[Decoder, Tree, Path, int], Any]] = {
    "tensor": Decoder._tensor,
    "tuple": lambda decoder, tree, path, depth: tuple(decoder._list(tree, path, depth)),
    "dict": Decoder._dict,
    "set": Decoder._set,
    "frozenset": lambda decoder, tree, path, depth: frozenset(decoder._set(tree, path, depth)),
    "size": lambda decoder, tree, path, depth: _size(decoder._list(tree, path, depth)),
    "bytes": Decoder._blob,
    "text": lambda decoder, tree, path, depth: decoder._blob(tree, path, depth).decode("utf-8", "surrogatepass"),
    "generator": Decoder._generator,
    "dtype": lambda _decoder, name, _path, _depth: _DTYPES[name],
    "device": lambda _decoder, name, _path, _depth: _device(name),
    "special": Decoder._call,
}
