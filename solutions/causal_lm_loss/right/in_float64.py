"""Computed in float64, ids kept in range by clamp, NaN of an empty mean avoided by weights."""

import torch


def causal_lm_loss(logits, input_ids, *, ignore_index=-100):
    targets = input_ids[..., 1:].contiguous()
    log_p = torch.nn.LogSoftmax(dim=2)(logits[..., :-1, :].double())
    weight = torch.ones_like(targets, dtype=torch.float64)
    weight[targets == ignore_index] = 0
    picked = torch.take_along_dim(log_p, targets.clamp(0, logits.shape[-1] - 1).unsqueeze(2), dim=2).squeeze(2)
    return (-(picked * weight).sum() / max(weight.sum().item(), 1.0)).to(logits.dtype)
