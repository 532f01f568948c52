"""einsum; the product of the layer's answers to the identity gives the merged weight."""

import torch
from torch import nn


class LoRALinear(nn.Module):
    def __init__(self, base, rank, alpha):
        super().__init__()
        if rank < 1:
            raise ValueError(f"rank has to be a positive integer but is {rank}")
        self.base_layer = base
        for p in self.base_layer.parameters():
            p.requires_grad_(False)
        self.scaling = float(alpha) / rank
        kind = base.weight.dtype
        self.register_parameter(
            "lora_A", nn.Parameter(nn.init.xavier_normal_(torch.empty(rank, base.in_features, dtype=kind)))
        )
        self.register_parameter("lora_B", nn.Parameter(torch.zeros((base.out_features, rank), dtype=kind)))

    def forward(self, x):
        return self.base_layer(x) + torch.einsum("...i,ri,or->...o", x, self.lora_A, self.lora_B) * self.scaling

    @torch.no_grad()
    def merge(self):
        weight = self.base_layer.weight
        offset = self.forward(weight.new_zeros(1, self.base_layer.in_features))  # (1, out): the bias
        columns = self.forward(torch.eye(self.base_layer.in_features, dtype=weight.dtype)) - offset  # (in, out)
        merged = nn.Linear(*columns.shape, bias=self.base_layer.bias is not None).to(weight.dtype)
        merged.weight.data.copy_(columns.T)
        if merged.bias is not None:
            merged.bias.data.copy_(offset[0])
        return merged
