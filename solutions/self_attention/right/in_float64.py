"""Everything in float64 inside, cast back at the end; the two sides share the scale."""

import torch
from torch.nn import functional as F


def self_attention(x, w_q, w_k, w_v, *, causal=False, key_padding_mask=None):
    wide = x.double()
    q, k, v = (torch.tensordot(wide, w.double(), dims=1) for w in (w_q, w_k, w_v))
    side = w_q.shape[1] ** 0.25
    scores = (q / side) @ (k / side).transpose(1, 2)
    hidden = torch.zeros_like(scores, dtype=torch.bool)
    if causal:
        hidden = hidden | (torch.tril(torch.ones_like(scores)) == 0)
    if key_padding_mask is not None:
        hidden = hidden | key_padding_mask[:, None].expand_as(scores)
    empty = hidden.all(-1, keepdim=True)
    weights = F.softmax(scores.masked_fill(hidden & ~empty, float("-inf")), dim=-1)
    return (weights * ~empty @ v).to(x.dtype)
