"""One head after the other, cut out by slices; -inf, and a where before the softmax for rows without a key."""

import math

import torch
from torch import nn


class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, bias=True):
        super().__init__()
        if d_model % n_heads != 0:
            raise ValueError("n_heads must divide the width")
        self.d_model, self.n_heads = d_model, n_heads
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            setattr(self, name, nn.Linear(d_model, d_model, bias))

    def forward(self, query, key, value, attn_mask=None):
        size = self.d_model // self.n_heads
        q, k, v = self.q_proj(query), self.k_proj(key), self.v_proj(value)
        shape = (len(query), self.n_heads, query.shape[1], key.shape[1])
        mask = torch.ones(shape, dtype=torch.bool) if attn_mask is None else attn_mask.expand(shape)
        outputs = []
        for h in range(self.n_heads):
            part = slice(h * size, (h + 1) * size)
            scores = torch.bmm(q[..., part], k[..., part].transpose(1, 2)) / math.sqrt(size)
            some = mask[:, h].any(-1, keepdim=True)
            scores = scores.masked_fill(~mask[:, h] & some, float("-inf"))
            weights = torch.where(some, torch.softmax(scores, -1), torch.zeros_like(scores))
            outputs.append(torch.bmm(weights, v[..., part]))
        return self.out_proj(torch.cat(outputs, dim=-1))
