"""softplus, on flattened logits."""

from torch.nn.functional import softplus


def discriminator_loss(real_logits, fake_logits):
    return softplus(-real_logits.reshape(-1)).mean() + softplus(fake_logits.reshape(-1)).mean()


def generator_loss(fake_logits):
    return softplus(fake_logits.neg().flatten()).sum() / fake_logits.numel()
