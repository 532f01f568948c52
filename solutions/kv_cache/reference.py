"""Causal self-attention with a cache of keys and values (Shazeer 2019, section 2.4.1)."""

import math

import torch
from torch import Tensor, nn

Cache = tuple[Tensor, Tensor]


class CachedSelfAttention(nn.Module):
    """Attends from the new tokens to all tokens so far; the cache is a pair of tensors, never written to."""

    def __init__(self, d_model: int, n_heads: int) -> None:
        super().__init__()
        if d_model % n_heads:
            raise ValueError(f"d_model ({d_model}) must be divisible by n_heads ({n_heads})")
        self.n_heads = n_heads
        self.q_proj = nn.Linear(d_model, d_model, bias=False)
        self.k_proj = nn.Linear(d_model, d_model, bias=False)
        self.v_proj = nn.Linear(d_model, d_model, bias=False)
        self.out_proj = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x: Tensor, cache: Cache | None = None) -> tuple[Tensor, Cache]:
        """Continue B sequences by x (B, Tn, D); `cache` holds the keys and values of the L tokens before."""
        q, k, v = (self._split(proj(x)) for proj in (self.q_proj, self.k_proj, self.v_proj))  # (B, H, Tn, d)
        if cache is not None:
            k = torch.cat((cache[0], k), dim=2)  # (B, H, L + Tn, d), a new tensor
            v = torch.cat((cache[1], v), dim=2)  # (B, H, L + Tn, d)
        new, total = q.shape[2], k.shape[2]
        # The new tokens are the last rows of the square causal mask: query i stands at position L + i.
        future = torch.ones(new, total, dtype=torch.bool, device=x.device).triu(
            diagonal=total - new + 1
        )  # (Tn, L + Tn)
        scores = q @ k.mT / math.sqrt(q.shape[-1])  # (B, H, Tn, L + Tn)
        weights = scores.masked_fill(future, -math.inf).softmax(dim=-1)  # (B, H, Tn, L + Tn)
        z = (weights @ v).transpose(1, 2).flatten(2)  # (B, Tn, D)
        return self.out_proj(z), (k, v)

    def _split(self, x: Tensor) -> Tensor:
        """(B, T, D) -> (B, H, T, d): head h gets the h-th run of consecutive columns."""
        return x.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)
