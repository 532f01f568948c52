import torch


def discriminator_loss(real_logits: torch.Tensor, fake_logits: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy of the discriminator's logits, a 0-dim tensor: the mean over real plus that over fake."""
    raise NotImplementedError


def generator_loss(fake_logits: torch.Tensor) -> torch.Tensor:
    """The non-saturating generator loss, a 0-dim tensor: the mean of -log sigmoid(fake_logits)."""
    raise NotImplementedError
