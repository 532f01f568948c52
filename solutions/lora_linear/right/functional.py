"""F.linear with the base's own weights; the merged layer is a deep copy of the base, thawed."""

import copy

import torch
import torch.nn.functional as F
from torch import nn


class LoRALinear(nn.Module):
    def __init__(self, base, rank, alpha):
        super().__init__()
        if rank <= 0:
            raise ValueError("rank must be positive")
        for parameter in base.parameters():
            parameter.requires_grad = False
        self.linear = base
        self.rank = rank
        self.alpha = alpha
        options = {"dtype": base.weight.dtype, "device": base.weight.device}
        self.lora_A = nn.Parameter(torch.randn(rank, base.in_features, **options) / rank)
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, rank, **options))

    def forward(self, x):
        update = F.linear(F.linear(x, self.lora_A), self.lora_B)
        return F.linear(x, self.linear.weight, self.linear.bias) + update * (self.alpha / self.rank)

    def merge(self):
        merged = copy.deepcopy(self.linear)
        merged.weight.data += self.alpha / self.rank * (self.lora_B @ self.lora_A).detach()
        for parameter in merged.parameters():
            parameter.requires_grad = True
        return merged
