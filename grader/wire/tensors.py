"""Tensors <-> raw bytes: one entry of a table for each, and its bytes in the body.

A tensor alone in its storage is `[dtype, flags, *shape]`, arrives contiguous, and its bytes follow those of the lone
tensor before. Tensors that share a storage are `[dtype, flags | SHARED, buffer, offset, *shape, *strides]`: the span
that they cover together is sent once, as a buffer that the frame's table gives the size of. Numpy's arrays are the
bridge in both directions: they cost a third of any way through torch alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from grader.errors import WireError
from grader.wire.dtypes import ALL_FLAGS, BY_DTYPE, BY_NAME, CONJUGATE, NEGATIVE, PARAMETER, REQUIRES_GRAD, SHARED, Kind
from grader.wire.frames import MAX_BODY, Buffer, padded
from grader.wire.values import type_name

Entry: TypeAlias = list[Any]
Array: TypeAlias = "np.ndarray[Any, Any]"

_MAX_DIMENSIONS = 64  # what torch's own iterators take
_MAX_SIZE = 1 << 40
_MAX_ELEMENTS = 1 << 56  # the strides, of an empty tensor too, must fit 64 bits
_COPIED = 4096  # bytes up to which a copy costs less than a view
_SPAN_ALIGNMENT = 16  # the widest element, complex128

_EXACT = frozenset({Tensor, nn.Parameter})


def pack(
    tensors: Sequence[Tensor], first_span: int, limit: int = MAX_BODY
) -> tuple[list[Entry], list[Buffer], list[Buffer]]:
    """Entries of `tensors`, the spans that several share (numbered from `first_span`), and the lone ones' bytes.

    The WireError names the kind of a tensor that cannot be sent.
    """
    plain = [tensor if type(tensor) in _EXACT else _plain(tensor) for tensor in tensors]
    try:
        pointers = [tensor.untyped_storage().data_ptr() for tensor in plain]
    except RuntimeError:
        raise _first_unsendable(plain) from None
    entries: list[Entry] = []
    spans: list[Buffer] = []
    lone: list[Buffer] = []
    places = _spans(plain, pointers, spans, first_span) if len(set(pointers)) < len(pointers) else {}
    for tensor, pointer in zip(plain, pointers, strict=True):
        kind = BY_DTYPE.get(tensor.dtype)
        if kind is None:
            raise _unsendable(tensor)
        flags = REQUIRES_GRAD if tensor.requires_grad else 0
        if type(tensor) is not Tensor:
            flags |= PARAMETER
        if pointer in places and tensor.numel():
            limit -= tensor.nbytes
            entries.append(_strided(tensor, kind, flags, *places[pointer]))
        else:
            try:
                array = tensor.numpy() if not flags and kind.carrier is None else _array(tensor, kind)
            except (RuntimeError, TypeError):
                array = _array(tensor, kind)
            size = array.nbytes
            limit -= size
            if size and not pointer:
                raise _unsendable(tensor)
            entries.append([kind.name, flags, *array.shape])
            if size <= _COPIED:
                lone.append(array.tobytes())
            elif limit >= 0:  # an expanded tensor is written out only now
                lone.append(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
        if limit < 0:
            raise WireError(f"tensors that show more than {MAX_BODY} bytes cannot be sent in one message")
    return entries, spans, lone


def _plain(tensor: Tensor) -> Tensor:
    """A subclass's own data, with none of the subclass's code run."""
    with torch._C.DisableTorchFunctionSubclass(), torch._C._DisableTorchDispatch():
        try:
            Tensor.untyped_storage(tensor).data_ptr()
        except RuntimeError:
            # It must not come to as_subclass: over some wrappers, nested ones among them, that crashes the process.
            name = type_name(type(tensor))
            raise WireError(f"a tensor of class {name}, without data of its own, cannot be sent") from None
        plain = Tensor.as_subclass(tensor, Tensor)
    if issubclass(type(tensor), nn.Parameter):
        return nn.Parameter(plain.detach(), plain.requires_grad)
    return plain


def _first_unsendable(tensors: Sequence[Tensor]) -> WireError:
    for tensor in tensors:
        try:
            tensor.untyped_storage().data_ptr()
        except RuntimeError:
            return _unsendable(tensor)
    return WireError("a tensor cannot be sent")


def _unsendable(tensor: Tensor) -> WireError:
    if tensor.layout is not torch.strided:
        layout = str(tensor.layout).removeprefix("torch.").strip("_")
        kind = "sparse" if "sparse" in layout else layout
    elif tensor.is_nested:
        kind = "nested"
    elif tensor.device.type != "cpu":
        kind = tensor.device.type
    elif tensor.is_quantized:
        kind = "quantized"
    elif tensor.dtype not in BY_DTYPE:
        kind = str(tensor.dtype).removeprefix("torch.")
    else:
        return WireError("a tensor without data of its own cannot be sent")
    return WireError(f"a {kind} tensor cannot be sent")


def _array(tensor: Tensor, kind: Kind) -> Array:
    """The tensor's elements where they lie, unless they have to be conjugated or negated first."""
    try:
        if tensor.requires_grad:
            tensor = tensor.detach()
        if kind.carrier is not None:
            tensor = tensor.view(kind.carrier)
        if kind.differentiable and (tensor.is_neg() or tensor.is_conj()):
            if tensor.nbytes > MAX_BODY:
                raise WireError(f"tensors that show more than {MAX_BODY} bytes cannot be sent in one message")
            tensor = tensor.resolve_conj().resolve_neg()
        return tensor.numpy()
    except (RuntimeError, TypeError):
        raise _unsendable(tensor) from None


