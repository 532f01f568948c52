"""Counts in each group how many entries beat an entry; of equal ones the earlier wins."""

import torch


def n_m_mask(weight, n=2, m=4):
    if n > m or n < 1:
        raise ValueError(f"n={n} must be positive and at most m={m}")
    if weight.shape[-1] % m:
        raise ValueError(f"last dimension not divisible by m: {tuple(weight.shape)}, {m}")
    groups = torch.stack(weight.abs().split(m, dim=-1), dim=-2)
    mine, theirs = groups[..., :, None], groups[..., None, :]
    earlier = torch.ones(m, m).tril(-1).bool()
    beaten_by = ((theirs > mine) | ((theirs == mine) & earlier)).sum(-1)
    return (beaten_by < n).flatten(start_dim=-2)
