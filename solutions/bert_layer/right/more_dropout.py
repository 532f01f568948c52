"""Dropout on the attention weights and on the hidden values too, as torch's own layer has it; einsum."""

import torch
from torch import nn


class Attention(nn.Module):
    def __init__(self, d_model, n_heads, dropout):
        super().__init__()
        self.d_head, rest = divmod(d_model, n_heads)
        if rest:
            raise ValueError(f"`n_heads` ({n_heads}) does not divide `d_model`")
        self.q_proj = nn.Linear(d_model, d_model)
        self.k_proj = nn.Linear(d_model, d_model)
        self.v_proj = nn.Linear(d_model, d_model)
        self.dropout = nn.Dropout(dropout)
        self.out_proj = nn.Linear(d_model, d_model)

    def forward(self, x, mask):
        heads = (*x.shape[:2], -1, self.d_head)
        q, k, v = self.q_proj(x).view(heads), self.k_proj(x).view(heads), self.v_proj(x).view(heads)
        scores = torch.einsum("bthd,bshd->bhts", q, k) * self.d_head**-0.5
        if mask is not None:
            scores = torch.where(mask[:, None, None], torch.finfo(x.dtype).min, scores)
        weights = self.dropout(scores.softmax(-1))
        return self.out_proj(torch.einsum("bhts,bshd->bthd", weights, v).reshape(x.shape))


class EncoderLayer(nn.Module):
    def __init__(self, d_model, n_heads, d_ff, dropout=0.1):
        super().__init__()
        self.attention = Attention(d_model, n_heads, dropout)
        self.norm1 = nn.LayerNorm(d_model, eps=1e-6)
        self.linear1 = nn.Linear(d_model, d_ff)
        self.activation = nn.GELU()
        self.dropout = nn.Dropout(dropout)
        self.linear2 = nn.Linear(d_ff, d_model)
        self.norm2 = nn.LayerNorm(d_model, eps=1e-6)
        self.dropout1 = nn.Dropout(dropout)
        self.dropout2 = nn.Dropout(dropout)
        for layer in (self.linear1, self.linear2):
            nn.init.normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)

    def forward(self, x, key_padding_mask=None):
        h = self.norm1(self.dropout1(self.attention(x, key_padding_mask)).add(x))
        f = self.linear2(self.dropout(self.activation(self.linear1(h))))
        return self.norm2(self.dropout2(f).add(h))
