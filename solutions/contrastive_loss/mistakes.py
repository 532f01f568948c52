"""contrastive_loss once more, with a switch at each place that people get wrong."""

import torch
import torch.nn.functional as F

from grader.errors import Text
from grader.faults import Mistake, faults

NORMS = ("not-normalised", "normalised-over-batch", "normalised-in-place")
SCALES = ("scale-exponentiated", "scale-divides", "scale-ignored", "scale-clamped", "scale-detached")
DIRECTIONS = ("text-to-image-only", "image-to-text-only", "directions-summed")
LOSSES = ("softmax-twice", "no-max-subtraction", "match-not-in-denominator")


def others(name: str, *groups: tuple[str, ...]) -> tuple[str, ...]:
    """The names of these groups without the name itself."""
    return tuple(other for group in groups for other in group if other != name)


CATALOGUE = (
    Mistake(
        "not-normalised",
        what=Text(
            "the embeddings are not normalised: the logits are plain dot products",
            "embedding 没有归一化，logits 只是普通的内积",
        ),
        hint=Text("What is left of a dot product when both lengths are 1?", "两个向量长度都是 1 时，内积是什么？"),
        excludes=others("not-normalised", NORMS),
    ),
    Mistake(
        "normalised-over-batch",
        what=Text(
            "the embeddings are normalised along the batch (dim 0) instead of along each row",
            "归一化沿的是 batch（dim 0），而不是每一行",
        ),
        hint=Text("Whose length is to be 1: a row's or a column's?", "长度应为 1 的是行还是列？"),
        excludes=others("normalised-over-batch", NORMS),
    ),
    Mistake(
        "normalised-in-place",
        what=Text("the caller's text_emb is normalised in place", "在原地归一化了调用者的 text_emb"),
        hint=Text("`x /= x.norm(...)` writes into x. What does x / … do?", "`x /= x.norm(...)` 会写进 x。x / … 呢？"),
        excludes=others("normalised-in-place", NORMS),
    ),
    Mistake(
        "scale-exponentiated",
        what=Text("exp(logit_scale) is used, as if it were a logarithm", "用的是 exp(logit_scale)，把它当成了对数"),
        hint=Text(
            "CLIP stores the logarithm and takes exp outside of the loss. What comes in here?",
            "CLIP 存的是对数，在损失之外取 exp。这里传进来的是哪一个？",
        ),
        excludes=others("scale-exponentiated", SCALES),
    ),
    Mistake(
        "scale-divides",
        what=Text(
            "the similarities are divided by logit_scale, as by a temperature",
            "把 logit_scale 当作 temperature 去除相似度",
        ),
        hint=Text(
            "A scale of 100 makes the softmax sharper. Does yours?", "scale 为 100 时 softmax 应更尖锐。你的呢？"
        ),
        excludes=others("scale-divides", SCALES),
    ),
    Mistake(
        "scale-ignored",
        what=Text("logit_scale is not used", "没有用到 logit_scale"),
        hint=Text(
            "Cosines lie between -1 and 1: how sharp can their softmax be?",
            "余弦在 -1 到 1 之间：它们的 softmax 能有多尖锐？",
        ),
        excludes=others("scale-ignored", SCALES),
    ),
    Mistake(
        "scale-clamped",
        what=Text("logit_scale is clamped at 100", "把 logit_scale 限制在 100 以内"),
        hint=Text(
            "Clamping belongs to the training loop. The loss takes the scale as it is.",
            "clamp 是训练循环的事，损失原样使用 scale。",
        ),
        excludes=others("scale-clamped", SCALES),
    ),
    Mistake(
        "scale-detached",
        what=Text("no gradient reaches logit_scale", "梯度传不到 logit_scale"),
        hint=Text(
            "`.item()` and `float()` make a number without a history.", "`.item()` 和 `float()` 得到的数没有计算历史。"
        ),
        excludes=others("scale-detached", SCALES),
    ),
    Mistake(
        "text-to-image-only",
        what=Text("only the text-to-image direction is counted", "只算了文本到图像这一个方向"),
        hint=Text("Each image must also find its text.", "每张图像也要找到自己的文本。"),
        excludes=others("text-to-image-only", DIRECTIONS),
    ),
    Mistake(
        "image-to-text-only",
        what=Text("only the image-to-text direction is counted", "只算了图像到文本这一个方向"),
        hint=Text("Each text must also find its image.", "每段文本也要找到自己的图像。"),
        excludes=others("image-to-text-only", DIRECTIONS),
    ),
    Mistake(
        "directions-summed",
        what=Text("the two directions are added and not halved", "两个方向相加之后没有除以 2"),
        hint=Text("The loss is the mean of the two cross-entropies.", "损失是两个交叉熵的平均。"),
        excludes=(*others("directions-summed", DIRECTIONS), "batch-summed"),
    ),
    Mistake(
        "batch-summed",
        what=Text("the loss is summed over the batch instead of averaged", "损失对 batch 求了和，而不是平均"),
        hint=Text("Does a batch twice as large give a loss twice as large?", "batch 大一倍，损失也会大一倍吗？"),
        excludes=("directions-summed",),
    ),
    Mistake(
        "softmax-twice",
        what=Text(
            "cross_entropy is given probabilities: softmax is taken twice",
            "传给 cross_entropy 的是概率，softmax 做了两次",
        ),
        hint=Text(
            "What does F.cross_entropy expect, logits or probabilities?", "F.cross_entropy 要的是 logits 还是概率？"
        ),
        excludes=others("softmax-twice", LOSSES),
    ),
    Mistake(
        "no-max-subtraction",
        what=Text("exp is taken of the logits as they are, and overflows", "直接对 logits 取 exp，结果溢出"),
        hint=Text(
            "log-sum-exp has a form that does not overflow. Which?", "log-sum-exp 有一种不会溢出的写法，是哪种？"
        ),
        excludes=others("no-max-subtraction", LOSSES),
    ),
    Mistake(
        "match-not-in-denominator",
        what=Text("the match itself is left out of the denominator", "分母里漏掉了匹配的那一项"),
        hint=Text(
            "A softmax divides by the sum over all candidates, the right one included.",
            "softmax 的分母是全部候选之和，正确的那个也在内。",
        ),
        excludes=others("match-not-in-denominator", LOSSES),
    ),
    Mistake(
        "computed-in-float32",
        what=Text("float64 inputs are computed in float32", "float64 的输入是用 float32 计算的"),
        hint=Text("Look for .float() and for tensors that you create.", "找找 .float() 和自己新建的张量。"),
        excludes=("normalised-in-place",),
    ),
    Mistake(
        "shapes-unchecked",
        what=Text("different shapes and an empty batch are not refused", "形状不同或 batch 为空时没有报错"),
        hint=Text("The mean over nothing is NaN. Look at the shapes first.", "对空集求平均是 NaN。先检查形状。"),
    ),
)


