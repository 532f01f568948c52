"""Hidden checks of quantize_linear, in teaching order, and what diagnosis compares.

Codes are judged by how far they are from the weight, outputs by the module's own buffers: on a tie both are right.
"""

import torch
from hypothesis import strategies as st
from torch import nn

from grader.exam import (
    Text,
    assert_close,
    assert_dtype,
    assert_equal,
    assert_finite,
    assert_shape,
    attempt,
    check,
    given,
    gradients,
    require,
    sizes,
    tensors,
)

CODES, SCALE = Text("weight_int8", "weight_int8"), Text("scale", "scale")
# What float32 rounding, and an eps against division by zero, may change; float64 with a much smaller eps.
SLACK = {torch.float32: 1e-4, torch.float64: 2e-8}
# Rows whose largest magnitude lies below 1e-4 are not graded.
LEAST = 1.1e-4


@st.composite
def linears(draw, *, dtype=torch.float32, bias=(False, True), scale=1.0, least=1, distinct=False, spread=True):
    """A layer with rows of very different size, some of the least size that is graded."""
    width, height = draw(sizes(least, 6)), draw(sizes(least, 5))
    weight = draw(tensors(height, width, dtype=dtype, scale=scale, distinct=distinct))
    if spread:
        factors = draw(st.lists(st.sampled_from((1.0, 0.01, 4.0, 0.1, 0.0)), min_size=height, max_size=height))
        factor = torch.tensor(factors, dtype=dtype)[:, None]
        top = weight.abs().amax(dim=1, keepdim=True).clamp(min=0.01)
        weight = weight * torch.where(factor > 0, factor, LEAST / top)
    return layer(weight, draw(tensors(height, dtype=dtype)) / 3 if draw(st.sampled_from(bias)) else None)


@st.composite
def cases(draw, *, scale=1.0, dtype=torch.float32, requires_grad=False, **options):
    """A layer and an input with up to three leading dimensions."""
    linear = draw(linears(scale=scale, dtype=dtype, **options))
    leading = draw(st.lists(sizes(1, 3), max_size=3))
    shape = (*leading, linear.in_features)
    return linear, draw(tensors(*shape, dtype=dtype, scale=scale, requires_grad=requires_grad))


def layer(weight, bias=None):
    # Initial values would be drawn from torch's global generator, and such examples are not remembered.
    height, width = weight.shape
    linear = nn.utils.skip_init(nn.Linear, width, height, bias=bias is not None, dtype=weight.dtype)
    with torch.no_grad():
        linear.weight.copy_(weight)
        if bias is not None:
            linear.bias.copy_(bias)
    return linear


def dequantized(module):
    """The weight (out, in) that the module's buffers stand for, in float64."""
    return module.weight_int8.double() * module.scale.detach().double()


def expected_output(module, linear, x):
    """What the module's buffers and the linear's bias make of x, in float64."""
    y = x.double() @ dequantized(module).mT
    return y if linear.bias is None else y + linear.bias.detach().double()


def assert_output(module, linear, x):
    """Compare with the formula; float32 sums may err by their largest term."""
    expected = expected_output(module, linear, x.detach())
    # By the weight that was given: what the module claims must not set its own tolerance. A state may hold twice as
    # much.
    terms = float(2 * x.detach().abs().max() * linear.weight.detach().abs().max()) if x.numel() else 0.0
    tolerance = 1e-5 if x.dtype == torch.float32 else 1e-11
    actual = module(x)
    assert_close(actual, expected, rtol=tolerance, atol=tolerance * (1e-6 + terms))
    return actual


def assert_scale(module, linear):
    """scale is max|row| / 127 wherever the row is not zero."""
    scale, top = module.scale.detach(), linear.weight.detach().abs().amax(dim=1, keepdim=True)
    assert_shape(scale, top.shape, SCALE)
    require(scale.is_floating_point(), Text("scale must be floating.", "scale 应当是浮点数。"))
    some = top[:, 0] > 0
    assert_close(scale[some], top[some].double() / 127, SCALE, rtol=SLACK[top.dtype], atol=0.0)


def assert_rounded(module, linear):
    """No code is further than half a step from its weight."""
    weight, scale = linear.weight.detach().double(), module.scale.detach().double()
    worst = ((weight - dequantized(module)).abs() - scale.abs() * (0.5 + SLACK[linear.weight.dtype])).max()
    require(
        worst <= 0,
        Text(
            "A code is more than half a step away from its weight: |W - scale · weight_int8| > scale / 2.",
            "有一个编码与权重相差超过半级：|W - scale · weight_int8| > scale / 2。",
        ),
    )


def saved(module):
    """The state dict, with both buffers in it."""
    state = module.state_dict()
    for name in ("weight_int8", "scale"):
        require(name in state, Text(f"{name} is not in the state dict.", f"state dict 里没有 {name}。"))
    return state


