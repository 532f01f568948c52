"""Weights as exp(score - logsumexp); an empty row takes part unmasked and is multiplied by zero."""

import torch


def self_attention(x, w_q, w_k, w_v, *, causal=False, key_padding_mask=None):
    B, T, _ = x.shape
    q, k, v = x.matmul(w_q), x.matmul(w_k), x.matmul(w_v)
    scores = q.matmul(k.permute(0, 2, 1)) / torch.tensor(w_k.shape[1], dtype=torch.float32).sqrt()
    visible = torch.full((B, T, T), True)
    if causal:
        visible = visible.tril()
    if key_padding_mask is not None:
        visible = visible.logical_and(key_padding_mask.logical_not().view(B, 1, T))
    some = visible.any(-1, keepdim=True)
    scores = scores.masked_fill(~visible & some, -torch.inf)
    weights = torch.exp(scores - torch.logsumexp(scores, -1, keepdim=True))
    return (weights * some).matmul(v)
