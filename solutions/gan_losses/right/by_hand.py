"""max(x, 0) + log1p(exp(-|x|)), the stable form written out."""


def cost(x):
    """log(1 + exp(x)) for each entry, averaged."""
    return (x.clamp(min=0) + (-x.abs()).exp().log1p()).mean()


def discriminator_loss(real_logits, fake_logits):
    return cost(-real_logits) + cost(fake_logits)


def generator_loss(fake_logits):
    return cost(-fake_logits)
