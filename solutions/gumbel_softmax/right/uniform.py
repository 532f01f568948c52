"""-log(-log(u)) with the customary epsilons; softmax over a moved dimension; one_hot."""

import torch
import torch.nn.functional as F


def gumbel_softmax(logits, *, tau=1.0, hard=False, dim=-1, generator=None):
    if not tau > 0:
        raise ValueError("tau must be positive")
    u = torch.rand(logits.shape, generator=generator, dtype=logits.dtype)
    g = -torch.log(-torch.log(u + 1e-20) + 1e-20)
    moved = ((logits + g) / tau).movedim(dim, -1)
    y = F.softmax(moved, dim=-1)
    if hard:
        picked = F.one_hot(y.argmax(-1), y.shape[-1]).to(y.dtype)
        y = picked - y.detach() + y
    return y.movedim(-1, dim)
