"""One (id, segment, 1) for each place, cut and padded as rows of a table."""

from itertools import chain, repeat

import torch


def pack_pair(tokens_a, tokens_b, *, cls_id, sep_id, pad_id, max_len):
    sentences = [tuple(tokens_a)] if tokens_b is None else [tuple(tokens_a), tuple(tokens_b)]
    excess = 1 + len(sentences) + sum(map(len, sentences)) - max_len
    if excess > sum(map(len, sentences)):
        raise ValueError("the special tokens do not fit into max_len")
    for _ in range(excess):
        longest = max(reversed(range(len(sentences))), key=lambda number: len(sentences[number]))
        sentences[longest] = sentences[longest][:-1]
    real = [(cls_id, 0, 1)]
    for segment, sentence in enumerate(sentences):
        real += [(token, segment, 1) for token in (*sentence, sep_id)]
    rows = chain(real, repeat((pad_id, 0, 0), max_len - len(real)))
    names = "input_ids", "token_type_ids", "attention_mask"
    return {name: torch.tensor(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
