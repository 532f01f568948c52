"""The first fusion layer as two products, which add up to the product with the concatenation; a layer norm within."""

import torch
from torch import nn


class JointEmbedding(nn.Module):
    def __init__(self, text_dim, image_channels, embed_dim):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(image_channels, 12, 3, stride=2), nn.LeakyReLU(0.1), nn.Conv2d(12, embed_dim, 3)
        )
        self.from_text = nn.Linear(text_dim, 40)
        self.from_image = nn.Linear(embed_dim, 40, bias=False)
        self.norm = nn.LayerNorm(40)
        self.out = nn.Linear(40, embed_dim)

    def encode_image(self, images):
        maps = self.features(images)
        return maps.flatten(2).mean(2)

    def forward(self, text, images):
        hidden = self.from_text(text) + self.from_image(self.encode_image(images))
        fused = self.out(torch.nn.functional.silu(self.norm(hidden)))
        return torch.nn.functional.normalize(fused, p=2.0, dim=1)
