import torch
from torch import nn


class GPTBlock(nn.Module):
    """One pre-norm block of a GPT decoder.

    Sub-modules: ln1, attention (with linear layers q_proj, k_proj, v_proj, out_proj), ln2, fc, proj.
    All linear layers have a bias; the hidden width is 4 * d_model; the norms are nn.LayerNorm, eps at most 1e-5.
    """

    def __init__(self, d_model: int, n_heads: int):
        super().__init__()
        raise NotImplementedError

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map x (B, T, D) to (B, T, D); a token sees itself and the tokens before it."""
        raise NotImplementedError
