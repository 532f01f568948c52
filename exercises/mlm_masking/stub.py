import torch


def mask_tokens(
    input_ids: torch.Tensor,
    special_tokens_mask: torch.Tensor,
    *,
    mask_id: int,
    vocab_size: int,
    p: float = 0.15,
    generator: torch.Generator | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mask a batch of token ids for masked language modelling, and return (inputs, labels).

    input_ids is long (B, T); special_tokens_mask is bool (B, T), True where a token is never selected.
    Every other position is selected with probability p. Of the selected ones, 80 % become mask_id, 10 % a
    token drawn from [0, vocab_size), 10 % stay. labels: the original id where selected, -100 elsewhere.
    """
    raise NotImplementedError
