"""A mask kept as a non-persistent buffer, which grows when a longer sequence comes; heads folded into the batch."""

import torch
import torch.nn.functional as F
from torch import nn


class Attention(nn.Module):
    def __init__(self, d_model, n_heads):
        if d_model % n_heads > 0:
            raise ValueError(f"d_model={d_model} cannot be split into n_heads={n_heads} heads")
        super().__init__()
        self.heads, self.size = n_heads, d_model // n_heads
        self.q_proj = nn.Linear(d_model, d_model)
        self.k_proj = nn.Linear(d_model, d_model)
        self.v_proj = nn.Linear(d_model, d_model)
        self.out_proj = nn.Linear(d_model, d_model)
        self.register_buffer("mask", torch.ones(2, 2).tril().bool(), persistent=False)

    def fold(self, x):
        batch, length, _ = x.shape
        return x.view(batch, length, self.heads, self.size).permute(0, 2, 1, 3).reshape(-1, length, self.size)

    def forward(self, x):
        batch, length, width = x.shape
        if len(self.mask) < length:
            self.mask = torch.ones(length, length).tril().bool()
        q, k, v = self.fold(self.q_proj(x)), self.fold(self.k_proj(x)), self.fold(self.v_proj(x))
        scores = torch.bmm(q * self.size**-0.5, k.transpose(1, 2))
        scores = scores.masked_fill(~self.mask[:length, :length], float("-inf"))
        z = torch.bmm(torch.softmax(scores, dim=2), v).view(batch, self.heads, length, self.size)
        return self.out_proj(z.transpose(1, 2).contiguous().view(batch, length, width))


class GPTBlock(nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        self.attention = Attention(d_model, n_heads)
        self.ln1 = nn.LayerNorm(d_model)
        self.ln2 = nn.LayerNorm(d_model)
        self.fc = nn.Linear(d_model, 4 * d_model)
        self.proj = nn.Linear(4 * d_model, d_model)

    def forward(self, x):
        x = torch.add(x, self.attention(self.ln1(x)))
        return torch.add(x, self.proj(F.gelu(self.fc(self.ln2(x)), approximate="tanh")))
