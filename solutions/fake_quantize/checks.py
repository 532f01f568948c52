"""Hidden checks of fake_quantize, in teaching order, and what diagnosis compares.

Inputs are drawn as integers plus a fraction of a step, so that none lies near a tie: x = (integer + fraction) · scale.
"""

from contextlib import contextmanager

import torch
from hypothesis import strategies as st

from grader.exam import (
    Text,
    assert_close,
    assert_dtype,
    assert_equal,
    assert_shape,
    check,
    fail,
    given,
    gradients,
    integers_tensor,
    raises_value_error,
    require,
    sizes,
    tensors,
)

RANGES = st.sampled_from(((-8, 7), (0, 15), (-3, 3), (0, 1), (-128, 127), (5, 9)))
# The last ones show what is added to a scale or keeps it from being small.
SCALES = (0.3, 0.07, 1.7, 5.0, 2e4, 3e-9)
GRADIENT = Text("the gradient of x", "x 的梯度")
# Most entries within the range, some beyond it by one step or several, each way.
BEYOND = 3


@st.composite
def cases(draw, *, dtype=torch.float32, where="anywhere", tensor_scale=False, tensor_zero=False):
    """x and options. `where`: anywhere, inside or outside the range, or in the half step beyond its ends."""
    shape = tuple(draw(st.lists(sizes(1, 5), min_size=1, max_size=3)))
    qmin, qmax = draw(RANGES)
    zero_point = draw(st.sampled_from((0, qmin, qmin + 1, qmax, qmin - 2)))
    if tensor_zero:
        zero_point = zero_point + draw(integers_tensor(*draw(broadcast_to(shape)), low=-1, high=3))
    scale = draw(st.sampled_from(SCALES))
    if tensor_scale:
        scale = (draw(tensors(*draw(broadcast_to(shape)))).abs() + 0.25) * scale
        scale = scale.to(dtype)
    n, fraction = draw(integers(shape, qmin, qmax, where)), draw(fractions(shape))
    if where == "half step":
        fraction = torch.where(n == qmax, fraction.abs() + 0.05, -fraction.abs() - 0.05)
    x = ((n - zero_point + fraction) * scale).to(dtype)
    return x, {"scale": scale, "zero_point": zero_point, "qmin": qmin, "qmax": qmax}


def integers(shape, qmin, qmax, where):
    """The integers that x will round to."""
    if where == "inside":
        return integers_tensor(*shape, low=qmin, high=qmax + 1)
    if where == "outside":
        beyond = integers_tensor(*shape, low=-BEYOND, high=BEYOND)
        return beyond.map(lambda steps: torch.where(steps < 0, qmin + steps, qmax + 1 + steps))
    if where == "half step":
        return integers_tensor(*shape, low=0, high=2).map(lambda end: torch.where(end == 0, qmin, qmax))
    return integers_tensor(*shape, low=qmin - BEYOND, high=qmax + BEYOND + 1)


def fractions(shape):
    """From -0.4 to 0.4, in float64."""
    return tensors(*shape, dtype=torch.float64).map(lambda values: values.clamp(-2, 2) / 5)


@st.composite
def broadcast_to(draw, shape):
    """A shape that broadcasts to this one: leading dimensions left out, others 1."""
    kept = shape[draw(sizes(0, len(shape))) :]
    return tuple(draw(st.sampled_from((1, size))) for size in kept)


def wide(options):
    """Options with a scale in float64."""
    scale = options["scale"]
    return {**options, "scale": scale.double() if torch.is_tensor(scale) else scale}


def assert_agrees(candidate, reference, case, rounding=None):
    """Compare one call with what the reference makes of the same numbers in float64.

    x + (grid - x) is a right way to give x the value of the grid: the result may be as far off as x is rounded.
    """
    x, options = case
    actual = candidate.fake_quantize(x, **options)
    expected = reference.fake_quantize(x.double(), **wide(options))
    rounding = rounding or (2e-6 if x.dtype == torch.float32 else 1e-14)
    size = max(float(x.detach().abs().max()), float(expected.abs().max()))
    assert_close(actual, expected, rtol=rounding, atol=rounding * size)
    return actual


def assert_gradient_agrees(candidate, reference, case):
    """Compare the gradient of x with the reference's in float64."""
    x, options = case
    ours, theirs = x.detach().requires_grad_(), x.detach().double().requires_grad_()
    expected = gradients(reference.fake_quantize(theirs, **wide(options)), {"x": theirs})
    (actual,) = gradients(candidate.fake_quantize(ours, **options), {"x": ours})
    assert_close(actual, expected[0], GRADIENT)
    return actual


