import torch
from torch import nn


class EncoderLayer(nn.Module):
    """One post-norm layer of a BERT encoder.

    Sub-modules: attention (with linear layers q_proj, k_proj, v_proj, out_proj), norm1, linear1, linear2, norm2.
    All linear layers have a bias; the norms are nn.LayerNorm with an eps of at most 1e-5.
    """

    def __init__(self, d_model: int, n_heads: int, d_ff: int, dropout: float = 0.1):
        super().__init__()
        raise NotImplementedError

    def forward(self, x: torch.Tensor, key_padding_mask: torch.Tensor | None = None) -> torch.Tensor:
        """Map x (B, T, D) to (B, T, D). key_padding_mask: bool (B, T), True where that key is padding."""
        raise NotImplementedError
