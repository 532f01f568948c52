"""einsum, a finite fill, and rows without a key set to zero by where."""

import torch


def self_attention(x, w_q, w_k, w_v, *, causal=False, key_padding_mask=None):
    q = torch.einsum("btd,dk->btk", x, w_q)
    k = torch.einsum("bsd,dk->bsk", x, w_k)
    v = torch.einsum("bsd,de->bse", x, w_v)
    scores = torch.einsum("btk,bsk->bts", q, k) * w_q.shape[1] ** -0.5

    batch, length = x.shape[:2]
    position = torch.arange(length)
    visible = torch.ones(batch, length, length, dtype=torch.bool)
    if causal:
        visible &= position[None, :] <= position[:, None]
    if key_padding_mask is not None:
        visible &= ~key_padding_mask[:, None, :]

    weights = torch.softmax(torch.where(visible, scores, torch.full_like(scores, -1e30)), dim=2)
    weights = torch.where(visible.any(dim=2, keepdim=True), weights, torch.zeros_like(weights))
    return torch.einsum("bts,bse->bte", weights, v)
