"""The scale is applied to the product; the bias stays the linear's own parameter."""

import torch
from torch import nn


class QuantizedLinear(nn.Module):
    def __init__(self, out_features, in_features, dtype):
        super().__init__()
        self.register_buffer("weight_int8", torch.zeros(out_features, in_features, dtype=torch.int8))
        self.register_buffer("scale", torch.ones(out_features, 1, dtype=dtype))
        self.bias = None

    @classmethod
    def from_float(cls, linear):
        weight = linear.weight.detach()
        module = cls(*weight.shape, weight.dtype)
        module.bias = linear.bias
        module.scale.copy_(weight.abs().max(dim=1, keepdim=True).values.clamp(min=1e-8) / 127)
        module.weight_int8.copy_(torch.round(weight / module.scale))
        return module

    def forward(self, x):
        y = x @ self.weight_int8.to(x.dtype).t() * self.scale.t().reshape(-1)
        return y if self.bias is None else y + self.bias
