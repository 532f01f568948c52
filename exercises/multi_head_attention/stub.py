import torch
from torch import nn


class MultiHeadAttention(nn.Module):
    """Multi-head scaled dot-product attention.

    Linear layers q_proj, k_proj, v_proj and out_proj, each d_model -> d_model, all with a bias or all without.
    Head h uses the h-th slice of d_model / n_heads consecutive columns of the projected width.
    """

    def __init__(self, d_model: int, n_heads: int, bias: bool = True):
        super().__init__()
        raise NotImplementedError

    def forward(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attn_mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Map query (B, Tq, D), key and value (B, Tk, D) to (B, Tq, D).

        attn_mask: bool, broadcastable to (B, n_heads, Tq, Tk), True where a query may attend to a key.
        A query that may attend to nothing gives zeros before out_proj.
        """
        raise NotImplementedError
