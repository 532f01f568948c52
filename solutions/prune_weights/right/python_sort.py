"""Plain Python: (magnitude, tensor, place) sorted, and the first ones crossed out."""

import torch


def magnitude_mask(weight, sparsity):
    (mask,) = global_masks([weight], sparsity)
    return mask


def global_masks(weights, sparsity):
    if not (sparsity >= 0 and sparsity <= 1):
        raise ValueError(f"bad sparsity {sparsity}")
    ranked = sorted(
        (abs(value), number, place)
        for number, weight in enumerate(weights)
        for place, value in enumerate(weight.flatten().tolist())
    )
    flags = [[True] * weight.numel() for weight in weights]
    for _, number, place in ranked[: int(sparsity * len(ranked) + 0.5)]:
        flags[number][place] = False
    return [torch.tensor(flag).reshape(weight.shape) for flag, weight in zip(flags, weights, strict=True)]
