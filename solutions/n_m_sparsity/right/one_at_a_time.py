"""n times the arg-max of what is left in each group."""

import torch


@torch.no_grad()
def n_m_mask(weight, n=2, m=4):
    if not 1 <= n <= m:
        raise ValueError("expected 1 <= n <= m")
    if weight.shape[-1] % m:
        raise ValueError("weight cannot be cut into groups of m")
    left = weight.double().abs().view(*weight.shape[:-1], weight.shape[-1] // m, m)
    mask = torch.zeros(left.shape, dtype=torch.bool)
    for _ in range(n):
        best = left.argmax(dim=-1, keepdim=True)
        mask.scatter_(-1, best, True)
        left = left.scatter(-1, best, -1.0)
    return mask.view(weight.shape)