def _spans(
    tensors: Sequence[Tensor], pointers: Sequence[int], spans: list[Buffer], first: int
) -> dict[int, tuple[int, int]]:
    """For each storage with several tensors: its buffer's number, and the address at which the covered span begins."""
    sharing: dict[int, list[Tensor]] = {}
    for tensor, pointer in zip(tensors, pointers, strict=True):
        if tensor.dtype not in BY_DTYPE or tensor.layout is not torch.strided or tensor.is_nested:
            raise _unsendable(tensor)
        if pointer and tensor.numel():
            sharing.setdefault(pointer, []).append(tensor)
    places = {}
    for pointer, members in sharing.items():
        if len(members) == 1:
            continue
        begin = min(member.data_ptr() for member in members)
        begin -= (begin - pointer) % _SPAN_ALIGNMENT
        end = max(member.data_ptr() + _reach(member.shape, member.stride()) * member.itemsize for member in members)
        whole = torch.empty(0, dtype=torch.uint8, device="cpu")
        whole.set_(members[0].untyped_storage(), begin - pointer, (end - begin,), (1,))
        places[pointer] = (first + len(spans), begin)
        spans.append(whole.numpy().data)
    return places


def _strided(tensor: Tensor, kind: Kind, flags: int, buffer: int, begin: int) -> Entry:
    flags |= SHARED
    flags |= CONJUGATE if tensor.is_conj() else 0
    flags |= NEGATIVE if tensor.is_neg() else 0
    offset = (tensor.data_ptr() - begin) // kind.itemsize
    return [kind.name, flags, buffer, offset, *tensor.shape, *tensor.stride()]


def _reach(shape: Sequence[int], strides: Sequence[int]) -> int:
    """Elements from a tensor's first to just past its last; its shape has no zero."""
    return 1 + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))


@dataclass(frozen=True, slots=True)
class _Layout:
    """An entry that has been checked, as far as it can be without its body."""

    kind: Kind
    flags: int
    size: int  # bytes that the tensor shows
    room: int  # bytes that it takes in the body, if it is alone
    shape: tuple[int, ...]
    strides: tuple[int, ...] = ()
    offset: int = 0
    buffer: int = 0


