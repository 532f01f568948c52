"""Tokens are drawn first; then one number decides both whether a position is selected and what becomes of it."""

import torch


def mask_tokens(input_ids, special_tokens_mask, *, mask_id, vocab_size, p=0.15, generator=None):
    if not (p >= 0 and p <= 1):
        raise ValueError(f"bad p: {p}")
    words = torch.randint(0, vocab_size, input_ids.size(), generator=generator)
    u = torch.rand(input_ids.size(), generator=generator, dtype=torch.float64)
    u = torch.where(special_tokens_mask, 2.0, u)
    inputs = torch.where(u < 0.1 * p, words, torch.where(u < 0.9 * p, torch.full_like(words, mask_id), input_ids))
    return inputs, input_ids.masked_fill(u >= p, -100)
