"""Segments and mask by comparing positions; padding by F.pad; another key beside the three."""

import torch
from torch.nn import functional as F


def lengths(a, b, room):
    if a + b <= room:
        return a, b
    return lengths(a - 1, b, room) if a > b else lengths(a, b - 1, room)


def pack_pair(tokens_a, tokens_b, *, cls_id, sep_id, pad_id, max_len):
    specials = 2 + int(tokens_b is not None)
    if specials > max_len:
        raise ValueError(f"max_len < {specials}")
    a, b = lengths(len(tokens_a), len(tokens_b or ()), max_len - specials)
    row = [cls_id, *tokens_a[:a], sep_id]
    border = len(row)
    if tokens_b is not None:
        row += [*tokens_b[:b], sep_id]
    position = torch.arange(max_len)
    real = position < len(row)
    return {
        "input_ids": F.pad(torch.tensor(row, dtype=torch.long), (0, max_len - len(row)), value=pad_id),
        "token_type_ids": ((position >= border) & real).long(),
        "attention_mask": real.long(),
        "position_ids": position,
    }
