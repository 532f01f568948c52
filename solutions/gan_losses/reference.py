"""The two losses of a GAN (Goodfellow et al. 2014, sections 3 and 4: non-saturating generator)."""

import torch.nn.functional as F
from torch import Tensor


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """-log sigmoid(real), averaged, plus -log(1 - sigmoid(fake)), averaged. Whoever calls detaches the fakes."""
    return -F.logsigmoid(real_logits).mean() - F.logsigmoid(-fake_logits).mean()  # 1 - sigmoid(x) = sigmoid(-x)


def generator_loss(fake_logits: Tensor) -> Tensor:
    """-log sigmoid(fake), averaged: steep where the discriminator is sure that a fake is fake."""
    return -F.logsigmoid(fake_logits).mean()
