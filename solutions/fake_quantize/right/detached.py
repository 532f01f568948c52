"""x on the inside, a constant on the outside, and the difference to the grid detached."""

import torch


def fake_quantize(x, *, scale, zero_point, qmin, qmax):
    scales = scale if isinstance(scale, torch.Tensor) else torch.tensor(scale, dtype=x.dtype)
    if scales.min() <= 0:
        raise ValueError("every scale has to be > 0")
    if qmax <= qmin:
        raise ValueError(f"qmax ({qmax}) must exceed qmin ({qmin})")
    n = torch.round(x / scales + zero_point)
    grid = (n.clamp(min=qmin, max=qmax) - zero_point) * scales
    passing = torch.where((n == n.clamp(qmin, qmax)), x, x.detach())
    return passing + (grid - passing).detach()