@check(
    title=Text(
        "from_float gives a module that maps (…, in) to (…, out)", "from_float 给出的 module 把 (…, in) 映射成 (…, out)"
    ),
    hint=Text(
        "from_float belongs to the class: it makes a module, fills it and returns it. "
        "Does forward take a single vector, "
        "and three dimensions?",
        "from_float 属于类：造一个 module，填好，返回。forward 能接受单个向量吗？三维输入呢？",
    ),
    rules=["shape"],
)
@given(case=cases(), examples=7)
def test_shape(candidate, case):
    linear, x = case
    assert_shape(candidate.QuantizedLinear.from_float(linear)(x), (*x.shape[:-1], linear.out_features))


@check(
    title=Text("weight_int8 holds int8 codes within ±127", "weight_int8 是 ±127 以内的 int8 编码"),
    hint=Text(
        "Which is the code of the largest entry of a row? -128 would need a +128. Is the dtype int8 when you store it?",
        "一行里绝对值最大的元素，编码是多少？有 -128 就该有 +128。存下来时 dtype 是 int8 吗？",
    ),
    rules=["codes"],
)
@given(linear=linears(), examples=8)
def test_codes(candidate, linear):
    codes = candidate.QuantizedLinear.from_float(linear).weight_int8
    assert_dtype(codes, torch.int8, CODES)
    assert_shape(codes, linear.weight.shape, CODES)
    require(int(codes.min()) >= -127, Text("weight_int8 contains -128.", "weight_int8 里出现了 -128。"))


@check(
    title=Text("scale is max|row| / 127 for each output row", "每个输出行的 scale 是 max|row| / 127"),
    hint=Text(
        "W is (out, in). Over which dimension is the maximum of a row taken, and how does it keep the shape (out, 1)? "
        "An eps that keeps zero rows safe must not change the others.",
        "W 是 (out, in)。一行的最大值沿哪一维取？怎样保持形状 (out, 1)？为了全零行加的 eps，不能影响其他行。",
    ),
    points=2,
    rules=["scale"],
)
@given(linear=linears(), examples=12)
def test_scale(candidate, linear):
    assert_scale(candidate.QuantizedLinear.from_float(linear), linear)


@check(
    title=Text("Each code is the nearest one", "每个编码都取最近的整数"),
    hint=Text(
        "Casting to int8 cuts off. Which operation gives the nearest integer, and by what is W divided before?",
        "直接转 int8 会截断。哪种运算取最近的整数？在它之前，W 除以了什么？",
    ),
    points=3,
    rules=["rounding", "codes"],
)
@given(linear=linears(), examples=14)
def test_rounding(candidate, linear):
    module = candidate.QuantizedLinear.from_float(linear)
    assert_shape(module.weight_int8, linear.weight.shape, CODES)
    assert_rounded(module, linear)


@check(
    title=Text("A row of zeros stays zero", "全零行仍是零"),
    hint=Text(
        "Its scale is 0, and 0 / 0 is NaN. "
        "What may you divide by instead, and what becomes of scale and of the output?",
        "它的 scale 是 0，而 0 / 0 是 NaN。可以改除以什么？scale 和输出会变成什么？",
    ),
    points=2,
    rules=["zeros"],
)
@given(case=cases(), row=sizes(0, 4), examples=8)
def test_zero_row(candidate, case, row):
    linear, x = case
    row %= linear.out_features
    with torch.no_grad():
        linear.weight[row] = 0.0
    module = candidate.QuantizedLinear.from_float(linear)
    assert_finite(module.scale, SCALE)
    codes = module.weight_int8[row]
    assert_equal(codes, torch.zeros_like(codes), Text("the codes of a row of zeros", "全零行的编码"))
    bias = torch.tensor(0.0) if linear.bias is None else linear.bias.detach()[row]
    what = Text("the output of a row of zeros", "全零行的输出")
    assert_equal(module(x)[..., row], bias.expand(x.shape[:-1]), what)
    assert_scale(module, linear)
    assert_rounded(module, linear)


@check(
    title=Text("forward computes with the dequantized weight", "forward 用还原后的权重计算"),
    hint=Text(
        "Each row of codes has a scale of its own: does it meet the right output? "
        "Is x left as it is, in floating point?",
        "每一行编码有自己的 scale：它乘到对应的输出上了吗？x 有没有原样保持浮点？",
    ),
    points=2,
    rules=["forward", "shape"],
)
@given(case=cases(), examples=12)
def test_forward(candidate, case):
    linear, x = case
    assert_output(candidate.QuantizedLinear.from_float(linear), linear, x)


