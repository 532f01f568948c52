"""quantize_linear once more, with a switch at each place that people get wrong."""

import torch
from torch import nn

from grader.errors import Text
from grader.faults import Mistake, faults

STEPS = ("scale-over-128", "minus-128-used")
HOLDERS = ("parameters-not-buffers", "not-saved", "float-copy-kept", "float-weight-used")


def others(name: str, *groups: tuple[str, ...]) -> tuple[str, ...]:
    """The names of these groups without the name itself."""
    return tuple(other for group in groups for other in group if other != name)


CATALOGUE = (
    Mistake(
        "one-scale-for-all",
        what=Text(
            "one scale, that of the largest entry, serves all rows", "所有行共用一个 scale，由全体最大的元素决定"
        ),
        hint=Text(
            "How many codes are left for a row a hundred times smaller?", "比别人小一百倍的行，还剩几级编码可用？"
        ),
    ),
    Mistake(
        "scale-over-128",
        what=Text(
            "the scale is max|row| / 128, and the largest entry does not fit",
            "scale 是 max|row| / 128，最大的元素装不下",
        ),
        hint=Text(
            "Which code does the largest entry get, and does int8 have it?", "最大的元素编码是多少？int8 里有它吗？"
        ),
        excludes=others("scale-over-128", STEPS),
    ),
    Mistake(
        "minus-128-used",
        what=Text(
            "the scale is max|row| / 128, and -128 is used as a code", "scale 是 max|row| / 128，编码里用到了 -128"
        ),
        hint=Text(
            "A symmetric scheme has as many steps below zero as above.", "对称方案里，零以下和零以上的级数一样多。"
        ),
        excludes=others("minus-128-used", STEPS),
    ),
    Mistake(
        "truncated",
        what=Text("codes are cut off towards zero instead of rounded", "编码是向零截断的，而不是四舍五入"),
        hint=Text("What does a cast to int8 do to 2.9?", "2.9 转成 int8 会变成多少？"),
    ),
    Mistake(
        "scale-has-floor",
        what=Text(
            "the scale of small rows is raised, by a floor or an eps that is added to it",
            "数值小的行，scale 被抬高了：有下限，或者加了 eps",
        ),
        hint=Text(
            "Only a row of zeros needs help. How small may the eps be?", "需要照顾的只有全零行。eps 可以小到什么程度？"
        ),
    ),
    Mistake(
        "bias-forgotten",
        what=Text("the bias is not added", "没有加上 bias"),
        hint=Text("Compare with the linear at x = 0.", "令 x = 0，和 linear 比一比。"),
        excludes=("bias-not-saved",),
    ),
    Mistake(
        "bias-not-saved",
        what=Text(
            "the bias is not in the state dict, as no plain attribute is", "bias 不在 state dict 里（普通属性都不在）"
        ),
        hint=Text(
            "Load the state into a module made from another linear. Whose bias does it add?",
            "把 state 加载到由另一个 linear 得到的 module 里：它加的是谁的 bias？",
        ),
        excludes=("bias-forgotten",),
    ),
    Mistake(
        "float-copy-kept",
        what=Text("the module keeps the float weight beside the codes", "module 在编码之外还留着浮点权重"),
        hint=Text("Count the bytes: is the module smaller than the linear?", "数一数字节：module 比 linear 小吗？"),
        excludes=others("float-copy-kept", HOLDERS),
    ),
    Mistake(
        "float-weight-used",
        what=Text("forward uses a float weight that was worked out once", "forward 用的是事先算好的浮点权重"),
        hint=Text(
            "Load other codes into the module. Does its output change?", "给 module 加载另一组编码，输出会变吗？"
        ),
        excludes=others("float-weight-used", HOLDERS),
    ),
    Mistake(
        "not-saved",
        what=Text(
            "codes and scale are plain attributes: the state dict lacks them",
            "编码和 scale 只是普通属性，不在 state dict 里",
        ),
        hint=Text("What does torch.save(module.state_dict()) write?", "torch.save(module.state_dict()) 存下了什么？"),
        excludes=others("not-saved", HOLDERS),
    ),
    Mistake(
        "parameters-not-buffers",
        what=Text("codes and scale are parameters instead of buffers", "编码和 scale 成了参数，而不是 buffer"),
        hint=Text("What would weight decay do to them?", "weight decay 会对它们做什么？"),
        excludes=others("parameters-not-buffers", HOLDERS),
    ),
    Mistake(
        "linear-overwritten",
        what=Text("the linear's own weight is overwritten with the rounded one", "linear 自己的权重被取整后的值覆盖了"),
        hint=Text(
            "`.data` and in-place methods write into the model that was passed in.",
            "`.data` 和原地方法会写进传进来的模型。",
        ),
    ),
    Mistake(
        "linear-frozen",
        what=Text("the linear's parameters no longer require gradients", "linear 的参数不再需要梯度"),
        hint=Text("Detach what you take; leave what you were given.", "取用时 detach 即可，别动别人的东西。"),
    ),
    Mistake(
        "in-float32",
        what=Text("a float64 linear is quantized in float32", "float64 的 linear 是在 float32 里量化的"),
        hint=Text("Which dtype has your scale?", "你的 scale 是什么 dtype？"),
    ),
    Mistake(
        "no-gradient",
        what=Text("forward runs without gradients", "forward 里没有梯度"),
        hint=Text(
            "Where does no_grad begin and end? Layers before this one may still be trained.",
            "no_grad 管到哪里？前面的层也许还要训练。",
        ),
    ),
)


class QuantizedLinear(nn.Module):
    @classmethod
    def from_float(cls, linear):
        if faults("linear-frozen"):
            linear.requires_grad_(False)
        self = cls()
        weight = linear.weight.detach()
        if faults("in-float32"):
            weight = weight.float()
        scale = scale_of(weight)  # (out, 1)
        codes = codes_of(weight, scale)  # (out, in)
        self.hold(codes, scale, weight)
        bias = linear.bias
        own = bias.detach().clone() if bias is not None else None
        if faults("bias-not-saved"):
            self.bias = own
        else:
            self.register_buffer("bias", own)
        if faults("linear-overwritten"):
            linear.weight.data.copy_(codes * scale)
        return self

    def hold(self, codes, scale, weight):
        if faults("not-saved"):
            self.weight_int8, self.scale = codes, scale
        elif faults("parameters-not-buffers"):
            self.weight_int8 = nn.Parameter(codes, requires_grad=False)
            self.scale = nn.Parameter(scale)
        else:
            self.register_buffer("weight_int8", codes)
            self.register_buffer("scale", scale)
        if faults("float-copy-kept"):
            self.register_buffer("weight", weight.clone())
        if faults("float-weight-used"):
            self.dequantized = codes * scale

    def forward(self, x):
        if faults("no-gradient"):
            x = x.detach()
        weight = self.dequantized if faults("float-weight-used") else self.weight_int8 * self.scale
        y = x @ weight.to(x.dtype).mT  # (..., out)
        return y if self.bias is None or faults("bias-forgotten") else y + self.bias


def scale_of(weight):
    top = weight.abs().amax(dim=1, keepdim=True)
    if faults("one-scale-for-all"):
        top = top.amax().expand_as(top).clone()
    scale = top / (128 if faults("scale-over-128") or faults("minus-128-used") else 127)
    if faults("scale-has-floor"):
        return scale.clamp(min=1e-5)
    return torch.where(scale > 0, scale, 1.0)


def codes_of(weight, scale):
    codes = weight / scale
    codes = codes.trunc() if faults("truncated") else codes.round()
    return codes.clamp(-128 if faults("minus-128-used") else -127, 127).to(torch.int8)
