import torch
from torch import nn


class JointEmbedding(nn.Module):
    """One vector of length 1 for each pair of a text and an image."""

    def __init__(self, text_dim: int, image_channels: int, embed_dim: int) -> None:
        super().__init__()
        raise NotImplementedError

    def encode_image(self, images: torch.Tensor) -> torch.Tensor:
        """Image features (B, embed_dim), not normalised, of images (B, image_channels, H, W) with any H, W ≥ 8."""
        raise NotImplementedError

    def forward(self, text: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
        """text (B, text_dim) and images (B, image_channels, H, W) -> (B, embed_dim), each row of Euclidean length 1."""
        raise NotImplementedError
