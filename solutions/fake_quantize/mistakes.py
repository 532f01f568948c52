"""fake_quantize once more, with a switch at each place that people get wrong."""

import torch

from grader.errors import Text
from grader.faults import Mistake, faults

GRADIENTS = ("no-gradient", "gradient-everywhere", "gradient-over-scale")


def others(name: str, *groups: tuple[str, ...]) -> tuple[str, ...]:
    """The names of these groups without the name itself."""
    return tuple(other for group in groups for other in group if other != name)


CATALOGUE = (
    Mistake(
        "truncated",
        what=Text("x / scale is cut off instead of rounded", "x / scale 是截断的，而不是四舍五入"),
        hint=Text("Which integer is nearest to 1.8?", "离 1.8 最近的整数是哪个？"),
    ),
    Mistake(
        "zero-point-left-in",
        what=Text("zero_point is not taken off again", "zero_point 加上之后没有减掉"),
        hint=Text("What should x = 0.0 come back as?", "x = 0.0 变回来应当是多少？"),
        excludes=("zero-point-ignored",),
    ),
    Mistake(
        "zero-point-ignored",
        what=Text("zero_point changes nothing: the clamp comes before it", "zero_point 不起作用：截断在加它之前就做了"),
        hint=Text(
            "zero_point moves the range along the axis. Where does it enter?",
            "zero_point 会让范围平移。它在哪一步起作用？",
        ),
        excludes=("zero-point-left-in",),
    ),
    Mistake(
        "top-left-out",
        what=Text("the integer qmax is never used", "整数 qmax 永远用不到"),
        hint=Text("Both ends belong to the range.", "两个端点都在范围之内。"),
    ),
    Mistake(
        "codes-returned",
        what=Text("the integers are returned, not brought back to the size of x", "返回的是整数，没有还原成 x 的大小"),
        hint=Text("Fake quantization goes there and back again.", "伪量化是一去一回。"),
        excludes=("zero-point-left-in",),
    ),
    Mistake(
        "through-int32",
        what=Text("the rounded value passes through int32, which overflows", "取整后的值转成了 int32，会溢出"),
        hint=Text("Clamp first, or stay in floating point.", "先截断，或者一直用浮点。"),
    ),
    Mistake(
        "in-float32",
        what=Text("float64 inputs are computed in float32", "float64 的输入是用 float32 计算的"),
        hint=Text("Look for .float() and for tensors that you create.", "找找 .float() 和自己新建的 tensor。"),
    ),
    Mistake(
        "scale-has-floor",
        what=Text(
            "a small scale is raised, by a floor or an eps that is added to it",
            "很小的 scale 被抬高了：有下限，或者加了 eps",
        ),
        hint=Text(
            "A scale that is not positive is refused anyway. What is there left to protect a division from?",
            "不是正数的 scale 反正会报错。除法还需要防什么？",
        ),
    ),
    Mistake(
        "no-gradient",
        what=Text("no gradient comes through the rounding", "梯度过不了取整这一步"),
        hint=Text(
            "The derivative of round() is 0. What is put in its place?", "round() 的导数是 0。要用什么来代替它？"
        ),
        excludes=(*others("no-gradient", GRADIENTS), "mask-not-rounded"),
    ),
    Mistake(
        "gradient-everywhere",
        what=Text("the gradient is 1 outside the range as well", "范围之外梯度也是 1"),
        hint=Text("What does clamp do to a gradient?", "clamp 会怎样影响梯度？"),
        excludes=(*others("gradient-everywhere", GRADIENTS), "mask-not-rounded"),
    ),
    Mistake(
        "gradient-over-scale",
        what=Text("the gradient is divided by scale", "梯度多除了一次 scale"),
        hint=Text(
            "x is divided by scale and multiplied by it again: what is left?",
            "x 先除以 scale，后来又乘回来：还剩什么？",
        ),
        excludes=others("gradient-over-scale", GRADIENTS),
    ),
    Mistake(
        "mask-not-rounded",
        what=Text(
            "the gradient is cut where x / scale + zero_point leaves the range before rounding",
            "判断梯度用的是取整之前的 x / scale + zero_point",
        ),
        hint=Text(
            "7.3 rounds to 7. Which of the two do you compare with qmax?", "7.3 取整为 7。你拿哪一个和 qmax 比？"
        ),
        excludes=("no-gradient", "gradient-everywhere"),
    ),
    Mistake(
        "x-overwritten",
        what=Text("the caller's x is written to", "直接改写了调用者的 x"),
        hint=Text("round_ and div_ write into the tensor that you were given.", "round_、div_ 会写进传进来的 tensor。"),
    ),
    Mistake(
        "single-entries-unchecked",
        what=Text("a scale tensor is refused only where all its entries are bad", "scale 的元素全都不合法时才会报错"),
        hint=Text(
            "One row with a negative scale is enough to spoil that row.", "只要有一行的 scale 是负的，那一行就毁了。"
        ),
        excludes=("arguments-unchecked",),
    ),
    Mistake(
        "arguments-unchecked",
        what=Text(
            "bad values of scale, qmin and qmax raise no ValueError", "scale、qmin、qmax 不合法时没有抛出 ValueError"
        ),
        hint=Text("Three arguments can be wrong here. Look at them first.", "这里有三个参数可能不合法，先检查它们。"),
        excludes=("single-entries-unchecked",),
    ),
)


def fake_quantize(x, *, scale, zero_point, qmin, qmax):
    if not faults("arguments-unchecked"):
        check_arguments(scale, qmin, qmax)
    if faults("scale-has-floor"):
        scale = scale.clamp(min=1e-6) if torch.is_tensor(scale) else max(scale, 1e-6)
    given = x
    if faults("in-float32"):
        x, scale = x.float(), scale.float() if torch.is_tensor(scale) else scale

    zero = 0 if faults("zero-point-ignored") else zero_point
    top = qmax - 1 if faults("top-left-out") else qmax
    value, inside = quantized(x.detach(), scale, zero, qmin, top)
    if faults("x-overwritten"):
        given.data.copy_(value)
    value = value.to(given.dtype)
    if faults("no-gradient"):
        return value + 0 * given
    passing = given / scale if faults("gradient-over-scale") else given
    return value + torch.where(inside, passing - passing.detach(), 0.0).to(given.dtype)


def check_arguments(scale, qmin, qmax):
    bad = torch.as_tensor(scale) <= 0
    if bool(bad.all() if faults("single-entries-unchecked") else bad.any()):
        raise ValueError(f"scale must be positive, got {scale}")
    if qmin >= qmax:
        raise ValueError(f"qmin must be less than qmax, got {qmin} and {qmax}")


def quantized(x, scale, zero, qmin, qmax):
    """The value on the grid, and where the gradient passes."""
    exact = x / scale
    rounded = exact.trunc() if faults("truncated") else exact.round()
    if faults("through-int32"):
        rounded = rounded.to(torch.int64).to(torch.int32).to(x.dtype)
    n = rounded + zero
    compared = exact + zero if faults("mask-not-rounded") else n
    inside = (compared >= qmin) & (compared <= qmax) | torch.full_like(
        x, faults("gradient-everywhere"), dtype=torch.bool
    )
    q = n.clamp(qmin, qmax)
    if faults("codes-returned"):
        return q + 0 * scale, inside
    return (q if faults("zero-point-left-in") else q - zero) * scale, inside
