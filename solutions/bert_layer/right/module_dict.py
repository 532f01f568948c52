"""The attention is a ModuleDict, heads are looped over by slices, dropout is written out with bernoulli."""

import math

import torch
from torch import nn


class EncoderLayer(nn.Module):
    def __init__(self, d_model, n_heads, d_ff, dropout=0.1):
        super().__init__()
        if d_model % n_heads != 0:
            raise ValueError("n_heads must divide the width")
        self.size, self.p = d_model // n_heads, dropout
        names = ("q_proj", "k_proj", "v_proj", "out_proj")
        self.attention = nn.ModuleDict({name: nn.Linear(d_model, d_model) for name in names})
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.linear1, self.linear2 = nn.Linear(d_model, d_ff), nn.Linear(d_ff, d_model)

    def drop(self, x):
        if not self.training or self.p == 0:
            return x
        return x * torch.bernoulli(torch.full_like(x, 1 - self.p)) / (1 - self.p)

    def attend(self, x, padding):
        q, k, v = (self.attention[name](x) for name in ("q_proj", "k_proj", "v_proj"))
        hidden = None if padding is None else padding.unsqueeze(1)
        outputs = []
        for start in range(0, x.shape[-1], self.size):
            part = slice(start, start + self.size)
            scores = torch.bmm(q[..., part], k[..., part].transpose(1, 2)) / math.sqrt(self.size)
            if hidden is not None:
                scores = scores.masked_fill(hidden, float("-inf"))
            outputs.append(torch.bmm(torch.softmax(scores, dim=-1), v[..., part]))
        return self.attention["out_proj"](torch.cat(outputs, dim=-1))

    def forward(self, x, key_padding_mask=None):
        x = self.norm1(x + self.drop(self.attend(x, key_padding_mask)))
        z = self.linear1(x)
        z = z * 0.5 * (1 + torch.erf(z / math.sqrt(2)))
        return self.norm2(x + self.drop(self.linear2(z)))
