"""Token by token inside a call, so that nothing is ever masked; the cache is a dict of unsplit keys and values."""

import torch
from torch import nn


class CachedSelfAttention(nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        if d_model % n_heads != 0:
            raise ValueError("n_heads must divide the width")
        self.heads, self.size = n_heads, d_model // n_heads
        self.q_proj = nn.Linear(d_model, d_model, bias=False)
        self.k_proj = nn.Linear(d_model, d_model, bias=False)
        self.v_proj = nn.Linear(d_model, d_model, bias=False)
        self.out_proj = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x, cache=None):
        batch, new, width = x.shape
        queries, keys, values = self.q_proj(x), self.k_proj(x), self.v_proj(x)
        before = 0
        if cache:
            before = cache["keys"].shape[1]
            keys = torch.cat([cache["keys"], keys], dim=1)
            values = torch.cat([cache["values"], values], dim=1)
        rows = []
        for i in range(new):
            seen = before + i + 1
            q = queries[:, i].view(batch, 1, self.heads, self.size)
            k = keys[:, :seen].view(batch, seen, self.heads, self.size)
            v = values[:, :seen].view(batch, seen, self.heads, self.size)
            weights = torch.softmax((q * k).sum(-1) / self.size**0.5, dim=1)  # (B, seen, H)
            rows.append((weights.unsqueeze(-1) * v).sum(1).reshape(batch, width))
        return self.out_proj(torch.stack(rows, dim=1)), {"keys": keys, "values": values}
