"""The loss of a causal language model: negative log-likelihood of the next token."""

import torch
from torch import Tensor


def causal_lm_loss(logits: Tensor, input_ids: Tensor, *, ignore_index: int = -100) -> Tensor:
    """Mean of -log p(token t+1 | tokens 0 … t) over the targets of input_ids (B, T) that are not ignore_index."""
    targets = input_ids[:, 1:]  # (B, T-1)
    counts = targets != ignore_index  # (B, T-1)
    log_probs = logits[:, :-1].log_softmax(dim=-1)  # (B, T-1, V)

    # An ignored id may lie outside of the vocabulary: any valid one stands in for it, and its loss is not counted.
    index = targets.masked_fill(~counts, 0)[..., None]  # (B, T-1, 1)
    losses = -log_probs.gather(-1, index)[..., 0]  # (B, T-1)
    return torch.where(counts, losses, 0.0).sum() / counts.sum().clamp(min=1)
