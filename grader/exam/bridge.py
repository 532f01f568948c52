"""Joins two autograd graphs: the check's own, and the one that a call has left elsewhere.

The call has already happened. Its outputs become outputs of one node in the check's graph; going backward through
the node asks the other side for the gradients. First order only, as the other graph is not visible to this one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.autograd.function import once_differentiable

Gradients = Sequence[torch.Tensor | None]
Backward = Callable[[Gradients], Gradients]


class _Elsewhere(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, backward: Backward, outputs: list[torch.Tensor], *_inputs: torch.Tensor) -> Any:
        ctx.set_materialize_grads(False)
        ctx.elsewhere = backward
        return tuple(output.detach() for output in outputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: torch.Tensor | None) -> Any:
        return (None, None, *ctx.elsewhere(grads))


def join(outputs: list[torch.Tensor], inputs: list[torch.Tensor], backward: Backward) -> list[torch.Tensor]:
    """The outputs, now depending on `inputs`: `backward` maps output gradients (None where there is none) to input
    gradients.
    """
    if not inputs:
        return outputs  # the submission made something that requires a gradient of its own: nothing here leads to it
    joined = _Elsewhere.apply(backward, outputs, *inputs)  # type: ignore[no-untyped-call]  # torch's own
    return list(joined)


def substitute(value: Any, replacements: dict[int, torch.Tensor]) -> Any:
    """`value` with tensors exchanged by identity."""
    if isinstance(value, torch.Tensor):
        return replacements.get(id(value), value)
    if type(value) in (list, tuple):
        return type(value)(substitute(item, replacements) for item in value)
    if type(value) is dict:
        return {key: substitute(item, replacements) for key, item in value.items()}
    return value
