"""As in the well-known data collator: Bernoulli draws one after the other, the inputs a clone that is written to."""

import torch


def mask_tokens(input_ids, special_tokens_mask, *, mask_id, vocab_size, p=0.15, generator=None):
    if p < 0 or p > 1:
        raise ValueError("p is a probability and must be in [0, 1]")
    inputs, labels = input_ids.clone(), input_ids.clone()
    chances = torch.full(labels.shape, p).masked_fill_(special_tokens_mask, 0.0)
    chosen = torch.bernoulli(chances, generator=generator).bool()
    labels[~chosen] = -100
    masked = torch.bernoulli(torch.full(labels.shape, 0.8), generator=generator).bool() & chosen
    inputs[masked] = mask_id
    swapped = torch.bernoulli(torch.full(labels.shape, 0.5), generator=generator).bool() & chosen & ~masked
    words = torch.randint(vocab_size, labels.shape, dtype=torch.long, generator=generator)
    inputs[swapped] = words[swapped]
    return inputs, labels
