"""Tensors <-> raw bytes: one table entry and, unless they share storage, one buffer each.

An entry is `[dtype, flags, buffer, shape]` for a tensor alone in its storage, which arrives contiguous, and
`[dtype, flags, buffer, shape, strides, offset]` for those that share a storage: the span that they cover together is
sent once. Numpy does the copying, since `from_numpy` costs a third of any way through torch alone.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from grader.errors import WireError
from grader.wire.frames import MAX_BODY, Buffer

Entry: TypeAlias = list[Any]

REQUIRES_GRAD = 1
PARAMETER = 2
CONJUGATE = 4
NEGATIVE = 8

_MAX_DIMENSIONS = 64  # what torch's own iterators take
_MAX_SIZE = 1 << 40
_MAX_EMPTY = 1 << 60  # strides of an empty tensor must still fit 64 bits
_COPIED = 4096  # bytes up to which a copy costs less than a view
_SPAN_ALIGNMENT = 16  # the widest element, complex128

# What travels, with the numpy type of the same width that carries its bits.
_BITS = {
    "float32": "f4", "float64": "f8", "int64": "i8", "int32": "i4", "int16": "i2", "int8": "i1", "uint8": "u1",
    "bool": "?", "float16": "f2", "bfloat16": "i2", "complex64": "c8", "complex128": "c16", "complex32": "i4",
    "uint16": "u2", "uint32": "u4", "uint64": "u8", "float8_e4m3fn": "u1", "float8_e5m2": "u1",
    "float8_e4m3fnuz": "u1", "float8_e5m2fnuz": "u1", "float8_e8m0fnu": "u1",
}  # fmt: skip
_DTYPES: dict[str, torch.dtype] = {name: getattr(torch, name) for name in _BITS if hasattr(torch, name)}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
_NUMPY = {name: np.dtype(bits) for name, bits in _BITS.items()}
# Those that torch's .numpy() refuses travel as integers of their width.
_CARRIERS: dict[torch.dtype, torch.dtype] = {
    dtype: {1: torch.uint8, 2: torch.int16, 4: torch.int32}[dtype.itemsize]
    for name, dtype in _DTYPES.items()
    if name in ("bfloat16", "complex32") or name.startswith("float8")
}


def pack(tensors: Sequence[Tensor], first_buffer: int, limit: int = MAX_BODY) -> tuple[list[Entry], list[Buffer]]:
    """Table entries and buffers for `tensors`; WireError names the kind of tensor that cannot be sent."""
    plain = [tensor if type(tensor) in (Tensor, nn.Parameter) else _plain(tensor) for tensor in tensors]
    buffers: list[Buffer] = []
    table: list[Entry] = []
    try:
        pointers = [tensor.untyped_storage().data_ptr() for tensor in plain]
    except RuntimeError:
        pointers = [_checked_pointer(tensor) for tensor in plain]
    spans = _spans(plain, pointers, buffers, first_buffer) if len(set(pointers)) < len(pointers) else {}
    for tensor, pointer in zip(plain, pointers, strict=True):
        name = _NAMES.get(tensor.dtype)
        if name is None:
            raise _unsendable(tensor)
        size = tensor.nbytes
        limit -= size
        if limit < 0:
            raise WireError("tensors of more than the limit of bytes cannot be sent in one message")
        if size and not pointer:
            raise _unsendable(tensor)
        flags = REQUIRES_GRAD if tensor.requires_grad else 0
        if type(tensor) is nn.Parameter:
            flags |= PARAMETER
        if size and pointer in spans:
            table.append(_strided(tensor, name, flags, *spans[pointer]))
        else:
            table.append([name, flags, first_buffer + len(buffers), list(tensor.shape)])
            buffers.append(_content(tensor) if size else b"")
    return table, buffers


def _plain(tensor: Tensor) -> Tensor:
    """A subclass's own data, with none of the subclass's code run."""
    with torch._C.DisableTorchFunctionSubclass(), torch._C._DisableTorchDispatch():
        plain = torch.Tensor.as_subclass(tensor, Tensor)
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(plain.detach(), tensor.requires_grad)
    return plain


def _checked_pointer(tensor: Tensor) -> int:
    try:
        return tensor.untyped_storage().data_ptr()
    except RuntimeError:
        raise _unsendable(tensor) from None


def _unsendable(tensor: Tensor) -> WireError:
    if tensor.layout is not torch.strided:
        kind = "sparse" if "sparse" in str(tensor.layout) else str(tensor.layout).removeprefix("torch.").strip("_")
    elif tensor.is_nested:
        kind = "nested"
    elif tensor.device.type != "cpu":
        kind = tensor.device.type
    elif tensor.is_quantized:
        kind = "quantized"
    elif tensor.dtype not in _NAMES:
        kind = str(tensor.dtype).removeprefix("torch.")
    else:
        return WireError("a tensor without data of its own cannot be sent")
    return WireError(f"a {kind} tensor cannot be sent")


def _content(tensor: Tensor) -> Buffer:
    """The elements in row-major order."""
    try:
        if tensor.requires_grad:
            tensor = tensor.detach()
        carrier = _CARRIERS.get(tensor.dtype)
        if tensor.is_conj() or tensor.is_neg():
            tensor = tensor.resolve_conj().resolve_neg()
        array = (tensor.view(carrier) if carrier else tensor).numpy()
    except (RuntimeError, TypeError):
        raise _unsendable(tensor) from None
    if array.nbytes <= _COPIED:
        return array.tobytes()
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def _spans(
    tensors: Sequence[Tensor], pointers: Sequence[int], buffers: list[Buffer], first_buffer: int
) -> dict[int, tuple[int, int]]:
    """For each storage with several tensors: its buffer, and the address at which the covered span begins."""
    sharing = Counter(pointer for tensor, pointer in zip(tensors, pointers, strict=True) if pointer and tensor.numel())
    spans = {}
    for pointer in (pointer for pointer, count in sharing.items() if count > 1):
        members = [tensor for tensor, at in zip(tensors, pointers, strict=True) if at == pointer and tensor.numel()]
        for member in members:
            if member.dtype not in _NAMES or member.layout is not torch.strided or member.is_nested:
                raise _unsendable(member)
        begin = min(member.data_ptr() for member in members)
        begin -= (begin - pointer) % _SPAN_ALIGNMENT
        end = max(member.data_ptr() + _reach(member.shape, member.stride()) * member.itemsize for member in members)
        if end - begin > MAX_BODY:
            raise WireError("tensors that share a storage over the limit of bytes cannot be sent in one message")
        whole = torch.empty(0, dtype=torch.uint8, device="cpu")
        whole.set_(members[0].untyped_storage(), begin - pointer, (end - begin,), (1,))
        spans[pointer] = (first_buffer + len(buffers), begin)
        buffers.append(whole.numpy().data)
    return spans


def _strided(tensor: Tensor, name: str, flags: int, buffer: int, begin: int) -> Entry:
    flags |= CONJUGATE if tensor.is_conj() else 0
    flags |= NEGATIVE if tensor.is_neg() else 0
    offset = (tensor.data_ptr() - begin) // tensor.itemsize
    return [name, flags, buffer, list(tensor.shape), list(tensor.stride()), offset]


def _reach(shape: Sequence[int], strides: Sequence[int]) -> int:
    """Elements from a tensor's first to just past its last; its shape has no zero."""
    return 1 + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))


