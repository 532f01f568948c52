"""CLIP's symmetric contrastive loss (Radford et al. 2021, figure 3)."""

import torch
import torch.nn.functional as F
from torch import Tensor


def clip_loss(text_emb: Tensor, image_emb: Tensor, logit_scale: Tensor) -> Tensor:
    """Mean of the text-to-image and image-to-text cross-entropies of (B, E) rows, where row i matches row i."""
    if text_emb.shape != image_emb.shape:
        raise ValueError(f"text_emb {tuple(text_emb.shape)} and image_emb {tuple(image_emb.shape)} differ in shape")
    if len(text_emb) < 1:
        raise ValueError("text_emb and image_emb must hold at least one pair")

    text = F.normalize(text_emb, dim=-1)  # (B, E)
    image = F.normalize(image_emb, dim=-1)  # (B, E)
    logits = logit_scale * text @ image.mT  # (B, B), a row for each text, a column for each image

    match = torch.arange(len(logits), device=logits.device)  # (B,)
    return (F.cross_entropy(logits, match) + F.cross_entropy(logits.mT, match)) / 2
