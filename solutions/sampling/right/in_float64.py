"""top_k and top_p on log-probabilities in float64, ascending order, finite fill."""

import torch


def filter_probs(logits, *, temperature=1.0, top_k=None, top_p=None):
    if temperature < 0.0:
        raise ValueError(f"{temperature=}")
    if top_k is not None and top_k < 1:
        raise ValueError(f"{top_k=}")
    if top_p is not None and (not top_p > 0.0 or top_p > 1.0):
        raise ValueError(f"{top_p=}")
    scores = logits.double()
    if temperature == 0:
        return torch.eye(scores.shape[-1], dtype=logits.dtype)[scores.argmax(-1)]
    scores = torch.log_softmax(scores / temperature, dim=-1)
    low = torch.finfo(torch.float64).min
    if top_k is not None and top_k < scores.shape[-1]:
        values, index = scores.topk(top_k, dim=-1)
        scores = torch.full_like(scores, low).scatter(-1, index, values).log_softmax(-1)
    if top_p is not None and top_p < 1:
        ascending, index = scores.exp().sort(dim=-1)
        tail = ascending.cumsum(-1) <= 1 - top_p
        tail[..., -1] = False
        scores = scores.masked_fill(torch.empty_like(tail).scatter_(-1, index, tail), low)
    return scores.softmax(-1).to(logits.dtype)
