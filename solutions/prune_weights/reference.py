"""Pruning by magnitude, in one tensor and across many (Han et al. 2015)."""

from collections.abc import Sequence

import torch
from torch import Tensor


def magnitude_mask(weight: Tensor, sparsity: float) -> Tensor:
    """True where an entry of weight is kept; the round(sparsity * numel) of least magnitude are not."""
    return global_masks([weight], sparsity)[0]


def global_masks(weights: Sequence[Tensor], sparsity: float) -> list[Tensor]:
    """A mask for each of weights, whose entries are ranked all together."""
    if not 0.0 <= sparsity <= 1.0:
        raise ValueError(f"sparsity must lie in [0, 1], got {sparsity}")

    magnitudes = torch.cat([weight.detach().abs().flatten() for weight in weights])  # (n,)
    dropped = round(sparsity * magnitudes.numel())
    # By rank and not by a threshold: entries that equal the threshold would all go, or all stay.
    kept = torch.ones_like(magnitudes, dtype=torch.bool)  # (n,)
    kept[magnitudes.argsort()[:dropped]] = False
    parts = kept.split([weight.numel() for weight in weights])
    return [part.view(weight.shape) for part, weight in zip(parts, weights, strict=True)]
