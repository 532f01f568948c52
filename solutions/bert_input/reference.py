"""One or two sentences as BERT reads them (Devlin et al. 2019, figure 2)."""

import torch
from torch import Tensor


def pack_pair(
    tokens_a: list[int],
    tokens_b: list[int] | None,
    *,
    cls_id: int,
    sep_id: int,
    pad_id: int,
    max_len: int,
) -> dict[str, Tensor]:
    """[CLS] a [SEP] b [SEP] with its segments and its mask, each (max_len,)."""
    pair = tokens_b is not None  # an empty list is a sentence too
    specials = 3 if pair else 2
    if max_len < specials:
        raise ValueError(f"max_len must be at least {specials} to hold the special tokens, got {max_len}")

    kept_a, kept_b = len(tokens_a), len(tokens_b) if pair else 0
    while kept_a + kept_b + specials > max_len:
        if kept_a > kept_b:
            kept_a -= 1
        else:
            kept_b -= 1

    first = [cls_id, *tokens_a[:kept_a], sep_id]
    second = [*tokens_b[:kept_b], sep_id] if pair else []
    real = len(first) + len(second)
    padding = max_len - real
    return {
        "input_ids": torch.tensor(first + second + [pad_id] * padding),
        "token_type_ids": torch.tensor([0] * len(first) + [1] * len(second) + [0] * padding),
        "attention_mask": torch.tensor([1] * real + [0] * padding),
    }
