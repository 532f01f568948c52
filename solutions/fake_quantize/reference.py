"""Fake quantization with the straight-through estimator (Bengio et al. 2013; Jacob et al. 2018)."""

import torch
from torch import Tensor


def fake_quantize(x: Tensor, *, scale: float | Tensor, zero_point: int | Tensor, qmin: int, qmax: int) -> Tensor:
    """Round x to the grid of scale and zero_point within [qmin, qmax]; gradients pass where x rounds into the range."""
    if bool((torch.as_tensor(scale) <= 0).any()):
        raise ValueError(f"scale must be positive, got {scale}")
    if qmin >= qmax:
        raise ValueError(f"qmin must be less than qmax, got {qmin} and {qmax}")

    n = (x.detach() / scale).round() + zero_point
    value = (n.clamp(qmin, qmax) - zero_point) * scale
    inside = (qmin <= n) & (n <= qmax)
    # x - x.detach() is 0, with the gradient 1: the value is that of the grid, the gradient that of x inside.
    return value + torch.where(inside, x - x.detach(), 0.0)
