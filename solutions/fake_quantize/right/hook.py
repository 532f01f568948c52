"""Computed in float64 without a graph; the gradient comes from a product with a mask of zeros and ones."""

import torch


def positive(scale):
    values = scale.flatten().tolist() if torch.is_tensor(scale) else [scale]
    return all(value > 0 for value in values)


def fake_quantize(x, *, scale, zero_point, qmin, qmax):
    if not positive(scale):
        raise ValueError(f"scale={scale} is not positive")
    if qmin >= qmax:
        raise ValueError(f"the range qmin={qmin} … qmax={qmax} is empty")
    with torch.no_grad():
        wide = x.double() / (scale.double() if torch.is_tensor(scale) else scale)
        n = wide.round() + zero_point
        q = torch.minimum(torch.maximum(n, torch.tensor(float(qmin))), torch.tensor(float(qmax)))
        result = ((q - zero_point) * scale).to(x.dtype)
        inside = (n == q).to(x.dtype)
    zero = x * inside
    return result + (zero - zero.detach())
