"""Small and sigmoid, features normalised by a layer norm after they are joined, dropout, row by row at the end."""

import torch
from torch import nn


class ImageEncoder(nn.Module):
    def __init__(self, channels, width):
        super().__init__()
        self.conv = nn.Conv2d(channels, 8, 3)
        self.pool = nn.AdaptiveAvgPool2d((2, 2))
        self.linear = nn.Linear(32, width)

    def forward(self, images):
        return self.linear(self.pool(self.conv(images).relu()).reshape(len(images), -1))


class JointEmbedding(nn.Module):
    def __init__(self, text_dim, image_channels, embed_dim):
        super().__init__()
        self.image_encoder = ImageEncoder(image_channels, embed_dim)
        self.norm = nn.LayerNorm(text_dim + embed_dim)
        self.first = nn.Linear(text_dim + embed_dim, embed_dim)
        self.second = nn.Linear(embed_dim, embed_dim)
        self.dropout = nn.Dropout(0.1)

    def encode_image(self, images):
        return self.image_encoder(images)

    def forward(self, text, images):
        joined = self.norm(torch.hstack((text, self.encode_image(images))))
        rows = self.second(self.dropout(self.first(joined).sigmoid()))
        return torch.stack([row / torch.linalg.vector_norm(row) for row in rows])
