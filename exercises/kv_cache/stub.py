from typing import Any

import torch
from torch import nn


class CachedSelfAttention(nn.Module):
    """Causal multi-head self-attention that continues a sequence from a cache of its keys and values.

    Linear layers q_proj, k_proj, v_proj and out_proj, each d_model -> d_model, without a bias.
    Head h uses the h-th slice of d_model / n_heads consecutive columns of the projected width.
    """

    def __init__(self, d_model: int, n_heads: int):
        super().__init__()
        raise NotImplementedError

    def forward(self, x: torch.Tensor, cache: Any = None) -> tuple[torch.Tensor, Any]:
        """Take the next tokens x (B, Tn, D) and the cache of all earlier ones; return (y, new_cache).

        y is (B, Tn, D). cache is None at the start of a sequence, else what an earlier call returned,
        and it is not modified.
        """
        raise NotImplementedError
