"""F.cosine_similarity over all pairs, computed in float64 and returned in the dtype given."""

import torch
from torch import nn


def clip_loss(text_emb, image_emb, logit_scale):
    if text_emb.shape != image_emb.shape:
        raise ValueError("text_emb.shape != image_emb.shape")
    if text_emb.shape[0] < 1:
        raise ValueError("text_emb needs a row")
    cosines = nn.CosineSimilarity(dim=-1, eps=1e-30)(text_emb.double()[:, None], image_emb.double()[None])
    logits = cosines * logit_scale.double()
    labels = torch.arange(logits.shape[0])
    both = torch.cat([logits, logits.T])
    return nn.CrossEntropyLoss()(both, labels.repeat(2)).to(text_emb.dtype)
