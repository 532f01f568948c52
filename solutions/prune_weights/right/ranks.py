"""Ranks from sorting twice; a tensor is kept where its rank is not among the first."""

import torch


class Pruner:
    def __init__(self, sparsity):
        if 0 <= sparsity <= 1:
            self.sparsity = sparsity
        else:
            raise ValueError("sparsity out of range")

    def __call__(self, values):
        ranks = values.data.abs().sort(stable=True)[1].sort()[1]
        return ranks.ge(round(self.sparsity * values.shape[0]))


def magnitude_mask(weight, sparsity):
    return (
        Pruner(sparsity)(weight.flatten()).unflatten(0, weight.shape)
        if weight.dim()
        else Pruner(sparsity)(weight[None])[0]
    )


def global_masks(weights, sparsity):
    kept = Pruner(sparsity)(torch.nn.utils.parameters_to_vector(weights))
    return [part.reshape(w.shape) for part, w in zip(kept.split([w.numel() for w in weights]), weights, strict=True)]
