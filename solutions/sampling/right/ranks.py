"""No sorting back: each token's rank and the mass above it are counted by comparing all pairs."""

import torch


def filter_probs(logits, *, temperature=1.0, top_k=None, top_p=None):
    for name, bad in (
        ("temperature", temperature < 0),
        ("top_k", top_k is not None and top_k <= 0),
        ("top_p", top_p is not None and not (top_p > 0 and top_p <= 1)),
    ):
        if bad:
            raise ValueError(f"invalid {name}")
    above = (logits[..., None, :] > logits[..., :, None]).to(logits.dtype)  # [i, j]: j is more likely than i
    if temperature == 0:
        return (above.sum(-1) == 0).to(logits.dtype)
    keep = torch.ones_like(logits, dtype=torch.bool)
    p = (logits / temperature).softmax(-1)
    if top_k is not None:
        keep = above.sum(-1) < top_k
        p = p * keep / (p * keep).sum(-1, keepdim=True)
    if top_p is not None and top_p != 1:
        keep = keep & ((above * p[..., None, :]).sum(-1) < top_p)
        p = p * keep
        p = p / p.sum(-1, keepdim=True)
    return p
