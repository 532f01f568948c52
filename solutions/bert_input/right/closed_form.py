"""The lengths in closed form, and tensors that are filled by slices."""

import torch


def pack_pair(tokens_a, tokens_b, *, cls_id, sep_id, pad_id, max_len):
    room = max_len - 2 - (tokens_b is not None)
    if room < 0:
        raise ValueError(f"max_len={max_len} leaves no room for the special tokens")
    keep_b = 0 if tokens_b is None else min(len(tokens_b), max(room - len(tokens_a), room // 2))
    keep_a = min(len(tokens_a), room - keep_b)

    ids = torch.full((max_len,), pad_id, dtype=torch.long)
    types, mask = torch.zeros_like(ids), torch.zeros_like(ids)
    ids[0] = cls_id
    ids[1 : 1 + keep_a] = torch.tensor(tokens_a[:keep_a], dtype=torch.long)
    ids[1 + keep_a] = sep_id
    end = keep_a + 2
    if tokens_b is not None:
        ids[end : end + keep_b] = torch.tensor(tokens_b[:keep_b], dtype=torch.long)
        ids[end + keep_b] = sep_id
        types[end : end + keep_b + 1] = 1
        end += keep_b + 1
    mask[:end] = 1
    return {"input_ids": ids, "token_type_ids": types, "attention_mask": mask}
