"""einsum, log_softmax along both dimensions, one-hot targets; lengths divided out of the products."""

import torch


def clip_loss(text_emb, image_emb, logit_scale):
    if text_emb.shape != image_emb.shape:
        raise ValueError(f"shapes differ: text_emb {text_emb.shape}, image_emb {image_emb.shape}")
    if text_emb.shape[0] == 0:
        raise ValueError("empty batch: text_emb and image_emb have no rows")
    products = torch.einsum("ae,be->ab", text_emb, image_emb)
    lengths = torch.linalg.vector_norm(text_emb, dim=1)[:, None] * torch.linalg.vector_norm(image_emb, dim=1)[None, :]
    logits = products / lengths * logit_scale
    target = torch.eye(len(logits), dtype=logits.dtype)
    loss_text = -(target * logits.log_softmax(dim=1)).sum() / len(logits)
    loss_image = -(target * logits.log_softmax(dim=0)).sum() / len(logits)
    return (loss_text + loss_image) / 2
