"""Low-rank adaptation of a linear layer (Hu et al. 2021, section 4.1)."""

import math

import torch
from torch import Tensor, nn


class LoRALinear(nn.Module):
    """A frozen linear layer plus a trainable update of rank at most `rank`."""

    def __init__(self, base: nn.Linear, rank: int, alpha: float) -> None:
        super().__init__()
        if rank < 1:
            raise ValueError(f"rank must be at least 1, got {rank}")
        self.base = base.requires_grad_(False)
        self.scale = alpha / rank
        weight = base.weight  # (out, in): its dtype and device are ours
        self.lora_A = nn.Parameter(weight.new_empty(rank, base.in_features))
        self.lora_B = nn.Parameter(weight.new_zeros(base.out_features, rank))
        # Only one of the two may be zero: the gradient of each is a product with the other.
        nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))

    def forward(self, x: Tensor) -> Tensor:
        """Map x (..., in) to (..., out); the (out, in) product B A is never formed."""
        narrow = x @ self.lora_A.mT  # (..., rank)
        return self.base(x) + self.scale * (narrow @ self.lora_B.mT)  # (..., out)

    @torch.no_grad()
    def merge(self) -> nn.Linear:
        """Return one plain layer that does the work of both."""
        base = self.base
        merged = nn.Linear(
            base.in_features,
            base.out_features,
            bias=base.bias is not None,
            dtype=base.weight.dtype,
            device=base.weight.device,
        )
        merged.weight.copy_(base.weight + self.scale * (self.lora_B @ self.lora_A))  # (out, in)
        if base.bias is not None:
            merged.bias.copy_(base.bias)
        return merged
