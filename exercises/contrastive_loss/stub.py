import torch


def clip_loss(text_emb: torch.Tensor, image_emb: torch.Tensor, logit_scale: torch.Tensor) -> torch.Tensor:
    """CLIP's symmetric contrastive loss, a 0-dim tensor.

    text_emb and image_emb are (B, E), not yet normalised; row i of one matches row i of the other.
    logit_scale is a positive 0-dim tensor that multiplies the cosine similarities as it is.
    """
    raise NotImplementedError
