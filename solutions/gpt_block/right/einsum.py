"""einsum, positions compared for the mask, nn.GELU, the initialisation of GPT-2."""

import torch
from torch import nn


class Attention(nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        self.d_head, rest = divmod(d_model, n_heads)
        if rest:
            raise ValueError(f"`n_heads` ({n_heads}) does not divide `d_model`")
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            self.add_module(name, nn.Linear(d_model, d_model))

    def forward(self, x):
        heads = (*x.shape[:2], -1, self.d_head)
        q, k, v = self.q_proj(x).view(heads), self.k_proj(x).view(heads), self.v_proj(x).view(heads)
        scores = torch.einsum("bthd,bshd->bhts", q, k) * self.d_head**-0.5
        position = torch.arange(x.shape[1])
        visible = position[:, None] >= position[None, :]
        weights = torch.where(visible, scores, torch.finfo(x.dtype).min).softmax(-1)
        return self.out_proj(torch.einsum("bhts,bshd->bthd", weights, v).reshape(x.shape))


class GPTBlock(nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        self.ln1 = nn.LayerNorm(d_model)
        self.attention = Attention(d_model, n_heads)
        self.ln2 = nn.LayerNorm(d_model)
        self.fc = nn.Linear(d_model, d_model * 4)
        self.activation = nn.GELU(approximate="tanh")
        self.proj = nn.Linear(d_model * 4, d_model)
        self.apply(self.initialise)

    @staticmethod
    def initialise(module):
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.02)
            nn.init.zeros_(module.bias)

    def forward(self, x):
        for norm, branch in ((self.ln1, self.attention), (self.ln2, self.network)):
            x = x + branch(norm(x))
        return x

    def network(self, x):
        return self.proj(self.activation(self.fc(x)))
