"""Token by token over a list of the past, so that nothing is ever masked; the attention is a ModuleDict."""

import math

import torch
from torch import nn


class GPTBlock(nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        if d_model % n_heads != 0:
            raise ValueError("n_heads must divide the width")
        self.n_heads, self.size = n_heads, d_model // n_heads
        names = ("q_proj", "k_proj", "v_proj", "out_proj")
        self.attention = nn.ModuleDict({name: nn.Linear(d_model, d_model) for name in names})
        self.ln1, self.ln2 = nn.LayerNorm(d_model, eps=1e-6), nn.LayerNorm(d_model, eps=1e-6)
        self.fc, self.proj = nn.Linear(d_model, 4 * d_model), nn.Linear(4 * d_model, d_model)

    def attend(self, x):
        batch, length, width = x.shape
        heads = (batch, length, self.n_heads, self.size)
        q, k, v = (self.attention[name](x).view(heads) for name in ("q_proj", "k_proj", "v_proj"))
        rows = []
        for t in range(length):
            scores = (q[:, t, None] * k[:, : t + 1]).sum(-1) / math.sqrt(self.size)  # (B, t + 1, H)
            rows.append((scores.softmax(1)[..., None] * v[:, : t + 1]).sum(1).reshape(batch, width))
        return self.attention["out_proj"](torch.stack(rows, 1))

    def forward(self, x):
        x = x + self.attend(self.ln1(x))
        z = self.fc(self.ln2(x))
        z = 0.5 * z * (1 + torch.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))
        return x + self.proj(z)
