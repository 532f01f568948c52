"""Loops over batch and time; only the visible keys are gathered, so nothing is ever masked."""

import math

import torch


def self_attention(x, w_q, w_k, w_v, *, causal=False, key_padding_mask=None):
    rows = []
    for b in range(x.shape[0]):
        q, k, v = x[b] @ w_q, x[b] @ w_k, x[b] @ w_v
        outputs = []
        for t in range(x.shape[1]):
            seen = list(range(t + 1 if causal else x.shape[1]))
            if key_padding_mask is not None:
                padded = key_padding_mask[b].tolist()
                seen = [s for s in seen if not padded[s]]
            if not seen:
                outputs.append(x.new_zeros(w_v.shape[1]))
                continue
            weights = torch.softmax(k[seen] @ q[t] / math.sqrt(k.shape[1]), dim=0)
            outputs.append(weights @ v[seen])
        rows.append(torch.stack(outputs))
    return torch.stack(rows)
