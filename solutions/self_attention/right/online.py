"""Key by key, as fused kernels do: a running maximum, denominator and sum (Milakov and Gimelshein 2018)."""

import torch


def self_attention(x, w_q, w_k, w_v, *, causal=False, key_padding_mask=None):
    batch, length, _ = x.shape
    q, k, v = x @ w_q / w_q.size(1) ** 0.5, x @ w_k, x @ w_v
    lowest = torch.finfo(x.dtype).min
    top = torch.full((batch, length, 1), lowest, dtype=x.dtype)
    total = torch.zeros(batch, length, 1, dtype=x.dtype)
    summed = torch.zeros(batch, length, w_v.size(1), dtype=x.dtype)
    for s in range(length):
        seen = torch.ones(batch, length, 1, dtype=torch.bool)
        if causal:
            seen = seen & (torch.arange(length) >= s)[None, :, None]
        if key_padding_mask is not None:
            seen = seen & ~key_padding_mask[:, s, None, None]
        score = (q * k[:, s, None]).sum(-1, keepdim=True)
        new_top = torch.where(seen, torch.maximum(top, score), top).detach()
        shrink = torch.exp(top - new_top)
        gain = torch.exp(torch.where(seen, score - new_top, 0.0)) * seen
        total = total * shrink + gain
        summed = summed * shrink + gain * v[:, s, None]
        top = new_top
    return summed / torch.where(total > 0, total, 1.0)
