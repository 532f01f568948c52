"""A threshold by kthvalue: all below it go, and of those that equal it as many as are still missing."""

import torch


def masks_of(flat, sparsity):
    if sparsity < 0 or sparsity > 1:
        raise ValueError(f"`sparsity` is {sparsity}, not a share")
    drop = round(flat.numel() * sparsity)
    if drop == 0:
        return torch.ones_like(flat, dtype=torch.bool)
    threshold = flat.kthvalue(drop).values
    below, equal = flat < threshold, flat == threshold
    missing = drop - below.sum()
    return ~(below | (equal & (equal.cumsum(0) <= missing)))


@torch.no_grad()
def magnitude_mask(weight, sparsity):
    return masks_of(weight.double().abs().view(-1), sparsity).view_as(weight)


@torch.no_grad()
def global_masks(weights, sparsity):
    kept = masks_of(torch.hstack([w.double().abs().ravel() for w in weights]), sparsity)
    return [m.view_as(w) for m, w in zip(kept.split([w.numel() for w in weights]), weights, strict=True)]
