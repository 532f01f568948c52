"""Hypothesis strategies for tensors whose failures read well.

Sizes and options shrink; values do not shrink one by one, which would take thousands of calls. A tensor is drawn as
one number: 0 is a simple fixed pattern, any other number a random draw rounded to two decimals. So most failures
shrink to the pattern, and all of them print as short code.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
from hypothesis import strategies as st

# Tensors of at most so many entries are written out in a snippet.
LITERAL = 64
SEEDS = 2**16


class _Drawn(st.SearchStrategy[Any]):
    """One integer of a range, made into a value.

    What `st.integers(low, high).map(make)` is, without the work that Hypothesis does for each new strategy object:
    it was half the time of a verdict, for a check draws tensors of shapes that it has just drawn, by strategies
    made on the spot.
    """

    is_empty = False
    has_reusable_values = True
    is_cacheable = False

    def __init__(self, low: int, high: int, make: Callable[[int], Any], shown: str) -> None:
        super().__init__()
        self._low, self._high, self._make, self._shown = low, high, make, shown

    def __repr__(self) -> str:
        return self._shown

    def validate(self) -> None:
        """Nothing to look at: all arguments are our own."""

    def do_draw(self, data: Any) -> Any:
        return self._make(data.draw_integer(self._low, self._high, shrink_towards=self._low))


def _same(number: int) -> int:
    return number


@lru_cache(maxsize=1024)
def sizes(low: int, high: int) -> st.SearchStrategy[int]:
    """A size that shrinks to `low`."""
    if low > high:
        raise ValueError(f"sizes({low}, {high}): the lower bound is above the upper one")
    return _Drawn(low, high, _same, f"sizes({low}, {high})")


def generators() -> st.SearchStrategy[int]:
    """Seeds for `torch.Generator().manual_seed(seed)`."""
    return sizes(0, SEEDS)


def tensors(
    *shape: int,
    dtype: torch.dtype = torch.float32,
    scale: float = 1.0,
    offset: float = 0.0,
    distinct: bool = False,
    requires_grad: bool = False,
) -> st.SearchStrategy[torch.Tensor]:
    """Floating tensors with two-decimal values of about standard normal size, times `scale`, plus `offset`.

    `distinct`: no two entries share a magnitude and none is zero, so that data keep away from ties.
    """

    def make(seed: int) -> torch.Tensor:
        values = _distinct(shape, seed) if distinct else _values(shape, seed)
        made = (values * scale + offset if scale != 1.0 or offset else values).to(dtype, copy=True)
        if not distinct and seed and made.numel() > LITERAL:
            made.recipe = _recipe(shape, seed, scale, offset, dtype)  # type: ignore[attr-defined]  # a tensor takes attributes
        return made.requires_grad_(requires_grad)

    return _Drawn(0, SEEDS, make, f"tensors{shape}")


def _recipe(shape: tuple[int, ...], seed: int, scale: float, offset: float, dtype: torch.dtype) -> str:
    """Code that makes the tensor again, where it is too large to be written out."""
    code = f"torch.randn({shape}, generator=torch.Generator().manual_seed({seed}), dtype=torch.float64)"
    code += ".mul(100).round().div(100)"
    code += f".mul({scale})" if scale != 1.0 else ""
    code += f".add({offset})" if offset else ""
    return code + (f".to({dtype})" if dtype != torch.float64 else "")


@lru_cache(maxsize=4096)
def _values(shape: tuple[int, ...], seed: int) -> torch.Tensor:
    if seed == 0:
        count = int(torch.Size(shape).numel())
        # 0.5, -1, 1.5, 0, ...: small, of both signs, of no symmetry that could hide a transposition.
        return (((torch.arange(count, dtype=torch.float64) * 7 + 6) % 11 - 5) / 2).reshape(shape)
    random = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=random, dtype=torch.float64).mul_(100).round_().div_(100)


@lru_cache(maxsize=4096)
def _distinct(shape: tuple[int, ...], seed: int) -> torch.Tensor:
    count = int(torch.Size(shape).numel())
    random = torch.Generator().manual_seed(seed)
    order = torch.randperm(count, generator=random)
    signs = torch.randint(0, 2, (count,), generator=random) * 2 - 1
    step = 1.0 if count <= 4 else round(max(4.0 / count, 0.01), 2)
    return ((order + 1) * signs * step).double().reshape(shape)


def integers_tensor(*shape: int, low: int, high: int) -> st.SearchStrategy[torch.Tensor]:
    """Long tensors with values in [low, high)."""

    def make(seed: int) -> torch.Tensor:
        if seed == 0:
            count = int(torch.Size(shape).numel())
            return (torch.arange(count) % (high - low) + low).reshape(shape)
        return torch.randint(low, high, shape, generator=torch.Generator().manual_seed(seed))

    return _Drawn(0, SEEDS, make, f"integers_tensor{shape}")


def bool_tensors(*shape: int, p: float = 0.5) -> st.SearchStrategy[torch.Tensor]:
    """Bool tensors, True with probability p; shrinks to all False."""

    def make(seed: int) -> torch.Tensor:
        if seed == 0:
            return torch.zeros(shape, dtype=torch.bool)
        return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < p

    return _Drawn(0, SEEDS, make, f"bool_tensors{shape}")


def dtypes() -> st.SearchStrategy[torch.dtype]:
    """The floating dtypes that are graded."""
    return _DTYPES


_DTYPES = st.sampled_from([torch.float32, torch.float64])
