"""logsumexp along rows and along columns, less the diagonal."""


def clip_loss(text_emb, image_emb, logit_scale):
    if text_emb.size() != image_emb.size() or text_emb.size(0) == 0:
        raise ValueError("text_emb and image_emb need one shape (B, E) with B >= 1")
    t = text_emb / text_emb.norm(dim=1, keepdim=True)
    i = image_emb / image_emb.norm(dim=1, keepdim=True)
    s = (t @ i.t()).mul(logit_scale)
    return (0.5 * (s.logsumexp(0) + s.logsumexp(1)) - s.diagonal()).mean()
