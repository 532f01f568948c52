"""F.binary_cross_entropy_with_logits against labels of ones and zeros."""

import torch
import torch.nn.functional as F


def discriminator_loss(real_logits, fake_logits):
    real = F.binary_cross_entropy_with_logits(real_logits, torch.ones_like(real_logits))
    fake = F.binary_cross_entropy_with_logits(fake_logits, torch.zeros_like(fake_logits))
    return real + fake


def generator_loss(fake_logits):
    return torch.nn.BCEWithLogitsLoss()(fake_logits, torch.ones_like(fake_logits))
