"""A loop over heads in float64; the cache is a new list in each call, a (key, value) pair for each head."""

import torch
from torch import nn


class CachedSelfAttention(nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        if d_model // n_heads * n_heads != d_model:
            raise ValueError("d_model must be a multiple of n_heads")
        self.n_heads = n_heads
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (
            nn.Linear(d_model, d_model, bias=False) for _ in range(4)
        )

    def forward(self, x, cache=None):
        parts = [layer(x).double().chunk(self.n_heads, dim=2) for layer in (self.q_proj, self.k_proj, self.v_proj)]
        kept, outputs = [], []
        for head, (q, k, v) in enumerate(zip(*parts, strict=True)):
            if cache is not None:
                old_k, old_v = cache[head]
                k, v = torch.cat([old_k, k], 1), torch.cat([old_v, v], 1)
            kept.append((k, v))
            offset = k.size(1) - q.size(1)
            visible = torch.ones(q.size(1), k.size(1)).tril(offset).bool()
            scores = torch.bmm(q, k.mT) / q.size(2) ** 0.5
            scores = scores.masked_fill(~visible, -torch.inf)
            exps = torch.exp(scores - scores.detach().amax(2, keepdim=True))
            outputs.append(torch.bmm(exps / exps.sum(2, keepdim=True), v))
        return self.out_proj(torch.cat(outputs, 2).to(x.dtype)), kept
