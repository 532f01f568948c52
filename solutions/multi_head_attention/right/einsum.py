"""einsum over named dimensions; the weights are reshaped, not the activations; xavier initialisation."""

import torch
from torch import nn


class MultiHeadAttention(nn.Module):
    def __init__(self, d_model: int, n_heads: int, bias: bool = True):
        if d_model % n_heads:
            raise ValueError(f"cannot split d_model={d_model} into {n_heads} heads")
        super().__init__()
        self.h = n_heads
        self.d = d_model // n_heads
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (
            nn.Linear(d_model, d_model, bias=bias) for _ in range(4)
        )
        for layer in self.children():
            nn.init.xavier_uniform_(layer.weight)
            if bias:
                nn.init.zeros_(layer.bias)

    def project(self, layer, x):
        weight = layer.weight.view(self.h, self.d, -1)
        heads = torch.einsum("btm,hdm->bhtd", x, weight)
        return heads if layer.bias is None else heads + layer.bias.view(self.h, 1, self.d)

    def forward(self, query, key, value, attn_mask=None):
        q = self.project(self.q_proj, query) * self.d**-0.5
        k, v = self.project(self.k_proj, key), self.project(self.v_proj, value)
        scores = torch.einsum("bhtd,bhsd->bhts", q, k)
        if attn_mask is not None:
            scores = scores.masked_fill(attn_mask.logical_not(), -1e30)
        weights = torch.softmax(scores, dim=3)
        if attn_mask is not None:
            weights = weights * attn_mask
        mixed = torch.einsum("bhts,bhsd,ohd->bto", weights, v, self.out_proj.weight.view(-1, self.h, self.d))
        return mixed if self.out_proj.bias is None else mixed + self.out_proj.bias
