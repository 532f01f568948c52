from __future__ import annotations

import torch
from torch import nn


class QuantizedLinear(nn.Module):
    """A linear layer whose weight is kept in int8, with one scale for each output row.

    Buffers: weight_int8, int8 (out, in) within [-127, 127], and scale, floating (out, 1): max|row| / 127.
    bias: the values of the linear's bias, or None.
    """

    @classmethod
    def from_float(cls, linear: nn.Linear) -> QuantizedLinear:
        """The quantized form of linear, which stays as it is."""
        raise NotImplementedError

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map x (..., in) to (..., out) in the dtype of x."""
        raise NotImplementedError
