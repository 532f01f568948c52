"""Flattened, targets selected before the softmax, logsumexp less the logit of the target."""

import torch


def causal_lm_loss(logits, input_ids, *, ignore_index=-100):
    vocabulary = logits.size(-1)
    flat = logits[:, :-1, :].reshape(-1, vocabulary)
    targets = input_ids[:, 1:].reshape(-1)
    keep = targets.ne(ignore_index).nonzero().squeeze(1)
    if keep.numel() == 0:
        return logits.sum() * 0
    flat, targets = flat[keep], targets[keep]
    return (torch.logsumexp(flat, dim=1) - flat[torch.arange(len(targets)), targets]).mean()
