import torch


def pack_pair(
    tokens_a: list[int],
    tokens_b: list[int] | None,
    *,
    cls_id: int,
    sep_id: int,
    pad_id: int,
    max_len: int,
) -> dict[str, torch.Tensor]:
    """Pack one or two token lists as BERT reads them: [CLS] a [SEP] b [SEP], padded to max_len.

    Returns input_ids, token_type_ids and attention_mask, each long (max_len,). Without tokens_b (None) there is one
    segment: [CLS] a [SEP]. Where it is too long, tokens are dropped from the end of the longer list, from b on a tie.
    """
    raise NotImplementedError
