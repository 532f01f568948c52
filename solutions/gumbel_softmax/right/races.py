"""The arg-max sampled as exponential races: a clock for each class, the first to ring wins."""

import torch


def gumbel_softmax(logits, *, tau=1.0, hard=False, dim=-1, generator=None):
    if tau <= 0:
        raise ValueError("`tau` must be > 0")
    clocks = -torch.log1p(-torch.rand(logits.size(), generator=generator, dtype=logits.dtype, device=logits.device))
    scores = logits - clocks.clamp_min(1e-38).log()
    soft = torch.nn.Softmax(dim=dim)(scores.div(tau))
    if not hard:
        return soft
    hot = torch.zeros_like(soft).scatter_(dim, soft.max(dim=dim, keepdim=True)[1], 1)
    return (hot - soft).detach() + soft
