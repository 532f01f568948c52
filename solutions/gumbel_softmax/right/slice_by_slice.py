"""A draw for each slice, in a loop; log_softmax of logits and of the noisy ones."""

import torch


def one_slice(logits, tau, generator):
    noise = torch.empty(len(logits), dtype=logits.dtype).exponential_(1.0, generator=generator)
    return torch.log_softmax((logits.log_softmax(0) - noise.log()) / tau, 0).exp()


def gumbel_softmax(logits, *, tau=1.0, hard=False, dim=-1, generator=None):
    if tau <= 0.0:
        raise ValueError("tau <= 0")
    columns = logits.movedim(dim, 0)
    flat = columns.reshape(len(columns), -1)
    drawn = torch.stack([one_slice(column, tau, generator) for column in flat.unbind(1)], dim=1)
    if hard:
        winner = torch.zeros_like(drawn)
        winner[drawn.argmax(0), torch.arange(drawn.shape[1])] = 1
        drawn = drawn + (winner - drawn).detach()
    return drawn.reshape(columns.shape).movedim(0, dim)
