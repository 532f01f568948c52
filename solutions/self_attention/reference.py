"""Scaled dot-product self-attention, one head (Vaswani et al. 2017, section 3.2.1)."""

import math

import torch
from torch import Tensor


def self_attention(
    x: Tensor,
    w_q: Tensor,
    w_k: Tensor,
    w_v: Tensor,
    *,
    causal: bool = False,
    key_padding_mask: Tensor | None = None,
) -> Tensor:
    """Let every position of x (B, T, D) average the values of the positions that it sees: (B, T, Dv)."""
    q, k, v = x @ w_q, x @ w_k, x @ w_v  # (B, T, Dk), (B, T, Dk), (B, T, Dv)
    scores = q @ k.mT / math.sqrt(k.shape[-1])  # (B, T, T), a row for each query, a column for each key

    length = x.shape[1]
    hidden = torch.zeros(length, length, dtype=torch.bool, device=x.device)  # (T, T)
    if causal:
        hidden = torch.ones_like(hidden).triu(diagonal=1)
    if key_padding_mask is not None:
        hidden = hidden | key_padding_mask[:, None, :]  # (B, T, T)

    # Filled with the least finite number, not with -inf: a row that is hidden throughout gets even weights
    # and no NaN, and the second fill makes zeros of them, in the result and on the way back.
    weights = scores.masked_fill(hidden, torch.finfo(scores.dtype).min).softmax(dim=-1)
    return weights.masked_fill(hidden, 0.0) @ v
