import torch


def self_attention(
    x: torch.Tensor,
    w_q: torch.Tensor,
    w_k: torch.Tensor,
    w_v: torch.Tensor,
    *,
    causal: bool = False,
    key_padding_mask: torch.Tensor | None = None,
) -> torch.Tensor:
    """Scaled dot-product self-attention with one head.

    x is (B, T, D), w_q and w_k are (D, Dk), w_v is (D, Dv); the result is (B, T, Dv).
    causal: position t sees the keys 0 … t only. key_padding_mask: bool (B, T), True where that key is padding.
    A query that sees no key gives zeros.
    """
    raise NotImplementedError
