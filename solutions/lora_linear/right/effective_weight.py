"""The update is added to the weight first; the scale is a buffer; an orthogonal start."""

import torch
from torch import nn


class LoRALinear(nn.Module):
    def __init__(self, base: nn.Linear, rank: int, alpha: float):
        super().__init__()
        if not rank >= 1:
            raise ValueError(f"`rank` = {rank}: there must be at least one")
        self.frozen = base
        base.weight.requires_grad_(False)
        if base.bias is not None:
            base.bias.requires_grad_(False)
        out_features, in_features = base.weight.shape
        self.register_buffer("scaling", torch.tensor(alpha / rank, dtype=torch.float64), persistent=False)
        self.lora_B = nn.Parameter(base.weight.detach().new_zeros(out_features, rank))
        self.lora_A = nn.Parameter(torch.nn.init.normal_(base.weight.detach().new_zeros(rank, in_features), std=0.02))

    def weight(self):
        return self.frozen.weight + self.lora_B @ (self.lora_A * self.scaling.item())

    def forward(self, x):
        y = x @ self.weight().t()
        return y if self.frozen.bias is None else y + self.frozen.bias

    def merge(self):
        weight = self.weight().detach()
        merged = nn.Linear(weight.shape[1], weight.shape[0], bias=self.frozen.bias is not None)
        merged.weight = nn.Parameter(weight.clone())
        if self.frozen.bias is not None:
            merged.bias = nn.Parameter(self.frozen.bias.detach().clone())
        return merged