@check(
    title=Text("The bias is the linear's, or None", "bias 与 linear 的相同，或者为 None"),
    hint=Text(
        "An nn.Linear made with bias=False has bias None. Else its values are kept as they are: "
        "only the weight is quantized.",
        "bias=False 的 nn.Linear，bias 是 None。否则原样保留它的值：量化的只有权重。",
    ),
    rules=["bias"],
)
@given(linear=linears(), examples=8)
def test_bias(candidate, linear):
    bias = candidate.QuantizedLinear.from_float(linear).bias
    if linear.bias is None:
        require(
            bias is None, Text("bias must be None where the linear has none.", "linear 没有 bias 时，bias 应为 None。")
        )
    else:
        assert_equal(bias, linear.bias.detach(), Text("bias", "bias"))


@check(
    title=Text("No floating copy of the weight is kept", "不保留权重的浮点副本"),
    hint=Text(
        "Print the names of module.named_parameters() and module.named_buffers(). "
        "What in there is as large as the weight, "
        "and is not int8? And is the output computed from the codes?",
        "打印 module.named_parameters() 和 module.named_buffers()。除了 int8，还有什么与权重一样大？"
        "输出是由编码算出来的吗？",
    ),
    points=2,
    rules=["memory"],
)
@given(case=cases(least=2), examples=5)
def test_no_float_copy(candidate, case):
    linear, x = case
    module = candidate.QuantizedLinear.from_float(linear)
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        large = tensor.numel() >= linear.weight.numel() and name.rpartition(".")[2] != "weight_int8"
        require(
            not large,
            Text(f"The module keeps {name}, as large as the weight.", f"module 里存着和权重一样大的 {name}。"),
        )
    assert_output(module, linear, x)
    state = saved(module)
    module.load_state_dict(state | {"weight_int8": -state["weight_int8"].flip(0), "scale": state["scale"] * 2})
    assert_output(module, linear, x)


@check(
    title=Text("Codes and scale are buffers, saved and loaded", "编码和 scale 是 buffer，能保存和加载"),
    hint=Text(
        "register_buffer puts a tensor into the state dict and makes no parameter of it. "
        "An optimizer must not see codes. Is the bias in the state dict too? A plain attribute is not.",
        "register_buffer 让 tensor 进入 state dict，又不成为参数。优化器不应该看到编码。"
        "bias 也在 state dict 里吗？普通属性可不在。",
    ),
    rules=["state", "bias"],
)
@given(case=cases(bias=(True, False)), factor=st.sampled_from((-0.5, 3.0)), examples=5)
def test_state(candidate, case, factor):
    linear, x = case
    module = candidate.QuantizedLinear.from_float(linear)
    buffers, state = [name for name, _ in module.named_buffers()], saved(module)
    for name in ("weight_int8", "scale"):
        require(name in buffers, Text(f"{name} is not a buffer of the module.", f"{name} 不是这个 module 的 buffer。"))
    bias = None if linear.bias is None else linear.bias.detach()
    held = bias is None or any(
        tensor.numel() == bias.numel() and torch.equal(tensor.flatten().double(), bias.double())
        for tensor in state.values()
    )
    require(held, Text("The bias is not in the state dict.", "state dict 里没有 bias。"))
    # The same bias: where it is shared, another one would be loaded into the linear.
    other = candidate.QuantizedLinear.from_float(layer(linear.weight.detach().flip(0) * factor, bias))
    other(x)
    other.load_state_dict(state)
    assert_equal(other.weight_int8, state["weight_int8"], CODES)
    what = Text("the output after loading the state dict", "加载 state dict 之后的输出")
    assert_close(other(x), expected_output(module, linear, x), what)


@check(
    title=Text("float32 and float64 are kept", "float32 与 float64 各自保持"),
    hint=Text(
        "In which dtype is scale stored, and to which are the codes converted in forward? Look for .float().",
        "scale 以什么 dtype 存？forward 里编码转成了什么 dtype？找找 .float()。",
    ),
    rules=["dtype"],
)
@given(
    case=st.sampled_from((torch.float32, torch.float64)).flatmap(
        lambda dtype: cases(dtype=dtype, distinct=True, spread=False)
    ),
    examples=8,
)
def test_dtype(candidate, case):
    linear, x = case
    with torch.no_grad():
        linear.weight.div_(3)  # no longer exact in float32
    module = candidate.QuantizedLinear.from_float(linear)
    assert_dtype(assert_output(module, linear, x / 3), x.dtype)
    assert_scale(module, linear)
    assert_rounded(module, linear)


@check(
    title=Text("Weights and inputs of 1e4", "权重和输入达到 1e4"),
    hint=Text(
        "Does anything overflow: an int8 product, a half-precision scale, a cast before the division?",
        "有没有什么溢出了：int8 乘积、半精度的 scale、先转类型再除？",
    ),
    rules=["large"],
)
@given(case=cases(scale=4e3), examples=6)
def test_large(candidate, case):
    linear, x = case
    module = candidate.QuantizedLinear.from_float(linear)
    assert_finite(assert_output(module, linear, x))
    assert_scale(module, linear)
    assert_rounded(module, linear)


