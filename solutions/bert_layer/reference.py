"""One layer of the BERT encoder (Devlin et al. 2018; Vaswani et al. 2017, section 3.1)."""

import math

import torch.nn.functional as F
from torch import Tensor, nn


class SelfAttention(nn.Module):
    """Bidirectional multi-head self-attention."""

    def __init__(self, d_model: int, n_heads: int) -> None:
        super().__init__()
        if d_model % n_heads:
            raise ValueError(f"d_model ({d_model}) must be divisible by n_heads ({n_heads})")
        self.n_heads = n_heads
        self.q_proj = nn.Linear(d_model, d_model)
        self.k_proj = nn.Linear(d_model, d_model)
        self.v_proj = nn.Linear(d_model, d_model)
        self.out_proj = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor, key_padding_mask: Tensor | None) -> Tensor:
        """Mix the tokens of x (B, T, D), leaving out keys that are padding: (B, T, D)."""
        q, k, v = (self._split(proj(x)) for proj in (self.q_proj, self.k_proj, self.v_proj))  # (B, H, T, d)
        scores = q @ k.mT / math.sqrt(q.shape[-1])  # (B, H, T, T)
        if key_padding_mask is not None:
            scores = scores.masked_fill(key_padding_mask[:, None, None, :], -math.inf)  # the mask is (B, 1, 1, T)
        z = scores.softmax(dim=-1) @ v  # (B, H, T, d)
        return self.out_proj(z.transpose(1, 2).flatten(2))  # (B, T, D)

    def _split(self, x: Tensor) -> Tensor:
        """(B, T, D) -> (B, H, T, d): head h gets the h-th run of consecutive columns."""
        return x.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)


class EncoderLayer(nn.Module):
    """Attention and a feed-forward network, each followed by dropout, a residual sum and a norm."""

    def __init__(self, d_model: int, n_heads: int, d_ff: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.attention = SelfAttention(d_model, n_heads)
        self.norm1 = nn.LayerNorm(d_model, eps=1e-12)
        self.linear1 = nn.Linear(d_model, d_ff)
        self.linear2 = nn.Linear(d_ff, d_model)
        self.norm2 = nn.LayerNorm(d_model, eps=1e-12)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, key_padding_mask: Tensor | None = None) -> Tensor:
        """Map x (B, T, D) to (B, T, D)."""
        h = self.norm1(x + self.dropout(self.attention(x, key_padding_mask)))  # (B, T, D)
        f = self.linear2(F.gelu(self.linear1(h)))  # (B, T, D), through (B, T, d_ff)
        return self.norm2(h + self.dropout(f))  # (B, T, D)
