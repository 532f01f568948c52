"""A tower for each modality, batch norm, max pooling, GELU, dropout, a deeper fusion."""

import torch
from torch import nn


class JointEmbedding(nn.Module):
    def __init__(self, text_dim, image_channels, embed_dim):
        super().__init__()
        self.text_tower = nn.Sequential(nn.Linear(text_dim, 32), nn.GELU())
        self.blocks = nn.ModuleList([self.block(image_channels, 16), self.block(16, 24)])
        self.to_embedding = nn.Linear(24, embed_dim)
        self.layers = nn.Sequential(
            nn.Linear(32 + embed_dim, 48),
            nn.BatchNorm1d(48),
            nn.GELU(),
            nn.Dropout(0.1),
            nn.Linear(48, 32),
            nn.GELU(),
            nn.Linear(32, embed_dim),
        )

    @staticmethod
    def block(channels, width):
        return nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2)
        )

    def encode_image(self, images):
        for block in self.blocks:
            images = block(images)
        return self.to_embedding(images.mean(dim=(2, 3)))

    def forward(self, text, images):
        fused = self.layers(torch.cat([self.text_tower(text), self.encode_image(images)], dim=1))
        return fused / fused.norm(dim=1, keepdim=True).clamp(min=1e-12)
