"""Plain Python over groups; the least ones are crossed out."""

import torch


def n_m_mask(weight, n=2, m=4):
    if n <= 0 or m < n:
        raise ValueError(f"bad n={n} for m={m}")
    *_, width = weight.shape
    if width // m * m != width:
        raise ValueError(f"m={m} does not divide {width}")
    values, mask = weight.flatten().tolist(), []
    for start in range(0, len(values), m):
        group = sorted(range(m), key=lambda i: abs(values[start + i]))
        dropped = set(group[: m - n])
        mask += [i not in dropped for i in range(m)]
    return torch.tensor(mask).view(weight.shape)