# The same few layouts come in call after call.
@lru_cache(maxsize=256, typed=True)
def _layout(name: object, flags: object, *numbers: object) -> _Layout:
    kind = BY_NAME.get(name) if type(name) is str else None
    if kind is None or type(flags) is not int or not 0 <= flags <= ALL_FLAGS:
        raise WireError("a tensor's entry has an unknown dtype or unknown flags")
    if flags & (REQUIRES_GRAD | CONJUGATE | NEGATIVE) and not kind.differentiable:
        raise WireError("a tensor's flags do not fit its dtype")
    checked = tuple(number for number in numbers if type(number) is int and 0 <= number <= _MAX_SIZE)
    if len(checked) != len(numbers):
        raise WireError("a tensor's entry has a number out of range")
    if not flags & SHARED:
        size = _shown(kind, checked)
        return _Layout(kind, flags, size, padded(size), checked)
    if len(checked) < 2 or len(checked) % 2:
        raise WireError("a tensor's entry has the wrong form")
    buffer, offset, *rest = checked
    shape, strides = tuple(rest[: len(rest) // 2]), tuple(rest[len(rest) // 2 :])
    if 0 in shape:
        raise WireError("an empty tensor shares nothing")
    return _Layout(kind, flags, _shown(kind, shape), 0, shape, strides, offset, buffer)


def _shown(kind: Kind, shape: tuple[int, ...]) -> int:
    """The bytes that a tensor of that shape holds, or seems to hold."""
    if len(shape) > _MAX_DIMENSIONS or math.prod(filter(None, shape)) > _MAX_ELEMENTS:
        raise WireError("a tensor's shape is out of range")
    return math.prod(shape) * kind.itemsize


class Unpacker:
    """The other direction, over one body; every entry is checked before torch sees it."""

    def __init__(self, body: memoryview, spans: Sequence[memoryview], begin: int, limit: int = MAX_BODY) -> None:
        self._body = body
        self._spans = spans
        self._begin = begin  # of the lone tensors' bytes
        self._limit = limit  # of bytes that tensors may seem to hold: an expanded one costs its reader what it shows
        self.shown = 0
        self._storages: dict[int, Tensor] = {}

    def unpack(self, entries: list[Any]) -> list[Tensor]:
        """The tensors that the entries describe, which must use up the body."""
        tensors = []
        end = self._begin
        for entry in entries:
            layout = _layout(*entry)
            start, end = end, end + layout.room
            self.shown += layout.size
            if end > len(self._body) or self.shown > self._limit:
                raise WireError("a message's tensors show more bytes than it has, or than the limit")
            flags = layout.flags
            tensor = self._shared(layout) if flags & SHARED else self._lone(layout, start)
            if flags & PARAMETER:
                tensor = nn.Parameter(tensor, bool(flags & REQUIRES_GRAD))
            elif flags & REQUIRES_GRAD:
                tensor.requires_grad_()
            tensors.append(tensor)
        if end != len(self._body):
            raise WireError("a frame's tensors do not fill its body")
        return tensors

    def _lone(self, layout: _Layout, start: int) -> Tensor:
        kind = layout.kind
        if not layout.size:
            tensor = torch.empty(layout.shape, dtype=kind.carrier or kind.dtype, device="cpu")
        elif kind.dtype is torch.bool:
            # Any byte may have come; as a bool, one that is neither 0 nor 1 is undefined behaviour.
            tensor = torch.from_numpy(np.ndarray(layout.shape, kind.bits, self._body, start)).ne(0)
        else:
            # The copy is torch's, not numpy's: memory that torch owns can be resized, and is aligned for its kernels.
            tensor = torch.from_numpy(np.ndarray(layout.shape, kind.bits, self._body, start)).clone()
        return tensor if kind.carrier is None else tensor.view(kind.dtype).detach()

    def _shared(self, layout: _Layout) -> Tensor:
        kind = layout.kind
        storage = self._storage(layout.buffer)
        elements = len(storage) // kind.itemsize
        if layout.offset + _reach(layout.shape, layout.strides) > elements:
            raise WireError("a tensor reaches beyond its storage")
        place = layout.shape, layout.strides, layout.offset
        storage = storage[: elements * kind.itemsize]
        if kind.dtype is torch.bool and storage.as_strided(*place).max() > 1:
            raise WireError("a byte of a bool tensor is neither 0 nor 1")
        tensor = storage.view(kind.dtype).as_strided(*place)
        tensor = tensor.conj() if layout.flags & CONJUGATE else tensor
        tensor = torch._neg_view(tensor) if layout.flags & NEGATIVE else tensor
        # Detached: they share memory and version counter, as views do, but autograd takes none for another's view.
        return tensor.detach()

    def _storage(self, buffer: int) -> Tensor:
        if buffer >= len(self._spans):
            raise WireError("a tensor's entry names a buffer that is not there")
        storage = self._storages.get(buffer)
        if storage is None:
            storage = torch.frombuffer(self._spans[buffer], dtype=torch.uint8).clone()
            self._storages[buffer] = storage
        return storage
