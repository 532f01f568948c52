"""Pair by pair: cosines in a list of lists, one softmax for each text and for each image."""

import torch


def cosine(a, b):
    return (a * b).sum() / (a.pow(2).sum().sqrt() * b.pow(2).sum().sqrt())


def nll(row, right):
    shifted = row - row.max()
    return shifted.exp().sum().log() - shifted[right]


def clip_loss(text_emb, image_emb, logit_scale):
    if text_emb.shape != image_emb.shape:
        raise ValueError("image_emb must have the shape of text_emb")
    n = text_emb.shape[0]
    if n < 1:
        raise ValueError("text_emb is empty")
    table = torch.stack([torch.stack([logit_scale * cosine(t, i) for i in image_emb]) for t in text_emb])
    total = 0
    for k in range(n):
        total = total + nll(table[k], k) + nll(table[:, k], k)
    return total / (2 * n)
