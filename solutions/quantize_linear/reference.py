"""Symmetric int8 weights with one scale for each output row."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LEVELS = 127  # of each sign; -128 has no counterpart


class QuantizedLinear(nn.Module):
    def __init__(self, weight_int8: Tensor, scale: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.register_buffer("weight_int8", weight_int8)  # (out, in)
        self.register_buffer("scale", scale)  # (out, 1)
        self.register_buffer("bias", bias)  # (out,)

    @classmethod
    @torch.no_grad()
    def from_float(cls, linear: nn.Linear) -> QuantizedLinear:
        scale = linear.weight.abs().amax(dim=1, keepdim=True) / LEVELS  # (out, 1)
        scale = torch.where(scale > 0, scale, 1.0)  # a row of zeros: any scale will do, but 0 / 0
        codes = (linear.weight / scale).round().clamp(-LEVELS, LEVELS)  # (out, in)
        bias = None if linear.bias is None else linear.bias.clone()
        return cls(codes.to(torch.int8), scale, bias)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight_int8 * self.scale, self.bias)  # (..., out)
