"""Projections by F.linear, scores and softmax in float64, NaN of empty rows replaced before it meets the values."""

import torch
from torch import nn
from torch.nn import functional as F


class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, bias=True):
        super().__init__()
        if d_model // n_heads * n_heads != d_model:
            raise ValueError("d_model must be a multiple of n_heads")
        self.n_heads = n_heads
        self.q_proj = nn.Linear(d_model, d_model, bias=bias)
        self.k_proj = nn.Linear(d_model, d_model, bias=bias)
        self.v_proj = nn.Linear(d_model, d_model, bias=bias)
        self.out_proj = nn.Linear(d_model, d_model, bias=bias)

    def forward(self, query, key, value, attn_mask=None):
        q, k, v = (
            torch.stack(F.linear(x, layer.weight, layer.bias).double().chunk(self.n_heads, dim=-1), dim=1)
            for x, layer in ((query, self.q_proj), (key, self.k_proj), (value, self.v_proj))
        )
        scores = torch.matmul(q, k.transpose(2, 3)).div(q.size(-1) ** 0.5)
        if attn_mask is not None:
            scores = scores.masked_fill(~attn_mask, -torch.inf)
        z = F.softmax(scores, dim=-1).nan_to_num(0.0).matmul(v)
        return self.out_proj(torch.cat(z.unbind(1), dim=-1).to(query.dtype))
