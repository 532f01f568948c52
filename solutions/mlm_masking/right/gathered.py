"""Draws only for the ordinary positions, then only for the selected ones; written back by index."""

import torch

FATES = torch.tensor([0.1, 0.1, 0.8])  # keep, swap, mask


def mask_tokens(input_ids, special_tokens_mask, *, mask_id, vocab_size, p=0.15, generator=None):
    if not 0 <= p <= 1:
        raise ValueError(f"p={p} is not a probability")
    inputs = input_ids.flatten().clone()
    labels = torch.full_like(inputs, -100)
    ordinary = (~special_tokens_mask.flatten()).nonzero()[:, 0]
    chosen = ordinary[torch.empty(len(ordinary)).uniform_(generator=generator) < p]
    labels[chosen] = inputs[chosen]
    if len(chosen):
        fate = torch.multinomial(FATES, len(chosen), replacement=True, generator=generator)
        swapped = chosen[fate == 1]
        inputs[chosen[fate == 2]] = mask_id
        inputs[swapped] = torch.randint(vocab_size, swapped.shape, generator=generator)
    return inputs.view_as(input_ids), labels.view_as(input_ids)
