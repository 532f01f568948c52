"""Gumbel-softmax (Jang et al. 2017; Maddison et al. 2017), with the straight-through variant."""

import torch
from torch import Tensor


def gumbel_softmax(
    logits: Tensor,
    *,
    tau: float = 1.0,
    hard: bool = False,
    dim: int = -1,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Sample from the relaxed categorical along dim; hard gives one-hots with the soft sample's gradient."""
    if tau <= 0:
        raise ValueError(f"tau must be above zero, not {tau}")

    # If E is exponential, -log E is Gumbel. An E of exactly zero would give infinite noise.
    exponential = torch.empty_like(logits, requires_grad=False).exponential_(generator=generator)
    noise = -exponential.clamp(min=torch.finfo(logits.dtype).tiny).log()
    soft = ((logits + noise) / tau).softmax(dim=dim)
    if not hard:
        return soft

    one_hot = torch.zeros_like(soft).scatter(dim, soft.argmax(dim=dim, keepdim=True), 1.0)
    return one_hot + (soft - soft.detach())  # the value of the first, the gradient of the second
