"""Functional and in float64 throughout; exp and sum by hand, a loop over heads; tanh written as a sigmoid."""

import torch
import torch.nn.functional as F
from torch import nn


class Projections(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(width, width) for _ in range(4))


def linear(layer, x):
    return F.linear(x, layer.weight.double(), layer.bias.double())


def normed(norm, x):
    return F.layer_norm(x, norm.normalized_shape, norm.weight.double(), norm.bias.double(), norm.eps)


def gelu(z):
    return z * torch.sigmoid(2 * (2 / torch.pi) ** 0.5 * (z + 0.044715 * z.pow(3)))


class GPTBlock(nn.Module):
    def __init__(self, d_model, n_heads):
        if d_model // n_heads * n_heads != d_model:
            raise ValueError("d_model must be a multiple of n_heads")
        super().__init__()
        self.size = d_model // n_heads
        self.ln1, self.ln2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model, eps=1e-12)
        self.attention = Projections(d_model)
        self.fc, self.proj = nn.Linear(d_model, 4 * d_model), nn.Linear(4 * d_model, d_model)

    def attend(self, x):
        layers, outputs = self.attention, []
        q, k, v = (linear(layer, x).split(self.size, -1) for layer in (layers.q_proj, layers.k_proj, layers.v_proj))
        for q_h, k_h, v_h in zip(q, k, v, strict=True):
            scores = q_h @ k_h.mT / self.size**0.5
            scores = scores + torch.full_like(scores[0], -torch.inf).triu(1)
            exps = torch.exp(scores - scores.detach().amax(-1, keepdim=True))
            outputs.append(exps @ v_h / exps.sum(-1, keepdim=True))
        return linear(layers.out_proj, torch.cat(outputs, -1))

    def forward(self, x):
        h = x.double()
        h = h + self.attend(normed(self.ln1, h))
        h = h + linear(self.proj, gelu(linear(self.fc, normed(self.ln2, h))))
        return h.to(x.dtype)
