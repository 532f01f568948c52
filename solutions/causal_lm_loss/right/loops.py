"""Token by token."""


def causal_lm_loss(logits, input_ids, *, ignore_index=-100):
    total, count = (logits * 0.0).sum(), 0
    for row, ids in zip(logits, input_ids, strict=True):
        for scores, token in zip(row, ids.tolist()[1:], strict=False):
            if token == ignore_index:
                continue
            shifted = scores - scores.max().detach()
            total = total + shifted.exp().sum().log() - shifted[token]
            count += 1
    return total / max(count, 1)
