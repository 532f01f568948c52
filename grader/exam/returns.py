"""Whether a call gave back the kind of value that the exercise says it does."""

from __future__ import annotations

from typing import Any

import torch

from grader.errors import Text
from grader.exam.failures import CheckFailure, describe_tensor

_WANTED = {
    "tensor": Text("a tensor", "一个 tensor"),
    "tensor, tensor": Text("a tuple of two tensors", "两个 tensor 组成的 tuple"),
    "tensor, opaque": Text("a tuple of a tensor and the cache", "由 tensor 和 cache 组成的 tuple"),
    "list of tensors": Text("a list of tensors", "tensor 的 list"),
    "dict of tensors": Text("a dict of tensors", "tensor 的 dict"),
    "int": Text("an int", "一个 int"),
    "module": Text("an nn.Module", "一个 nn.Module"),
}


def _tensor(value: Any) -> bool:
    return isinstance(value, torch.Tensor)


def fits(value: Any, returns: str, *, is_module: bool) -> bool:
    """Whether `value` is what `returns` says; `is_module` tells of values that stand for a module."""
    if returns == "tensor":
        return _tensor(value)
    if returns == "tensor, tensor":
        return isinstance(value, (tuple, list)) and len(value) == 2 and all(map(_tensor, value))
    if returns == "tensor, opaque":
        return isinstance(value, tuple) and len(value) == 2 and _tensor(value[0])
    if returns == "list of tensors":
        return isinstance(value, (list, tuple)) and all(map(_tensor, value))
    if returns == "dict of tensors":
        return isinstance(value, dict) and all(map(_tensor, value.values()))
    if returns == "int":
        return type(value) is int
    if returns == "module":
        return is_module
    return True


def check_return(value: Any, returns: str, call: str, *, is_module: bool) -> None:
    """Raises CheckFailure, saying what came instead."""
    if fits(value, returns, is_module=is_module):
        return
    wanted, came = _WANTED[returns], describe_value(value)
    forgotten = Text(" Is a `return` missing?", "是不是漏了 `return`？") if value is None else Text("", "")
    raise CheckFailure(
        Text(
            f"{call} must return {wanted.en}; it returned {came}.{forgotten.en}",
            f"{call} 应返回{wanted.zh}，实际返回了 {came}。{forgotten.zh}",
        )
    )


def describe_value(value: Any) -> str:
    """A short name for any value of the wire."""
    if isinstance(value, torch.Tensor):
        return describe_tensor(value)
    if value is None or isinstance(value, (bool, int, float)):
        return str(value)[:60]
    if isinstance(value, str):
        return repr(value[:60])
    if isinstance(value, (list, tuple)):
        inner = ", ".join(describe_value(item) for item in value[:3])
        return f"{type(value).__name__}({inner[:300]}{', …' if len(value) > 3 else ''})"
    if isinstance(value, dict):
        keys = ", ".join(describe_value(key) for key in list(value)[:6])
        return f"dict with keys {keys[:300]}{', …' if len(value) > 6 else ''}"
    return str(getattr(value, "class_name", "") or type(value).__name__)
