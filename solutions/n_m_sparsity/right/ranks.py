"""Each entry's rank in its group, from sorting twice."""

import torch


def n_m_mask(weight, n=2, m=4):
    if n < 1 or n > m:
        raise ValueError("n is out of range")
    if weight.size(-1) % m != 0:
        raise ValueError("weight: last dimension must be a multiple of m")
    blocks = torch.abs(weight.data).reshape(-1, m)
    ranks = blocks.argsort(dim=1, descending=True).argsort(dim=1)
    return (ranks < n).reshape(weight.shape)