@contextmanager
def raises_naming_bounds():
    """The block must raise a ValueError that names qmin or qmax."""
    try:
        yield
    except ValueError as error:
        said = str(error)
        named = Text(
            f"The ValueError must name `qmin` or `qmax`: {said!r}",
            f"ValueError 的信息里应写出 `qmin` 或 `qmax`：{said!r}",
        )
        require("qmin" in said.lower() or "qmax" in said.lower(), named)
    else:
        fail(
            Text(
                "qmin ≥ qmax must raise ValueError; nothing was raised.",
                "qmin ≥ qmax 时应抛出 ValueError，但没有抛出异常。",
            )
        )


@check(
    title=Text("The result has the shape of x", "结果与 x 形状相同"),
    hint=Text(
        "Quantize and go back: what comes out are floating values again, one for each of x.",
        "量化之后还要变回来：得到的仍是浮点数，与 x 一一对应。",
    ),
    rules=["values"],
)
@given(case=cases(), examples=6)
def test_shape(candidate, case):
    x, options = case
    assert_shape(candidate.fake_quantize(x, **options), x.shape)


@check(
    title=Text("Values come back on the grid", "数值落回格点上"),
    hint=Text(
        "Work x = 0.6 with scale 0.5 and zero_point 1 out by hand. "
        "Where does zero_point go in, and where does it come off? And is a scale of 3e-9 still 3e-9 in your code?",
        "手算一下：x = 0.6，scale = 0.5，zero_point = 1。zero_point 在哪一步加上，又在哪一步减掉？"
        "scale 是 3e-9 时，在你的代码里还是 3e-9 吗？",
    ),
    points=3,
    rules=["values", "scale"],
)
@given(case=cases(where="inside"), examples=18)
def test_values(candidate, reference, case):
    assert_agrees(candidate, reference, case)


@check(
    title=Text("Integers beyond the range become its ends", "超出范围的整数取端点"),
    hint=Text(
        "Is qmax itself still in use? Is the integer clamped after zero_point was added, or before?",
        "qmax 本身还用得到吗？截断是在加上 zero_point 之后还是之前？",
    ),
    points=2,
    rules=["range", "values"],
)
@given(case=st.one_of(cases(), cases(where="outside")), examples=18)
def test_range(candidate, reference, case):
    assert_agrees(candidate, reference, case)


@check(
    title=Text("scale may be a tensor", "scale 可以是 tensor"),
    hint=Text(
        "A scale for each row has the shape (C, 1). "
        "Do you ask a tensor a yes-or-no question somewhere, as in `if scale <= 0`?",
        "每行一个 scale 时形状是 (C, 1)。有没有哪里拿 tensor 当真假来判断，比如 `if scale <= 0`？",
    ),
    points=2,
    rules=["tensors"],
)
@given(case=cases(tensor_scale=True), examples=12)
def test_tensor_scale(candidate, reference, case):
    assert_agrees(candidate, reference, case)


@check(
    title=Text("zero_point may be a tensor", "zero_point 可以是 tensor"),
    hint=Text(
        "zero_point is then an integer tensor that broadcasts to x, with a scale that is a number or a tensor.",
        "这时 zero_point 是能广播到 x 的整数 tensor，scale 则可能是数，也可能是 tensor。",
    ),
    rules=["tensors"],
)
@given(case=st.one_of(cases(tensor_zero=True), cases(tensor_zero=True, tensor_scale=True)), examples=12)
def test_tensor_zero_point(candidate, reference, case):
    assert_agrees(candidate, reference, case)


@check(
    title=Text("float32 and float64 are kept", "float32 与 float64 各自保持"),
    hint=Text(
        "Look for .float(), for an int tensor that decides the dtype, and for tensors that you make of a number.",
        "找找 .float()、决定了 dtype 的整数 tensor，还有由数新建的 tensor。",
    ),
    rules=["dtype"],
)
@given(
    case=st.sampled_from((torch.float32, torch.float64)).flatmap(
        lambda dtype: st.one_of(cases(dtype=dtype), cases(dtype=dtype, tensor_scale=True, tensor_zero=True))
    ),
    examples=14,
)
def test_dtype(candidate, reference, case):
    assert_dtype(assert_agrees(candidate, reference, case), case[0].dtype)
    # Integers of 30 bits: float32 has 24.
    x = torch.tensor([2**29 + 1.3, -(2**28) - 0.4, 12345678.4], dtype=torch.float64) * 0.3
    assert_agrees(candidate, reference, (x, {"scale": 0.3, "zero_point": 3, "qmin": -(2**30), "qmax": 2**30}))