def clip_loss(text_emb, image_emb, logit_scale):
    if not faults("shapes-unchecked"):
        if text_emb.shape != image_emb.shape:
            raise ValueError("text_emb and image_emb differ in shape")
        if len(text_emb) < 1:
            raise ValueError("text_emb and image_emb are empty")
    dtype = text_emb.dtype
    if faults("computed-in-float32"):
        text_emb, image_emb, logit_scale = text_emb.float(), image_emb.float(), logit_scale.float()

    logits = scaled(cosines(text_emb, image_emb), logit_scale)  # (B, B)
    one, other = cross_entropy(logits), cross_entropy(logits.mT)
    if faults("text-to-image-only"):
        loss = one
    elif faults("image-to-text-only"):
        loss = other
    elif faults("directions-summed"):
        loss = one + other
    else:
        loss = (one + other) / 2
    return loss.to(dtype)


def cosines(text, image):
    if faults("not-normalised"):
        return text @ image.mT
    dim = 0 if faults("normalised-over-batch") else -1
    if faults("normalised-in-place"):
        text.data /= text.detach().norm(dim=-1, keepdim=True)
    return F.normalize(text, dim=dim) @ F.normalize(image, dim=dim).mT


def scaled(cosine, scale):
    if faults("scale-ignored"):
        return cosine
    if faults("scale-exponentiated"):
        return cosine * scale.exp()
    if faults("scale-divides"):
        return cosine / scale
    if faults("scale-clamped"):
        return cosine * scale.clamp(max=100)
    return cosine * (scale.detach() if faults("scale-detached") else scale)


def cross_entropy(logits):
    match = torch.arange(len(logits))
    right = logits.diagonal()
    if faults("softmax-twice"):
        losses = F.cross_entropy(logits.softmax(dim=-1), match, reduction="none")
    elif faults("no-max-subtraction"):
        losses = logits.exp().sum(dim=-1).log() - right
    elif faults("match-not-in-denominator"):
        wrong = logits.masked_fill(torch.eye(len(logits), dtype=torch.bool), -torch.inf)
        losses = wrong.logsumexp(dim=-1) - right
    else:
        losses = F.cross_entropy(logits, match, reduction="none")
    return losses.sum() if faults("batch-summed") else losses.mean()
