"""Joint embedding by fusion: text vector and CNN features side by side, through a network, onto the unit sphere."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class JointEmbedding(nn.Module):
    """One vector of length 1 for each pair of a text and an image."""

    def __init__(self, text_dim: int, image_channels: int, embed_dim: int) -> None:
        super().__init__()
        self.cnn = nn.Sequential(
            nn.Conv2d(image_channels, 8, kernel_size=3, padding=1),  # (B, 8, H, W)
            nn.ReLU(),
            nn.Conv2d(8, 16, kernel_size=3, stride=2, padding=1),  # (B, 16, ⌈H/2⌉, ⌈W/2⌉)
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),  # (B, 16, 1, 1) whatever H and W are
            nn.Flatten(),  # (B, 16)
            nn.Linear(16, embed_dim),
        )
        hidden = 4 * embed_dim
        self.fusion = nn.Sequential(
            nn.Linear(text_dim + embed_dim, hidden),
            nn.ReLU(),
            nn.Linear(hidden, embed_dim),
        )

    def encode_image(self, images: Tensor) -> Tensor:
        """Image features (B, embed_dim), not normalised, of images (B, C, H, W)."""
        return self.cnn(images)

    def forward(self, text: Tensor, images: Tensor) -> Tensor:
        """Embed each pair: text (B, text_dim) and images (B, C, H, W) -> (B, embed_dim), rows of length 1."""
        pair = torch.cat((text, self.encode_image(images)), dim=-1)  # (B, text_dim + embed_dim)
        return F.normalize(self.fusion(pair), dim=-1)
