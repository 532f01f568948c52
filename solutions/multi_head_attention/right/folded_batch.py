"""Heads folded into the batch for bmm, exp and sum by hand, the mask as a factor."""

import torch
from torch import nn


class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, bias=True):
        super().__init__()
        self.d_head, rest = divmod(d_model, n_heads)
        if rest:
            raise ValueError(f"`n_heads` ({n_heads}) does not divide `d_model`")
        self.heads = n_heads
        self.q_proj = nn.Linear(d_model, d_model, bias=bias)
        self.k_proj = nn.Linear(d_model, d_model, bias=bias)
        self.v_proj = nn.Linear(d_model, d_model, bias=bias)
        self.out_proj = nn.Linear(d_model, d_model, bias=bias)

    def fold(self, x):
        batch, length, _ = x.shape
        x = x.reshape(batch, length, self.heads, self.d_head).permute(0, 2, 1, 3)
        return x.reshape(batch * self.heads, length, self.d_head)

    def forward(self, query, key, value, attn_mask=None):
        batch, n_query, width = query.shape
        n_key = key.shape[1]
        q, k, v = self.fold(self.q_proj(query)), self.fold(self.k_proj(key)), self.fold(self.v_proj(value))
        scores = torch.baddbmm(torch.zeros(()).to(q), q, k.mT, beta=0, alpha=1 / self.d_head**0.5)
        if attn_mask is None:
            attn_mask = torch.ones(1, dtype=torch.bool)
        keep = torch.broadcast_to(attn_mask, (batch, self.heads, n_query, n_key)).reshape(scores.shape)
        scores = torch.where(keep, scores, scores.detach().amin() - 1)
        exps = (scores - scores.detach().amax(-1, keepdim=True)).exp() * keep
        total = exps.sum(-1, keepdim=True)
        z = torch.bmm(exps / torch.where(total > 0, total, torch.ones_like(total)), v)
        z = z.reshape(batch, self.heads, n_query, self.d_head).permute(0, 2, 1, 3).contiguous()
        return self.out_proj(z.view(batch, n_query, width))
