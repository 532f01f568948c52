"""-inf, softmax, and the NaN of an empty row replaced before it meets the values."""

import math

import torch
import torch.nn.functional as F


def self_attention(x, w_q, w_k, w_v, *, causal=False, key_padding_mask=None):
    q, k, v = (F.linear(x, w.t()) for w in (w_q, w_k, w_v))
    scores = torch.bmm(q, k.transpose(1, 2)).div(math.sqrt(q.size(-1)))
    if causal:
        future = torch.triu(torch.ones(x.size(1), x.size(1)), diagonal=1).bool()
        scores = scores.masked_fill(future, float("-inf"))
    if key_padding_mask is not None:
        scores = scores.masked_fill(key_padding_mask.unsqueeze(1), float("-inf"))
    return torch.bmm(F.softmax(scores, dim=-1).nan_to_num(0.0), v)
