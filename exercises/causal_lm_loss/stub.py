import torch


def causal_lm_loss(logits: torch.Tensor, input_ids: torch.Tensor, *, ignore_index: int = -100) -> torch.Tensor:
    """Mean negative log-likelihood of each next token, a 0-dim tensor.

    logits is (B, T, V), input_ids is long (B, T); the logits at position t predict the token at t + 1.
    A target equal to ignore_index does not count; without any target the loss is 0, still attached to logits.
    """
    raise NotImplementedError
