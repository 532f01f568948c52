"""Two masks on the unsorted logits: the k-th greatest as a threshold, and the nucleus scattered back."""

import torch


def filter_probs(logits, *, temperature=1.0, top_k=None, top_p=None):
    if temperature < 0:
        raise ValueError("temperature < 0")
    if top_k is not None and top_k < 1:
        raise ValueError("top_k < 1")
    if top_p is not None and (top_p <= 0 or top_p > 1):
        raise ValueError("top_p not in (0, 1]")
    if temperature == 0:
        return torch.nn.functional.one_hot(logits.argmax(-1), logits.size(-1)).to(logits.dtype)
    logits = logits / temperature
    if top_k is not None:
        threshold = torch.topk(logits, min(top_k, logits.size(-1))).values[..., -1:]
        logits = torch.where(logits < threshold, torch.full_like(logits, float("-inf")), logits)
    if top_p is not None and top_p < 1.0:
        ordered, index = torch.sort(logits, descending=True)
        remove = torch.cumsum(torch.softmax(ordered, dim=-1), dim=-1) >= top_p
        remove = torch.cat((torch.zeros_like(remove[..., :1]), remove[..., :-1]), dim=-1)
        logits = logits.masked_fill(torch.zeros_like(remove).scatter(-1, index, remove), float("-inf"))
    return torch.softmax(logits, dim=-1)
