import torch
from torch import nn


class LoRALinear(nn.Module):
    """A frozen linear layer plus a trainable low-rank update: y = base(x) + (alpha / rank) · (x Aᵀ) Bᵀ.

    Parameters: lora_A (rank, in_features), random at the start; lora_B (out_features, rank), zero at the start.
    """

    def __init__(self, base: nn.Linear, rank: int, alpha: float):
        super().__init__()
        raise NotImplementedError

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map x (..., in_features) to (..., out_features)."""
        raise NotImplementedError

    def merge(self) -> nn.Linear:
        """Return a plain, trainable nn.Linear with the same outputs that shares no memory with this module."""
        raise NotImplementedError
