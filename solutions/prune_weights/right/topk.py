"""The kept ones by topk, scattered into a mask; the global mask is that of one long vector."""

import torch


def magnitude_mask(weight, sparsity):
    if sparsity < 0 or sparsity > 1:
        raise ValueError("sparsity must be between 0 and 1")
    flat = weight.reshape(-1)
    keep = flat.numel() - round(sparsity * flat.numel())
    _, best = torch.topk(torch.abs(flat), keep, sorted=False)
    return torch.zeros(flat.shape, dtype=torch.bool).scatter(0, best, True).reshape(weight.shape)


def global_masks(weights, sparsity):
    joined = magnitude_mask(torch.cat([w.reshape(-1) for w in weights]), sparsity)
    masks, start = [], 0
    for w in weights:
        masks.append(joined[start : start + w.numel()].reshape(w.shape))
        start += w.numel()
    return masks
