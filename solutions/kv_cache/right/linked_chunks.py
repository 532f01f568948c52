"""The cache is a tuple of all chunks so far, joined at use; einsum; positions compared for the mask."""

import torch
from torch import nn


class CachedSelfAttention(nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        self.d_head, rest = divmod(d_model, n_heads)
        if rest:
            raise ValueError(f"`n_heads` ({n_heads}) does not divide `d_model`")
        self.n_heads = n_heads
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            self.add_module(name, nn.Linear(d_model, d_model, bias=False))
            nn.init.xavier_uniform_(getattr(self, name).weight)

    def forward(self, x, cache=None):
        heads = (*x.shape[:2], self.n_heads, self.d_head)
        q = self.q_proj(x).view(heads) * self.d_head**-0.5
        chunks = (*(cache or ()), (self.k_proj(x).view(heads), self.v_proj(x).view(heads)))
        k, v = (torch.cat(parts, dim=1) for parts in zip(*chunks, strict=True))
        key_position = torch.arange(k.shape[1])
        query_position = key_position[-x.shape[1] :]
        scores = torch.einsum("bthd,bshd->bhts", q, k)
        hidden = key_position[None, :] > query_position[:, None]
        scores = torch.where(hidden, torch.full_like(scores, torch.finfo(scores.dtype).min), scores)
        z = torch.einsum("bhts,bshd->bthd", scores.softmax(-1), v)
        return self.out_proj(z.flatten(2)), chunks
