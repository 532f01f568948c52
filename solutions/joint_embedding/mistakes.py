"""joint_embedding once more, with a switch at each place that people get wrong."""

import torch
import torch.nn.functional as F
from torch import nn

from grader.errors import Text
from grader.faults import Mistake, faults

NORMS = ("not-normalised", "normalised-over-batch")
ENCODERS = ("no-convolution", "fixed-size")
FUSIONS = ("added", "text-ignored", "image-ignored")
LAYERS = ("one-layer", "no-activation", "activation-at-the-end")


def others(name: str, *groups: tuple[str, ...]) -> tuple[str, ...]:
    """The names of these groups without the name itself."""
    return tuple(other for group in groups for other in group if other != name)


CATALOGUE = (
    Mistake(
        "not-normalised",
        what=Text("the rows of the result are not brought to length 1", "结果的各行没有归一化到长度 1"),
        hint=Text("Which number would you divide [3, 4] by?", "[3, 4] 应该除以哪个数？"),
        excludes=others("not-normalised", NORMS),
    ),
    Mistake(
        "normalised-over-batch",
        what=Text(
            "the columns (over the batch) are normalised instead of the rows", "归一化的是列（沿 batch），而不是行"
        ),
        hint=Text(
            "Name the dimension of the sum of squares: whose length is it?", "写明平方和沿哪一维：这是谁的长度？"
        ),
        excludes=others("normalised-over-batch", NORMS),
    ),
    Mistake(
        "features-normalised",
        what=Text("encode_image normalises its features", "encode_image 把特征归一化了"),
        hint=Text("Where does the statement ask for length 1, and where not?", "题面要求哪里长度为 1，哪里不要求？"),
    ),
    Mistake(
        "no-convolution",
        what=Text(
            "the image encoder has no convolution: it averages the pixels", "图像编码器里没有卷积，只是对像素求平均"
        ),
        hint=Text("What can a mean over all pixels not see?", "对全部像素求平均，会看不到什么？"),
        excludes=(*others("no-convolution", ENCODERS), "encoder-detached"),
    ),
    Mistake(
        "fixed-size",
        what=Text("the image encoder fits one image size only", "图像编码器只适用于一种图片大小"),
        hint=Text(
            "Flatten gives a width that depends on H and W. What gives one that does not?",
            "flatten 之后的宽度取决于 H 和 W。怎样才能不取决于它们？",
        ),
        excludes=others("fixed-size", ENCODERS, FUSIONS, LAYERS),
    ),
    Mistake(
        "added",
        what=Text("text and image features are added instead of concatenated", "文本特征和图像特征是相加，而不是拼接"),
        hint=Text("torch.cat along which dimension, and how wide is the result?", "torch.cat 沿哪一维？结果有多宽？"),
        excludes=(*others("added", FUSIONS), "fixed-size", *LAYERS),
    ),
    Mistake(
        "text-ignored",
        what=Text("the result does not depend on the text", "结果与文本无关"),
        hint=Text("Follow the text through forward: where does it end?", "在 forward 里追踪文本：它走到哪里就断了？"),
        excludes=(*others("text-ignored", FUSIONS), *LAYERS, "fixed-size"),
    ),
    Mistake(
        "image-ignored",
        what=Text("the result does not depend on the image", "结果与图像无关"),
        hint=Text("What does forward do with encode_image's result?", "forward 拿 encode_image 的结果做了什么？"),
        excludes=(*others("image-ignored", FUSIONS), *LAYERS, "fixed-size", "encoder-detached", "batch-mixed"),
    ),
    Mistake(
        "one-layer",
        what=Text("the fusion is a single linear layer", "融合网络只有一个线性层"),
        hint=Text("A sum of what each half says cannot tell an XOR.", "把两半各自说的相加，分不清 XOR。"),
        excludes=(*others("one-layer", LAYERS, FUSIONS), "fixed-size"),
    ),
    Mistake(
        "no-activation",
        what=Text("the two layers of the fusion have no non-linearity between them", "融合网络的两层之间没有非线性"),
        hint=Text("W2(W1 x) is (W2 W1) x: how many layers is that?", "W2(W1 x) 就是 (W2 W1) x：这算几层？"),
        excludes=(*others("no-activation", LAYERS, FUSIONS), "fixed-size"),
    ),
    Mistake(
        "activation-at-the-end",
        what=Text(
            "the fusion is one linear layer with an activation after it", "融合网络只有一个线性层，激活函数放在它后面"
        ),
        hint=Text(
            "Between two layers means that another layer follows. What do rows without negative numbers lose?",
            "“两层之间”意味着后面还有一层。没有负数的行，损失了什么？",
        ),
        excludes=(*others("activation-at-the-end", LAYERS, FUSIONS), "fixed-size"),
    ),
    Mistake(
        "batch-mixed",
        what=Text(
            "the batch's own mean is subtracted from the image features, in evaluation mode too",
            "eval 模式下，图像特征也减去了当前 batch 的均值",
        ),
        hint=Text(
            "Which numbers does batch norm use in evaluation mode, and where do they come from?",
            "eval 模式下 batch norm 用的是哪些数？它们从哪里来？",
        ),
        excludes=("image-ignored",),
    ),
    Mistake(
        "dropout-always",
        what=Text("dropout is active in evaluation mode as well", "eval 模式下 dropout 依然起作用"),
        hint=Text(
            "F.dropout is told the mode by its argument `training`; nn.Dropout knows it by itself.",
            "F.dropout 要靠参数 `training` 得知模式；nn.Dropout 自己就知道。",
        ),
        excludes=("batch-mixed", "fixed-size", *FUSIONS, *LAYERS),
    ),
    Mistake(
        "encoder-detached",
        what=Text("no gradient reaches the image encoder from forward", "forward 的梯度传不到图像编码器"),
        hint=Text(
            "torch.no_grad and detach are for frozen encoders. This one is to be trained.",
            "torch.no_grad 和 detach 用于冻结的编码器，这里的编码器要一起训练。",
        ),
        excludes=("image-ignored", "no-convolution", "length-detached"),
    ),
    Mistake(
        "length-detached",
        what=Text(
            "the length that the row is divided by is taken as a constant in backward", "反向传播时把行的长度当成了常数"
        ),
        hint=Text(
            "The length depends on the row: u / |u.detach()| has another slope.",
            "长度取决于这一行：u / |u.detach()| 的斜率不一样。",
        ),
        excludes=("encoder-detached", *NORMS, "image-ignored"),
    ),
    Mistake(
        "images-overwritten",
        what=Text("the images are scaled in place", "在原地缩放了图片"),
        hint=Text("`images -= …` writes into the caller's tensor.", "`images -= …` 会写进调用者的张量。"),
    ),
    Mistake(
        "squeezed",
        what=Text("a batch of one loses its dimension", "batch 里只有一对时，这一维被去掉了"),
        hint=Text("squeeze() without a dimension removes every 1.", "squeeze() 不写维度会去掉所有的 1。"),
    ),
)


