"""The masking of BERT's pre-training (Devlin et al. 2019, section 3.1)."""

import torch
from torch import Tensor

IGNORED = -100  # the target that torch's cross-entropy leaves out


def mask_tokens(
    input_ids: Tensor,
    special_tokens_mask: Tensor,
    *,
    mask_id: int,
    vocab_size: int,
    p: float = 0.15,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Select ordinary positions of input_ids (B, T) with probability p; returns (inputs, labels), both (B, T)."""
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"p must lie in [0, 1], got {p}")

    shape, device = input_ids.shape, input_ids.device
    # Three draws for each position, used or not: nothing that happens at one position moves the draws of another.
    selected = (torch.rand(shape, generator=generator, device=device) < p) & ~special_tokens_mask  # (B, T)
    choice = torch.rand(shape, generator=generator, device=device)  # (B, T)
    random_ids = torch.randint(vocab_size, shape, generator=generator, device=device)  # (B, T)

    labels = torch.where(selected, input_ids, IGNORED)  # (B, T)
    inputs = torch.where(selected & (choice < 0.8), mask_id, input_ids)  # (B, T)
    inputs = torch.where(selected & (choice >= 0.9), random_ids, inputs)  # (B, T)
    return inputs, labels
