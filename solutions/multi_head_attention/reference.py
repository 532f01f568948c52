"""Multi-head attention (Vaswani et al. 2017, section 3.2.2)."""

import math

import torch
from torch import Tensor, nn


class MultiHeadAttention(nn.Module):
    """Attention in n_heads slices of the width, each by itself, mixed by a last linear layer."""

    def __init__(self, d_model: int, n_heads: int, bias: bool = True) -> None:
        super().__init__()
        if d_model % n_heads:
            raise ValueError(f"d_model ({d_model}) must be divisible by n_heads ({n_heads})")
        self.n_heads = n_heads
        self.q_proj = nn.Linear(d_model, d_model, bias=bias)
        self.k_proj = nn.Linear(d_model, d_model, bias=bias)
        self.v_proj = nn.Linear(d_model, d_model, bias=bias)
        self.out_proj = nn.Linear(d_model, d_model, bias=bias)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None) -> Tensor:
        """Let each query (B, Tq, D) average the values (B, Tk, D) of the keys that it may attend to: (B, Tq, D)."""
        q = self._split(self.q_proj(query))  # (B, H, Tq, d)
        k = self._split(self.k_proj(key))  # (B, H, Tk, d)
        v = self._split(self.v_proj(value))  # (B, H, Tk, d)
        scores = q @ k.mT / math.sqrt(q.shape[-1])  # (B, H, Tq, Tk)
        if attn_mask is None:
            weights = scores.softmax(dim=-1)  # (B, H, Tq, Tk)
        else:
            # The least finite number, not -inf: a row without a key gets even weights and no NaN,
            # and the second fill makes zeros of them, in the result and on the way back.
            scores = scores.masked_fill(~attn_mask, torch.finfo(scores.dtype).min)
            weights = scores.softmax(dim=-1).masked_fill(~attn_mask, 0.0)
        z = (weights @ v).transpose(1, 2)  # (B, Tq, H, d)
        return self.out_proj(z.flatten(2))  # (B, Tq, D)

    def _split(self, x: Tensor) -> Tensor:
        """(B, T, D) -> (B, H, T, d): head h gets the h-th run of consecutive columns."""
        return x.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)