@check(
    title=Text("The gradient reaches x", "梯度能传到 x"),
    hint=Text(
        "from_float may run without gradients; forward may not. Does anything round or detach x?",
        "from_float 可以不要梯度，forward 不行。有没有对 x 取整或 detach？",
    ),
    rules=["gradients"],
)
@given(case=cases(requires_grad=True), examples=5)
def test_gradients(candidate, case):
    linear, x = case
    module = candidate.QuantizedLinear.from_float(linear)
    wide = x.detach().double().requires_grad_()
    expected = gradients(expected_output(module, linear, wide), {"x": wide})
    (actual,) = gradients(module(x), {"x": x})
    assert_close(actual, expected[0], Text("the gradient of x", "x 的梯度"))


@check(
    title=Text("The linear and x stay as they were", "linear 和 x 保持原样"),
    hint=Text(
        "The float model may still be trained. Did you write to its weight, freeze it, or keep a hold of it?",
        "浮点模型也许还要继续训练。你有没有改写它的权重、冻结它，或者一直拿着它？",
    ),
    points=2,
    rules=["unchanged"],
)
@given(case=cases(bias=(True,)), examples=6)
def test_linear_unchanged(candidate, case):
    linear, x = case
    before = {name: parameter.detach().clone() for name, parameter in linear.named_parameters()}
    module = candidate.QuantizedLinear.from_float(linear)
    # A write through `.data` shows here only.
    require(not candidate.last.changed_inputs, Text("from_float wrote to the linear.", "from_float 改写了 linear。"))
    first = module(x)
    changed = ", ".join(candidate.last.changed_inputs)
    require(not changed, Text(f"forward modified {changed}", f"forward 修改了 {changed}"))
    for name, parameter in linear.named_parameters():
        assert_equal(parameter.detach(), before[name], Text(f"the linear's {name}", f"linear 的 {name}"))
        frozen = Text(f"The linear's {name} no longer requires gradients.", f"linear 的 {name} 不再需要梯度了。")
        require(parameter.requires_grad, frozen)
    require(linear.training, Text("The linear was put in evaluation mode.", "linear 被切到了 eval 模式。"))
    with torch.no_grad():
        linear.weight.mul_(-3).add_(1)
    assert_close(module(x), first, Text("the output after the linear has been trained on", "linear 继续训练之后的输出"))


def behaviour(candidate, random: torch.Generator) -> dict[str, object]:
    """What a submission does on one random input: what diagnosis compares."""

    def normal(*shape):
        return torch.randn(shape, generator=random)

    weight, bias = normal(4, 5) * torch.tensor([[1.0], [20.0], [0.3], [0.0]]), normal(4) / 3
    tiny = normal(3, 5)
    tiny = tiny / tiny.abs().amax(dim=1, keepdim=True) * LEAST
    x, vector, precise = normal(2, 3, 5), normal(5), normal(2, 5).double()

    def make(weight=weight, bias=bias):
        return candidate.QuantizedLinear.from_float(layer(weight, bias))

    def reloaded():
        state, module = make().state_dict(), make(bias=bias + 1)
        if "weight_int8" in state:
            state["weight_int8"] = -state["weight_int8"]
        module.load_state_dict(state)
        return module(x)

    def raised():
        return bool((make(tiny, None).scale > 1.005 * LEAST / 127).any())

    def left_over():
        linear = layer(weight, bias)
        candidate.QuantizedLinear.from_float(linear)
        written = bool(candidate.last.changed_inputs) or not torch.equal(linear.weight.detach(), weight)
        return written, linear.weight.requires_grad

    def slope():
        start = x.clone().requires_grad_()
        return gradients(make()(start), [start])[0]

    return {
        "codes": lambda: make().weight_int8,
        "scale": lambda: make().scale,
        "output": lambda: make()(x),
        "no bias": lambda: make(bias=None)(x),
        "one vector": lambda: make()(vector),
        "scale of small rows raised": raised,
        "float64": lambda: make(precise, None).scale,
        "float64 output": lambda: make(precise, None)(precise),
        "float64 rounded": lambda: torch.equal(make(precise, None).scale, make(precise, None).scale.float().double()),
        "buffers": lambda: " ".join(sorted(name for name, tensor in make().named_buffers() if tensor.dim() == 2)),
        "parameters": lambda: " ".join(sorted(name for name, tensor in make().named_parameters() if tensor.dim() == 2)),
        "state": lambda: " ".join(sorted(name for name, tensor in make().state_dict().items() if tensor.dim() == 2)),
        "other codes loaded": reloaded,
        "linear": left_over,
        "gradient": slope,
        "missing": lambda: attempt(lambda: make(bias=None).bias is None),
    }
