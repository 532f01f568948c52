"""Functional, in float64 throughout, by hand: the norm, the softmax, the normal distribution function."""

import torch
import torch.nn.functional as F
from torch import nn


class Projections(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(width, width) for _ in range(4))


def linear(layer, x):
    return x @ layer.weight.double().T + layer.bias.double()


def normed(norm, x):
    centred = x - x.mean(-1, keepdim=True)
    variance = centred.square().mean(-1, keepdim=True)
    return centred / (variance + norm.eps).sqrt() * norm.weight.double() + norm.bias.double()


class EncoderLayer(nn.Module):
    def __init__(self, d_model, n_heads, d_ff, dropout=0.1):
        if d_model // n_heads * n_heads != d_model:
            raise ValueError("d_model must be a multiple of n_heads")
        super().__init__()
        self.n_heads, self.dropout = n_heads, dropout
        self.attention = Projections(d_model)
        self.norm1 = nn.LayerNorm(d_model)
        self.linear1 = nn.Linear(d_model, d_ff)
        self.linear2 = nn.Linear(d_ff, d_model)
        self.norm2 = nn.LayerNorm(d_model, eps=1e-12)

    def attend(self, x, padding):
        layers = self.attention
        q, k, v = (
            torch.stack(linear(layer, x).chunk(self.n_heads, dim=-1))
            for layer in (layers.q_proj, layers.k_proj, layers.v_proj)
        )  # each (H, B, T, d)
        scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
        keep = torch.ones_like(scores) if padding is None else (~padding)[:, None, :].expand(scores.shape).double()
        top = scores.detach().masked_fill(keep == 0, -torch.inf).amax(-1, keepdim=True)
        exps = (scores - top).masked_fill(keep == 0, -torch.inf).exp()
        z = exps / exps.sum(-1, keepdim=True) @ v
        return linear(layers.out_proj, torch.cat(z.unbind(0), dim=-1))

    def forward(self, x, key_padding_mask=None):
        wide = x.double()
        h = normed(self.norm1, wide + F.dropout(self.attend(wide, key_padding_mask), self.dropout, self.training))
        z = linear(self.linear1, h)
        f = linear(self.linear2, z * torch.special.ndtr(z))
        return normed(self.norm2, h + F.dropout(f, self.dropout, self.training)).to(x.dtype)
