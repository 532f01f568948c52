"""Row by row in Python floats; sums of products instead of a matrix product."""

import torch
from torch import nn


def quantized(row):
    top = max(abs(value) for value in row)
    step = top / 127 or 1.0
    return [max(-127, min(127, round(value / step))) for value in row], [step]


class QuantizedLinear(nn.Module):
    @classmethod
    def from_float(cls, linear):
        self = cls()
        codes, steps = zip(*map(quantized, linear.weight.tolist()), strict=True)
        self.register_buffer("weight_int8", torch.tensor(codes, dtype=torch.int8))
        self.register_buffer("scale", torch.tensor(steps, dtype=linear.weight.dtype))
        self.bias = nn.Parameter(linear.bias.detach().clone()) if linear.bias is not None else None
        return self

    def forward(self, x):
        weight = self.weight_int8.to(self.scale.dtype).mul(self.scale)
        y = (x[..., None, :] * weight).sum(-1)
        if self.bias is not None:
            y = y + self.bias
        return y