class JointEmbedding(nn.Module):
    def __init__(self, text_dim, image_channels, embed_dim):
        super().__init__()
        self.conv = nn.Conv2d(image_channels, 20, 3, padding=1)
        self.project = nn.Linear(20, embed_dim)
        width = text_dim + embed_dim
        if faults("no-convolution"):
            del self.conv
            self.project = nn.Linear(image_channels, embed_dim)
        elif faults("fixed-size"):
            self.project = nn.Linear(20 * 8 * 8, embed_dim)
        if faults("added"):
            self.text_to_image = nn.Linear(text_dim, embed_dim)
            width = embed_dim
        self.fusion = fusion_layers(width, 4 * embed_dim, embed_dim)

    def encode_image(self, images):
        if faults("images-overwritten"):
            images *= 0.5
        maps = images if faults("no-convolution") else F.relu(self.conv(images))  # (B, 20, H, W)
        if faults("fixed-size"):
            return self.finished(self.project(maps.flatten(1)))
        pooled = maps.mean(dim=(2, 3))  # (B, 20)
        return self.finished(self.project(pooled))

    def finished(self, features):
        if faults("batch-mixed"):
            features = features - features.mean(dim=0)
        return F.normalize(features, dim=1) if faults("features-normalised") else features

    def forward(self, text, images):
        features = self.encode_image(images)  # (B, embed_dim)
        if faults("encoder-detached"):
            features = features.detach()
        u = self.fusion(self.paired(text, features))  # (B, embed_dim)
        if faults("dropout-always"):
            u = F.dropout(u, 0.2)
        return normalised(u)

    def paired(self, text, features):
        if faults("added"):
            return self.text_to_image(text) + features
        if faults("text-ignored"):
            text = torch.zeros_like(text)
        if faults("image-ignored"):
            features = torch.zeros_like(features)
        return torch.cat((text, features), dim=1)


def fusion_layers(width, hidden, embed_dim):
    if faults("one-layer"):
        return nn.Linear(width, embed_dim)
    if faults("activation-at-the-end"):
        return nn.Sequential(nn.Linear(width, embed_dim), nn.Tanh())
    between = nn.Identity() if faults("no-activation") else nn.ReLU()
    return nn.Sequential(nn.Linear(width, hidden), between, nn.Linear(hidden, embed_dim))


def normalised(u):
    if faults("squeezed"):
        u = u.squeeze()
    if faults("not-normalised"):
        return u
    if faults("normalised-over-batch"):
        return F.normalize(u, dim=0)
    return u / u.detach().norm(dim=-1, keepdim=True) if faults("length-detached") else F.normalize(u, dim=-1)
