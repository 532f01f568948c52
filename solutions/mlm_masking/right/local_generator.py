"""A generator of its own, seeded by one draw from the caller's; random ids are uniform numbers scaled up."""

import torch


def mask_tokens(input_ids, special_tokens_mask, *, mask_id, vocab_size, p=0.15, generator=None):
    if p < 0.0 or p > 1.0:
        raise ValueError("argument p: expected 0 <= p <= 1")
    seed = int(torch.randint(2**62, (), generator=generator))
    own = torch.Generator().manual_seed(seed)
    u = torch.rand(3, *input_ids.shape, generator=own, dtype=torch.float64)
    selected = (u[0] < p).logical_and(special_tokens_mask.logical_not())
    words = (u[2] * vocab_size).floor().long().clamp(max=vocab_size - 1)
    candidates = torch.stack((torch.full_like(input_ids, mask_id), words, input_ids))
    which = (u[1] >= 0.8).long() + (u[1] >= 0.9).long()
    which = torch.where(selected, which, 2)
    inputs = candidates.gather(0, which[None])[0]
    return inputs, torch.where(selected, input_ids, torch.full_like(input_ids, -100))
