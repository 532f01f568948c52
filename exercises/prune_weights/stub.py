from collections.abc import Sequence

import torch


def magnitude_mask(weight: torch.Tensor, sparsity: float) -> torch.Tensor:
    """A bool tensor of the shape of weight: False for the round(sparsity * numel) entries of least magnitude."""
    raise NotImplementedError


def global_masks(weights: Sequence[torch.Tensor], sparsity: float) -> list[torch.Tensor]:
    """One such mask for each tensor, where the entries of all tensors are ranked together."""
    raise NotImplementedError
