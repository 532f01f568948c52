import torch


def filter_probs(
    logits: torch.Tensor,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> torch.Tensor:
    """The distribution to sample the next token from: probabilities (…, V) of logits (…, V), each row summing to 1.

    The temperature divides the logits (0: one-hot of the arg-max); top_k keeps the k most likely tokens; then top_p
    keeps the smallest set of most likely tokens whose probability reaches top_p.
    """
    raise NotImplementedError
