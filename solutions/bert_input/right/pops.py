"""Copies of the lists, from which tokens are popped, as in BERT's own code; lists are extended and padded."""

import torch


def pack_pair(tokens_a, tokens_b, *, cls_id, sep_id, pad_id, max_len):
    a = list(tokens_a)
    b = None if tokens_b is None else list(tokens_b)
    needed = 2 if b is None else 3
    if max_len < needed:
        raise ValueError("max_len is too small")
    while len(a) + len(b or []) > max_len - needed:
        (a if b is None or len(a) > len(b) else b).pop()
    ids, types = [cls_id], [0]
    for token in a:
        ids.append(token)
        types.append(0)
    ids.append(sep_id)
    types.append(0)
    if b is not None:
        for token in [*b, sep_id]:
            ids.append(token)
            types.append(1)
    mask = [1] * len(ids)
    while len(ids) < max_len:
        ids.append(pad_id)
        types.append(0)
        mask.append(0)
    return {
        "input_ids": torch.LongTensor(ids),
        "token_type_ids": torch.LongTensor(types),
        "attention_mask": torch.LongTensor(mask),
    }