@check(
    title=Text("x of 1e10 ends at the end of the range", "x 大到 1e10 时落在端点上"),
    hint=Text(
        "An int32 holds numbers up to 2.1e9. "
        "Does the rounded value have to become an integer dtype before it is clamped?",
        "int32 最大只到 2.1e9。截断之前，取整后的值非得转成整数 dtype 吗？",
    ),
    rules=["large", "gradient-range"],
)
@given(case=cases(dtype=torch.float64), power=st.sampled_from((1e4, 1e8, 1e10)), examples=8)
def test_large(candidate, reference, case, power):
    x, options = case
    large = torch.where(x < 0, -power, power) * (1.5 + x.sign() / 4)
    options = {**options, "scale": 0.001, "zero_point": options["qmin"]}
    assert_agrees(candidate, reference, (large, options))
    gradient = assert_gradient_agrees(candidate, reference, (large, options))
    assert_equal(gradient, torch.zeros_like(x), GRADIENT)
    # In float32 an x of 1e10 is rounded to hundreds, which a range of 16 bits is wide enough to tell from a wrong end.
    options = {"scale": power / 1e10, "zero_point": 0, "qmin": -32768, "qmax": 32767}
    assert_agrees(candidate, reference, (large.float(), options), rounding=5e-7)


@check(
    title=Text("Inside the range the gradient passes unchanged", "范围内梯度原样通过"),
    hint=Text(
        "round() has the gradient 0. Which part must be detached, so that the value is rounded and the gradient "
        "is that of x?",
        "round() 的梯度是 0。该 detach 哪一部分，才能让数值取整、梯度仍是 x 的？",
    ),
    points=3,
    rules=["gradient"],
)
@given(case=st.one_of(cases(where="inside"), cases(where="inside", tensor_scale=True)), examples=12)
def test_gradient(candidate, reference, case):
    assert_gradient_agrees(candidate, reference, case)


@check(
    title=Text("Outside the range the gradient is 0", "范围外梯度为 0"),
    hint=Text(
        "A weight that is clipped gains nothing by moving on outwards. Does the clamp take part in your gradient?",
        "被截断的权重再往外走毫无好处。你的梯度里有没有算上 clamp？",
    ),
    points=2,
    rules=["gradient-range"],
)
@given(case=st.one_of(cases(where="outside"), cases(), cases(tensor_scale=True, tensor_zero=True)), examples=14)
def test_gradient_outside(candidate, reference, case):
    assert_gradient_agrees(candidate, reference, case)


@check(
    title=Text("In the half step beyond the ends the gradient is 1", "超出端点不到半级时梯度是 1"),
    hint=Text(
        "x / scale = 7.3 rounds to 7. With qmax = 7, is it inside? Which number do you compare with qmin and qmax?",
        "x / scale = 7.3 取整为 7。若 qmax = 7，它算在范围内吗？你拿来和 qmin、qmax 比较的是哪个数？",
    ),
    points=2,
    rules=["edges"],
)
@given(case=cases(where="half step"), examples=10)
def test_gradient_half_step(candidate, reference, case):
    assert_gradient_agrees(candidate, reference, case)


@check(
    title=Text("A scale that is not positive is a ValueError", "scale 不是正数时抛出 ValueError"),
    hint=Text(
        "Zero counts too, and so does a single bad entry of a tensor. Write the argument's name into the message.",
        "零也不行；tensor 里只有一个元素不合法也不行。把参数名写进信息里。",
    ),
    rules=["scale"],
)
@given(
    scale=st.sampled_from(
        (0.0, -0.5, torch.tensor(-1.0), torch.tensor([[0.5], [0.0]]), torch.tensor([[-0.1], [0.5]]), torch.zeros(2, 1))
    ),
    examples=6,
)
def test_bad_scale(candidate, scale):
    x, options = torch.tensor([[0.3, -0.7], [1.2, 0.1]]), {"zero_point": 0, "qmin": -8, "qmax": 7}
    for legal in (1e-6, torch.tensor([[1e-6], [0.5]])):
        candidate.fake_quantize(x, scale=legal, **options)
    with raises_value_error("scale"):
        candidate.fake_quantize(x, scale=scale, **options)


