"""N:M fine-grained structured sparsity by magnitude (Mishra et al. 2021)."""

import torch
from torch import Tensor


def n_m_mask(weight: Tensor, n: int = 2, m: int = 4) -> Tensor:
    """True for the n of greatest magnitude in every m consecutive entries of weight (..., W)."""
    if not 0 < n <= m:
        raise ValueError(f"n must satisfy 0 < n <= m, got n={n} and m={m}")
    if weight.shape[-1] % m:
        raise ValueError(f"the last dimension of weight, {weight.shape[-1]}, is not divisible by m={m}")

    groups = weight.detach().abs().unflatten(-1, (-1, m))  # (..., W / m, m)
    kept = groups.topk(n, dim=-1).indices  # (..., W / m, n)
    return torch.zeros_like(groups, dtype=torch.bool).scatter(-1, kept, True).flatten(-2)  # (..., W)
