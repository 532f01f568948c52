"""Temperature, top-k and nucleus filtering (Holtzman et al. 2020) of next-token logits."""

import math

import torch
from torch import Tensor


def filter_probs(
    logits: Tensor,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> Tensor:
    """Probabilities (…, V) of logits (…, V) after temperature, then top_k, then top_p; tokens left out get 0."""
    if temperature < 0:
        raise ValueError(f"temperature must not be negative: {temperature}")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k must be at least 1, not {top_k}")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p must lie in (0, 1], not {top_p}")

    if temperature == 0:
        return torch.zeros_like(logits).scatter(-1, logits.argmax(dim=-1, keepdim=True), 1.0)

    # The greatest logit becomes 0 first: a small temperature then overflows towards -inf only, which is probability 0.
    scores = (logits - logits.detach().amax(dim=-1, keepdim=True)) / temperature  # (…, V)
    ranked, order = scores.sort(dim=-1, descending=True)  # (…, V), most likely first
    if top_k is not None:
        rank = torch.arange(ranked.shape[-1], device=logits.device)
        ranked = ranked.masked_fill(rank >= top_k, -math.inf)
    probs = ranked.softmax(dim=-1)  # (…, V), renormalised over the k
    if top_p is not None and top_p < 1:
        before = probs.cumsum(dim=-1) - probs  # (…, V), what the more likely tokens hold already
        before[..., 0] = 0.0  # the most likely token always stays, rounding or not
        probs = ranked.masked_fill(before >= top_p, -math.inf).softmax(dim=-1)
    return torch.zeros_like(probs).scatter(-1, order, probs)
