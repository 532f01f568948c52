"""Rounds halves away from zero; a zero row keeps the scale 0; einsum in float64, cast back."""

import torch
from torch import nn


class QuantizedLinear(nn.Module):
    def __init__(self, linear):
        super().__init__()
        with torch.no_grad():
            weight = linear.weight.double()
            biggest = weight.abs().amax(1, keepdim=True)
            ratio = torch.where(biggest > 0, weight * 127 / biggest, torch.zeros_like(weight))
            self.register_buffer("weight_int8", (ratio.sign() * (ratio.abs() + 0.5).floor()).clamp(-127, 127).char())
            self.register_buffer("scale", (biggest / 127).to(linear.weight.dtype))
            self.register_buffer("bias", linear.bias.detach() if linear.bias is not None else None)

    @classmethod
    def from_float(cls, linear):
        return cls(linear)

    def forward(self, x):
        y = torch.einsum("...i,oi->...o", x.double(), self.weight_int8.double()) * self.scale.double().squeeze(1)
        if self.bias is not None:
            y += self.bias.double()
        return y.to(x.dtype)
