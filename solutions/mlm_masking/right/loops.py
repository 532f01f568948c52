"""Position by position in plain Python; a token is drawn only where one is wanted."""

import torch


def mask_tokens(input_ids, special_tokens_mask, *, mask_id, vocab_size, p=0.15, generator=None):
    if p > 1 or p < 0:
        raise ValueError("p must not be below 0 or above 1")
    rows, targets = input_ids.tolist(), []
    for row, specials in zip(rows, special_tokens_mask.tolist(), strict=True):
        target = [-100] * len(row)
        for t, special in enumerate(specials):
            if special or torch.rand(1, generator=generator).item() >= p:
                continue
            target[t] = row[t]
            dice = torch.randint(10, (1,), generator=generator).item()
            if dice == 9:
                row[t] = torch.randint(vocab_size, (1,), generator=generator).item()
            elif dice < 8:
                row[t] = mask_id
        targets.append(target)
    return torch.tensor(rows), torch.tensor(targets)
