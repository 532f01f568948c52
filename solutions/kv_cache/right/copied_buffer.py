"""An object with room to spare, copied before it is written, detached; old and new keys are scored apart."""

import math

import torch
from torch import nn


class Store:
    def __init__(self, like, capacity):
        batch, heads, _, size = like.shape
        self.keys = like.new_zeros(batch, heads, capacity, size)
        self.values = like.new_zeros(batch, heads, capacity, size)
        self.length = 0

    def extended(self, k, v):
        end = self.length + k.shape[2]
        grown = Store(k, max(2 * end, 8))
        grown.keys[:, :, : self.length] = self.keys[:, :, : self.length]
        grown.values[:, :, : self.length] = self.values[:, :, : self.length]
        grown.keys[:, :, self.length : end] = k
        grown.values[:, :, self.length : end] = v
        grown.length = end
        return grown


class CachedSelfAttention(nn.Module):
    def __init__(self, d_model: int, n_heads: int):
        if d_model % n_heads:
            raise ValueError(f"d_model={d_model} is not a multiple of n_heads={n_heads}")
        super().__init__()
        self.n_heads = n_heads
        self.q_proj = nn.Linear(d_model, d_model, bias=False)
        self.k_proj = nn.Linear(d_model, d_model, bias=False)
        self.v_proj = nn.Linear(d_model, d_model, bias=False)
        self.out_proj = nn.Linear(d_model, d_model, bias=False)

    def heads(self, x):
        return torch.stack(x.chunk(self.n_heads, dim=-1), dim=1)

    def forward(self, x, cache=None):
        q, k, v = self.heads(self.q_proj(x)), self.heads(self.k_proj(x)), self.heads(self.v_proj(x))
        old = Store(k, 0) if cache is None else cache
        old_k, old_v = old.keys[:, :, : old.length], old.values[:, :, : old.length]
        scale = 1 / math.sqrt(q.shape[-1])
        to_new = torch.matmul(q, k.transpose(2, 3)) * scale
        to_new = to_new + torch.full((x.shape[1], x.shape[1]), -torch.inf, dtype=x.dtype).triu(1)
        scores = torch.cat([torch.matmul(q, old_k.transpose(2, 3)) * scale, to_new], dim=-1)
        weights = torch.softmax(scores, dim=-1)
        z = weights[..., : old.length] @ old_v + weights[..., old.length :] @ v
        z = torch.cat(z.unbind(1), dim=-1)
        return self.out_proj(z), old.extended(k.detach(), v.detach())
