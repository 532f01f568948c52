"""Written for one sequence and vmapped over the batch; the weights come from log_softmax."""

import torch


def one_sequence(x, padded, w_q, w_k, w_v, causal):
    length = x.shape[0]
    q, k, v = x @ w_q, x @ w_k, x @ w_v
    hidden = padded.expand(length, length)
    if causal:
        hidden = hidden | torch.ones(length, length, dtype=torch.bool).triu(1)
    scores = (q @ k.T / k.shape[1] ** 0.5).masked_fill(hidden, torch.finfo(x.dtype).min)
    return scores.log_softmax(dim=1).exp().masked_fill(hidden, 0) @ v


def self_attention(x, w_q, w_k, w_v, *, causal=False, key_padding_mask=None):
    if key_padding_mask is None:
        key_padding_mask = torch.zeros(x.shape[:2], dtype=torch.bool)
    mapped = torch.vmap(one_sequence, in_dims=(0, 0, None, None, None, None))
    return mapped(x, key_padding_mask, w_q, w_k, w_v, causal)
