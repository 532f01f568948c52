"""The update as a sum of rank-one terms, worked out in float64 whatever came in."""

import torch
from torch import nn


class LoRALinear(nn.Module):
    def __init__(self, base, rank, alpha):
        if rank < 1:
            raise ValueError("the rank of the update must be >= 1")
        super().__init__()
        self.base = base
        self.base.requires_grad_(False)
        self.alpha, self.rank = alpha, rank
        self.lora_A = nn.Parameter(torch.rand(rank, base.in_features).to(base.weight) * 2 - 1)
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, rank).to(base.weight))

    def forward(self, x):
        y = self.base(x).double()
        for row, column in zip(self.lora_A, self.lora_B.unbind(1), strict=True):
            along = (x.double() * row.double()).sum(-1, keepdim=True)
            y = y + along * column.double() * self.alpha / self.rank
        return y.to(x.dtype)

    def merge(self):
        with torch.no_grad():
            weight = self.base.weight.clone()
            for r in range(self.rank):
                term = torch.outer(self.lora_B[:, r], self.lora_A[r]) * self.alpha / self.rank
                weight += term.to(weight.dtype)
            bias = None if self.base.bias is None else self.base.bias.clone()
            merged = nn.Linear(self.base.in_features, self.base.out_features, bias is not None, dtype=weight.dtype)
            merged.load_state_dict({"weight": weight} if bias is None else {"weight": weight, "bias": bias})
        return merged
