"""An autograd.Function with the mask saved for backward."""

import torch


class Grid(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, scale, zero_point, qmin, qmax):
        n = torch.round(x / scale) + zero_point
        ctx.save_for_backward((n >= qmin) & (n <= qmax))
        return (torch.clamp(n, qmin, qmax) - zero_point) * scale

    @staticmethod
    def backward(ctx, gradient):
        (inside,) = ctx.saved_tensors
        return gradient * inside, None, None, None, None


def fake_quantize(x, *, scale, zero_point, qmin, qmax):
    if not torch.all(torch.as_tensor(scale) > 0):
        raise ValueError("scale must be greater than zero")
    if not qmin < qmax:
        raise ValueError("qmin and qmax: empty range")
    return Grid.apply(x, scale, zero_point, qmin, qmax)