class Unpacker:
    """The other direction, over one body; every entry is checked before torch sees it."""

    def __init__(self, body: memoryview, offsets: Sequence[int], sizes: Sequence[int], limit: int = MAX_BODY) -> None:
        self._body = body
        self._offsets = offsets
        self._sizes = sizes
        self._left = limit  # of bytes that tensors may seem to hold: an expanded one costs its reader what it shows
        self._storages: dict[int, Tensor] = {}

    def unpack(self, entry: object) -> Tensor:
        """The tensor that an entry describes; WireError if it does not describe one."""
        if type(entry) is not list or len(entry) not in (4, 6):
            raise WireError("a tensor's entry has the wrong form")
        name, flags, buffer, shape = entry[:4]
        dtype = _DTYPES.get(name) if type(name) is str else None
        if dtype is None or type(flags) is not int or not 0 <= flags < 16:
            raise WireError("a tensor's entry has an unknown dtype or unknown flags")
        if type(buffer) is not int or not 0 <= buffer < len(self._sizes):
            raise WireError("a tensor's entry names a buffer that is not there")
        size = self._charge(_sizes(shape), dtype)
        if len(entry) == 6:
            tensor = self._shared(dtype, flags, buffer, shape, _sizes(entry[4]), entry[5])
        else:
            tensor = self._lone(name, dtype, buffer, shape, size)
        if flags & PARAMETER:
            return nn.Parameter(tensor, bool(flags & REQUIRES_GRAD))
        return tensor.requires_grad_() if flags & REQUIRES_GRAD else tensor

    def _charge(self, shape: list[int], dtype: torch.dtype) -> int:
        size = math.prod(shape) * dtype.itemsize
        if not size and math.prod(filter(None, shape)) > _MAX_EMPTY:
            raise WireError("an empty tensor's shape is out of range")
        self._left -= size
        if self._left < 0:
            raise WireError("a message's tensors show more bytes than the limit")
        return size

    def _lone(self, name: str, dtype: torch.dtype, buffer: int, shape: list[int], size: int) -> Tensor:
        if size != self._sizes[buffer]:
            raise WireError("a tensor's shape and its buffer do not agree")
        if not size:
            return torch.empty(shape, dtype=dtype, device="cpu")
        if name == "bool":
            # Any byte may have come; as a bool, one that is neither 0 nor 1 is undefined behaviour.
            return torch.from_numpy(np.ndarray(shape, np.uint8, self._body, self._offsets[buffer])).ne(0)
        # The copy is torch's, not numpy's: memory that torch owns can be resized, and is aligned for its kernels.
        array = np.ndarray(shape, _NUMPY[name], self._body, self._offsets[buffer])
        tensor = torch.from_numpy(array)
        return (tensor.view(dtype) if dtype in _CARRIERS else tensor).clone()

    def _shared(
        self, dtype: torch.dtype, flags: int, buffer: int, shape: list[int], strides: list[int], offset: object
    ) -> Tensor:
        if len(strides) != len(shape) or type(offset) is not int or not 0 <= offset <= _MAX_SIZE or 0 in shape:
            raise WireError("a tensor's strides or offset are out of range")
        elements = self._sizes[buffer] // dtype.itemsize
        if offset + _reach(shape, strides) > elements:
            raise WireError("a tensor reaches beyond its storage")
        storage = self._storage(buffer)[: elements * dtype.itemsize]
        if dtype is torch.bool and storage.as_strided(shape, strides, offset).max() > 1:
            raise WireError("a byte of a bool tensor is neither 0 nor 1")
        tensor = storage.view(dtype).as_strided(shape, strides, offset)
        tensor = tensor.conj() if flags & CONJUGATE else tensor
        tensor = torch._neg_view(tensor) if flags & NEGATIVE else tensor
        # Detached: they share memory and version counter, as views do, but autograd takes none for another's view.
        return tensor.detach()

    def _storage(self, buffer: int) -> Tensor:
        storage = self._storages.get(buffer)
        if storage is None:
            array = np.ndarray((self._sizes[buffer],), np.uint8, self._body, self._offsets[buffer])
            storage = self._storages[buffer] = torch.from_numpy(array).clone()
        return storage


def _sizes(value: object) -> list[int]:
    if type(value) is not list or len(value) > _MAX_DIMENSIONS:
        raise WireError("a tensor's shape or strides have the wrong form")
    for size in value:
        if type(size) is not int or not 0 <= size <= _MAX_SIZE:
            raise WireError("a tensor's shape or strides are out of range")
    return value
