"""One block of a GPT decoder (Radford et al. 2019, section 2.3; Brown et al. 2020, section 2.1)."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class CausalSelfAttention(nn.Module):
    """Multi-head self-attention in which a position sees itself and the past."""

    def __init__(self, d_model: int, n_heads: int) -> None:
        super().__init__()
        if d_model % n_heads:
            raise ValueError(f"d_model ({d_model}) must be divisible by n_heads ({n_heads})")
        self.n_heads = n_heads
        self.q_proj = nn.Linear(d_model, d_model)
        self.k_proj = nn.Linear(d_model, d_model)
        self.v_proj = nn.Linear(d_model, d_model)
        self.out_proj = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor) -> Tensor:
        """Mix the tokens of x (B, T, D), each with those before it: (B, T, D)."""
        length = x.shape[1]
        q, k, v = (self._split(proj(x)) for proj in (self.q_proj, self.k_proj, self.v_proj))  # (B, H, T, d)
        future = torch.ones(length, length, dtype=torch.bool, device=x.device).triu(diagonal=1)  # (T, T)
        scores = q @ k.mT / math.sqrt(q.shape[-1])  # (B, H, T, T)
        z = scores.masked_fill(future, -math.inf).softmax(dim=-1) @ v  # (B, H, T, d)
        return self.out_proj(z.transpose(1, 2).flatten(2))  # (B, T, D)

    def _split(self, x: Tensor) -> Tensor:
        """(B, T, D) -> (B, H, T, d): head h gets the h-th run of consecutive columns."""
        return x.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)


class GPTBlock(nn.Module):
    """Attention and a feed-forward network, each behind a norm and beside a residual that nothing touches."""

    def __init__(self, d_model: int, n_heads: int) -> None:
        super().__init__()
        self.ln1 = nn.LayerNorm(d_model)
        self.attention = CausalSelfAttention(d_model, n_heads)
        self.ln2 = nn.LayerNorm(d_model)
        self.fc = nn.Linear(d_model, 4 * d_model)
        self.proj = nn.Linear(4 * d_model, d_model)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (B, T, D) to (B, T, D)."""
        h = x + self.attention(self.ln1(x))  # (B, T, D)
        return h + self.proj(F.gelu(self.fc(self.ln2(h)), approximate="tanh"))  # (B, T, D), through (B, T, 4D)
