"""lora_linear once more, with a switch at each place that people get wrong."""

import copy
import math

import torch
from torch import nn

from grader.errors import Text
from grader.faults import Mistake, faults

SCALES = ("alpha-not-divided", "scale-inverted", "scale-root")
STARTS = ("b-random", "a-zero")
FREEZING = ("base-trainable", "bias-trainable", "base-copied")
MERGING = ("merge-in-place", "merge-shares-bias")


def others(name: str, *groups: tuple[str, ...]) -> tuple[str, ...]:
    """The names of these groups without the name itself."""
    return tuple(other for group in groups for other in group if other != name)


CATALOGUE = (
    Mistake(
        "alpha-not-divided",
        what=Text("the update is multiplied by alpha alone", "更新项只乘了 alpha"),
        hint=Text(
            "The factor keeps the size of the update when the rank changes. What does it divide by?",
            "这个系数让更新的大小不随 rank 变化。它除以什么？",
        ),
        excludes=others("alpha-not-divided", SCALES),
    ),
    Mistake(
        "scale-inverted",
        what=Text("the update is multiplied by rank / alpha", "更新项乘的是 rank / alpha"),
        hint=Text("A larger alpha must make the update larger.", "alpha 越大，更新应当越大。"),
        excludes=others("scale-inverted", SCALES),
    ),
    Mistake(
        "scale-root",
        what=Text("the update is multiplied by alpha / √rank", "更新项乘的是 alpha / √rank"),
        hint=Text(
            "That is a later variant (rsLoRA). Read the factor in the formula again.",
            "那是后来的变体（rsLoRA）。再看一眼公式里的系数。",
        ),
        excludes=others("scale-root", SCALES),
    ),
    Mistake(
        "b-random",
        what=Text("lora_B starts with random numbers", "lora_B 的初值是随机数"),
        hint=Text(
            "Then the fresh layer is no longer the base layer. Which of the two must be zero?",
            "这样一来，刚包好的层就不再等于 base。两个参数里哪个应当从零开始？",
        ),
        excludes=others("b-random", STARTS),
    ),
    Mistake(
        "a-zero",
        what=Text("lora_A starts at zero as well", "lora_A 也从零开始"),
        hint=Text(
            "The gradient of each factor is a product with the other. What is it when both are zero?",
            "每个因子的梯度都要乘上另一个因子。两个都是零时梯度是多少？",
        ),
        excludes=others("a-zero", STARTS),
    ),
    Mistake(
        "base-trainable",
        what=Text("the base layer is not frozen", "base 没有被冻结"),
        hint=Text("Which attribute of a parameter keeps gradients away?", "参数的哪个属性决定它是否需要梯度？"),
        excludes=others("base-trainable", FREEZING),
    ),
    Mistake(
        "bias-trainable",
        what=Text("the base's weight is frozen, its bias is not", "冻结了 base 的 weight，却漏了 bias"),
        hint=Text("base.parameters() has more than one element.", "base.parameters() 里不止一个元素。"),
        excludes=others("bias-trainable", FREEZING),
    ),
    Mistake(
        "base-copied",
        what=Text("a copy of the base is frozen and used", "冻结和使用的是 base 的一份拷贝"),
        hint=Text(
            "The caller still holds the original: its parameters must be the frozen ones.",
            "调用者手里还是原来那个模块：要冻结的是它的参数。",
        ),
        excludes=others("base-copied", FREEZING),
    ),
    Mistake(
        "base-detached",
        what=Text("no gradient passes through the base layer to x", "梯度不能穿过 base 传到 x"),
        hint=Text(
            "Frozen weights are not no_grad: layers below still learn through this one.",
            "冻结权重不等于 no_grad：更靠前的层还要通过这一层学习。",
        ),
    ),
    Mistake(
        "merge-unscaled",
        what=Text("merge adds B A without the factor", "merge 加上的是没乘系数的 B A"),
        hint=Text("Compare merge() with forward(): what is lost?", "对照 merge() 和 forward()：少了什么？"),
    ),
    Mistake(
        "merge-in-place",
        what=Text("merge adds the update to the base's own weight", "merge 把更新加到了 base 自己的 weight 上"),
        hint=Text(
            "After it, the layer adds the update a second time. Work on a new tensor.",
            "这样之后，原来的层会把更新再加一遍。请用新的 tensor。",
        ),
    ),
    Mistake(
        "merge-shares-bias",
        what=Text("the merged layer has the base's own bias", "合并出来的层用的就是 base 的 bias"),
        hint=Text("Training the merged layer would move the base.", "训练合并后的层会连 base 一起改掉。"),
    ),
    Mistake(
        "merge-frozen",
        what=Text("the merged layer is frozen", "合并出来的层是冻结的"),
        hint=Text("A copy of a frozen parameter is frozen too.", "冻结参数的拷贝也是冻结的。"),
    ),
    Mistake(
        "rank-unchecked",
        what=Text("a rank below 1 is not refused", "rank 小于 1 时没有报错"),
        hint=Text("Check the argument before you use it.", "先检查参数，再使用它。"),
    ),
)


class LoRALinear(nn.Module):
    def __init__(self, base, rank, alpha):
        super().__init__()
        if rank < 1 and not faults("rank-unchecked"):
            raise ValueError(f"rank must be at least 1, got {rank}")
        rows = max(rank, 0)
        self.base = copy.deepcopy(base) if faults("base-copied") else base
        if not faults("base-trainable"):
            self.base.weight.requires_grad_(False)
            if self.base.bias is not None and not faults("bias-trainable"):
                self.base.bias.requires_grad_(False)
        self.scale = scale_of(alpha, rank)
        self.lora_A = nn.Parameter(base.weight.new_zeros(rows, base.in_features))
        self.lora_B = nn.Parameter(base.weight.new_zeros(base.out_features, rows))
        if rows and not faults("a-zero"):
            nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))
        if rows and faults("b-random"):
            nn.init.kaiming_uniform_(self.lora_B, a=math.sqrt(5))

    def forward(self, x):
        with torch.set_grad_enabled(torch.is_grad_enabled() and not faults("base-detached")):
            y = self.base(x)
        return y + self.scale * (x @ self.lora_A.mT @ self.lora_B.mT)

    @torch.no_grad()
    def merge(self):
        base = self.base
        merged = nn.Linear(base.in_features, base.out_features, base.bias is not None, dtype=base.weight.dtype)
        update = self.lora_B @ self.lora_A
        if not faults("merge-unscaled"):
            update = update * self.scale
        if faults("merge-in-place"):
            base.weight += update
            merged.weight.copy_(base.weight)
        else:
            merged.weight.copy_(base.weight + update)
        if base.bias is not None:
            merged.bias.copy_(base.bias)
            if faults("merge-shares-bias"):
                merged.bias = nn.Parameter(base.bias.detach())
        return merged.requires_grad_(not faults("merge-frozen"))


def scale_of(alpha, rank):
    if faults("alpha-not-divided"):
        return alpha
    if faults("scale-inverted"):
        return rank / alpha
    rank = max(rank, 1)
    return alpha / math.sqrt(rank) if faults("scale-root") else alpha / rank
