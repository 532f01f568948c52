"""Row by row: tokens are taken in order of probability until enough is gathered."""

import torch


def one_row(row, temperature, top_k, top_p):
    probabilities = (row / temperature).softmax(0)
    order = sorted(range(len(row)), key=lambda token: -row[token].item())[:top_k]
    total = sum(probabilities[token].item() for token in order)
    kept, gathered = [], 0.0
    for token in order:
        kept.append(token)
        gathered += probabilities[token].item() / total
        if top_p is not None and top_p < 1 and gathered >= top_p:
            break
    mask = torch.zeros_like(row)
    mask[kept] = 1
    chosen = probabilities * mask
    return chosen / chosen.sum()


def filter_probs(logits, *, temperature=1.0, top_k=None, top_p=None):
    if not temperature >= 0:
        raise ValueError("temperature must be >= 0")
    if top_k is not None and not top_k >= 1:
        raise ValueError("top_k must be >= 1")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError("top_p must be in (0, 1]")
    rows = logits.reshape(-1, logits.shape[-1])
    if temperature == 0:
        hot = torch.zeros_like(rows)
        hot[torch.arange(len(rows)), rows.argmax(1)] = 1
        return hot.reshape(logits.shape)
    return torch.stack([one_row(row, temperature, top_k, top_p) for row in rows]).reshape(logits.shape)