@check(
    title=Text("qmin ≥ qmax is a ValueError", "qmin ≥ qmax 时抛出 ValueError"),
    hint=Text(
        "torch.clamp does not complain when its ends have changed places. "
        "A range of a single integer is empty as well.",
        "两端写反了，torch.clamp 并不会报错。只含一个整数的范围也不行。",
    ),
    rules=["bounds"],
)
@given(bounds=st.sampled_from(((7, -8), (3, 3), (0, 0), (1, 0))), examples=4)
def test_bad_range(candidate, bounds):
    x, (qmin, qmax) = torch.tensor([0.3, -0.7]), bounds
    candidate.fake_quantize(x, scale=0.5, zero_point=0, qmin=qmax, qmax=qmax + 1)
    with raises_naming_bounds():
        candidate.fake_quantize(x, scale=0.5, zero_point=0, qmin=qmin, qmax=qmax)


@check(
    title=Text("The arguments stay as they were", "参数保持原样"),
    hint=Text(
        "Methods that end in an underscore, such as round_ and clamp_, write into the tensor that you were given.",
        "下划线结尾的方法（如 round_、clamp_）会写进传进来的 tensor。",
    ),
    rules=["unchanged"],
)
@given(case=cases(tensor_scale=True, tensor_zero=True), examples=6)
def test_inputs_unchanged(candidate, case):
    x, options = case
    candidate.fake_quantize(x, **options)
    changed = ", ".join(candidate.last.changed_inputs)
    require(not changed, Text(f"the call modified {changed}", f"这次调用修改了 {changed}"))


def behaviour(candidate, random: torch.Generator) -> dict[str, object]:
    """What a submission does on one random input: what diagnosis compares."""

    def steps(low, high, *shape):
        n = torch.randint(low, high, shape, generator=random).double()
        return n + (torch.rand(shape, generator=random, dtype=torch.float64) - 0.5) * 0.8

    def call(x, **changed):
        return lambda: candidate.fake_quantize(x, **(options | changed))

    def slope(x, **changed):
        start = x.clone().requires_grad_()
        return lambda: gradients(candidate.fake_quantize(start, **(options | changed)), [start])[0]

    def changed_inputs():
        candidate.fake_quantize(inside.clone(), **options)
        return " ".join(candidate.last.changed_inputs)

    options = {"scale": 0.3, "zero_point": 2, "qmin": -4, "qmax": 9}
    inside = (steps(-6, 8, 4, 5) * 0.3).float()
    around = (steps(-12, 14, 6, 5) * 0.3).float()
    precise = steps(-12, 14, 12) * 0.3
    small = steps(-6, 8, 12)

    def scale_kept():
        result = candidate.fake_quantize((small * 3e-9).float(), **(options | {"scale": 3e-9})).double()
        return bool(((result / 3e-9 - small.round()).abs() < 0.01).all())

    def fits_float32():
        result = candidate.fake_quantize(precise, **options)
        return torch.equal(result, result.float().double())

    ends = torch.tensor([-4 - 2 - 0.3, 9 - 2 + 0.3, -4 - 2 - 0.1, 9 - 2 + 0.2]) * 0.3
    rows = torch.tensor([[0.2], [0.7], [1.1], [0.4]])
    return {
        "inside": call(inside),
        "around": call(around),
        "ends": call(ends),
        "scale by rows": call(inside, scale=rows),
        "zero point by columns": call(inside, zero_point=torch.tensor([0, 1, 2, 3, 4])),
        "float64": call(precise),
        "float64 rounded away": fits_float32,
        "a scale of 3e-9 kept": scale_kept,
        "large": call(torch.tensor([3e9, -3e9, 1e10]).double()),
        "gradient inside": slope(inside),
        "gradient around": slope(around),
        "gradient at the ends": slope(ends),
        "changed inputs": changed_inputs,
        "scale 0": lambda: candidate.fake_quantize(inside, **(options | {"scale": 0.0})).shape,
        "a bad row": lambda: candidate.fake_quantize(inside, **(options | {"scale": rows - 0.3})).shape,
        "empty range": lambda: candidate.fake_quantize(inside, **(options | {"qmax": -4})).shape,
        "reversed range": lambda: candidate.fake_quantize(inside, **(options | {"qmax": -9})).shape,
    }
