"""The dtypes that travel, by name, and the flags of a tensor's entry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

REQUIRES_GRAD = 1
PARAMETER = 2
SHARED = 4
CONJUGATE = 8
NEGATIVE = 16
ALL_FLAGS = 31


@dataclass(frozen=True, slots=True)
class Kind:
    """What both directions need to know of a dtype."""

    name: str
    dtype: torch.dtype
    itemsize: int
    bits: np.dtype[Any]  # numpy's type of the same width
    carrier: torch.dtype | None  # what it is viewed as where numpy has no such type
    differentiable: bool


def _kinds() -> list[Kind]:
    # fmt: off
    bits = {
        "float32": "f4", "float64": "f8", "float16": "f2", "complex64": "c8", "complex128": "c16", "bool": "u1",
        "int64": "i8", "int32": "i4", "int16": "i2", "int8": "i1",
        "uint64": "u8", "uint32": "u4", "uint16": "u2", "uint8": "u1",
    }
    carried = {
        "bfloat16": "int16", "complex32": "int32", "float8_e4m3fn": "uint8", "float8_e5m2": "uint8",
        "float8_e4m3fnuz": "uint8", "float8_e5m2fnuz": "uint8", "float8_e8m0fnu": "uint8",
    }
    # fmt: on
    kinds = []
    for name in (*bits, *carried):
        if hasattr(torch, name):  # the youngest came with torch 2.7
            dtype: torch.dtype = getattr(torch, name)
            carrier: torch.dtype | None = getattr(torch, carried[name]) if name in carried else None
            width = np.dtype(bits[carried.get(name, name)])
            differentiable = dtype.is_floating_point or dtype.is_complex
            kinds.append(Kind(name, dtype, dtype.itemsize, width, carrier, differentiable))
    return kinds


BY_NAME = {kind.name: kind for kind in _kinds()}
BY_DTYPE = {kind.dtype: kind for kind in BY_NAME.values()}
