"""Hidden checks of multi_head_attention, in teaching order, and what diagnosis compares."""

import math
from typing import NamedTuple

import torch
from hypothesis import strategies as st

from grader.exam import (
    Text,
    assert_close,
    assert_dtype,
    assert_finite,
    assert_same,
    assert_shape,
    bool_tensors,
    check,
    expectation,
    given,
    gradients,
    integers_tensor,
    raises_value_error,
    require,
    sizes,
    tensors,
)

PROJECTIONS = ("q_proj", "k_proj", "v_proj", "out_proj")

# exp(s - logsumexp(s)) is a right softmax, and off by this much at scores near 2e4 in float32.
LARGE = {"rtol": 4e-3, "atol": 4e-3}

# Several times the float32 error of the references' own arithmetic, where sums cancel.
VALUES = {torch.float32: {"rtol": 1e-4, "atol": 1e-4}, torch.float64: {"rtol": 1e-9, "atol": 1e-9}}
GRADIENT = {"rtol": 1e-3, "atol": 1e-3}


class Case(NamedTuple):
    """A layer by its heads and parameters, and the arguments of one call."""

    n_heads: int
    state: dict[str, torch.Tensor]
    inputs: tuple[torch.Tensor, torch.Tensor, torch.Tensor]
    mask: torch.Tensor | None

    @property
    def bias(self):
        return "q_proj.bias" in self.state

    def layer(self, candidate):
        """The candidate's layer with these parameters."""
        layer = candidate.MultiHeadAttention(self.inputs[0].shape[-1], self.n_heads, bias=self.bias)
        if next(iter(self.state.values())).dtype == torch.float64:
            layer.double()
        layer.load_state_dict(self.state, strict=False)
        return layer

    def call(self, layer, inputs=None):
        masked = {} if self.mask is None else {"attn_mask": self.mask}
        return layer(*(inputs or self.inputs), **masked)

    def doubled(self):
        """The same numbers in float64."""
        state = {name: value.double() for name, value in self.state.items()}
        return self._replace(state=state, inputs=tuple(one.double() for one in self.inputs))


@st.composite
def layers(draw, *, heads=(1, 3), widths=(1, 4)):
    """The number of heads, the width, and a state."""
    n_heads = draw(sizes(*heads))
    width = n_heads * draw(sizes(*widths))
    state = {f"{name}.weight": draw(tensors(width, width, scale=0.5)) for name in PROJECTIONS}
    if draw(st.booleans()):
        state |= {f"{name}.bias": draw(tensors(width)) for name in PROJECTIONS}
    return n_heads, width, state


@st.composite
def cases(draw, **which):
    """One call without a mask: every size by itself, three different tensors."""
    n_heads, width, state = draw(layers(**which))
    batch, n_query, n_key = draw(sizes(1, 3)), draw(sizes(1, 4)), draw(sizes(1, 5))
    lengths = (n_query, n_key, n_key)
    return Case(n_heads, state, tuple(draw(tensors(batch, length, width)) for length in lengths), None)


@st.composite
def masked_cases(draw, *, shapes=("bhqk",), empty=False, **which):
    """A mask that leaves out or shrinks some dimensions; each query has a key, or with `empty` some have none."""
    case = draw(cases(**which))
    query, key, _ = case.inputs
    full = {"b": len(query), "h": case.n_heads, "q": query.shape[1], "k": key.shape[1]}
    mask = draw(bool_tensors(*(full.get(letter, 1) for letter in draw(st.sampled_from(shapes)))))
    if empty:
        mask[..., draw(sizes(0, mask.shape[-2] - 1)), :] = False
        mask[-1, -1, -1, -1] = mask.shape[-2] > 1 or len(mask) > 1  # something is left to attend to
        if len(mask) > 1:
            mask[0] = False
    else:
        mask[..., draw(sizes(0, mask.shape[-1] - 1))] = True
    return case._replace(mask=mask)


def something_visible():
    """Cases in which some query sees nothing, and another something."""
    return masked_cases(empty=True).filter(lambda case: bool(case.mask.any()))


@st.composite
def large_cases(draw):
    """Whole numbers whose scores come near 1e4; a width with an exact root, so that float32 keeps them whole."""
    n_heads, size = draw(sizes(1, 2)), draw(st.sampled_from((1, 4)))
    width = n_heads * size
    whole = [draw(integers_tensor(width, width, low=-3, high=4)).float() for _ in PROJECTIONS]
    batch, n_query, n_key = draw(sizes(1, 2)), draw(sizes(1, 3)), draw(sizes(2, 4))
    inputs = [draw(integers_tensor(batch, n, width, low=-3, high=4)).float() for n in (n_query, n_key, n_key)]
    return enlarged(n_heads, whole, tuple(inputs))


@st.composite
def tempting_cases(draw):
    """Every key that is masked out has by far the better score."""
    n_heads, batch, n_query, n_key = draw(sizes(1, 3)), draw(sizes(1, 2)), draw(sizes(1, 3)), draw(sizes(2, 4))
    visible = draw(sizes(1, n_key - 1))
    values = draw(integers_tensor(batch, n_key, n_heads, low=-9, high=10)).float()
    return tempting(values, n_query, visible)


def enlarged(n_heads, weights, inputs):
    """Multiply q_proj's weight by a whole number that takes the scores to at most 1e4: float32 holds them exactly."""
    (w_q, w_k, w_v, w_out), (query, key, _) = weights, inputs
    bound = ((query @ w_q.T).abs() @ (key @ w_k.T).abs().mT).max() / math.sqrt(len(w_q) / n_heads)
    weights = (w_q * (1e4 // bound.clamp(min=1)), w_k, w_v, w_out / 4)
    return Case(n_heads, {f"{name}.weight": w for name, w in zip(PROJECTIONS, weights, strict=True)}, inputs, None)


def tempting(values, n_query, visible):
    """Heads of width one: the `visible` first keys score -14400, those that follow, which are masked out, +14400."""
    batch, n_key, width = values.shape
    seen = torch.arange(n_key) < visible
    zero, one = torch.zeros(width, width), torch.eye(width)
    state = dict(zip((f"{name}.weight" for name in PROJECTIONS), (zero, 120 * one, one, one), strict=True))
    state |= {f"{name}.bias": torch.full((width,), 120.0 * (name == "q_proj")) for name in PROJECTIONS}
    key = torch.where(seen, -1.0, 1.0)[:, None].expand(batch, n_key, width).contiguous()
    return Case(width, state, (torch.ones(batch, n_query, width), key, values), seen.expand(n_query, n_key))


@expectation
def expected(reference, case):
    """What the reference makes of the same numbers in float64."""
    wide = case.doubled()
    return wide.call(wide.layer(reference)).detach()


def assert_agrees(candidate, reference, case, **how):
    """Compare one call with what is expected."""
    actual = case.call(case.layer(candidate))
    assert_close(actual, expected(reference, case), **(how or VALUES[actual.dtype]))
    return actual


@expectation
def all_gradients(candidate, case, shared=False):
    """Gradients by name: of the inputs, or of the one tensor that is all three of them, and of the parameters."""
    names = ("query",) if shared else ("query", "key", "value")
    leaves = {name: one.clone().requires_grad_() for name, one in zip(names, case.inputs, strict=False)}
    layer = case.layer(candidate)
    inputs = tuple(leaves.values()) * (3 if shared else 1)
    output = case.call(layer, inputs)
    wanted = leaves | {name: parameter for name, parameter in layer.named_parameters() if name in case.state}
    return dict(zip(wanted, gradients(output, wanted), strict=True))


def assert_gradients_agree(candidate, reference, case, shared=False):
    actual = all_gradients(candidate, case, shared)
    for name, wanted in all_gradients(reference, case.doubled(), shared).items():
        what = Text(f"the gradient of {name}", f"{name} 的梯度")
        assert_close(actual[name], wanted, what, **GRADIENT)


@check(
    title=Text("It runs and returns (B, Tq, D)", "能运行，返回形状 (B, Tq, D)"),
    hint=Text(
        "Write the shape at the end of each line. Queries and keys may differ in number: which lines assume one T?",
        "在每行末尾写下形状。query 和 key 的个数可以不同：哪一行假设了只有一个 T？",
    ),
    rules=["shape"],
)
@given(case=cases(), examples=6)
def test_shape(candidate, case):
    assert_shape(case.call(case.layer(candidate)), case.inputs[0].shape)


@check(
    title=Text("Four linear layers, with the names asked for", "四个线性层，名字符合要求"),
    hint=Text(
        "Print [(n, p.shape) for n, p in layer.named_parameters()], with bias=True and with bias=False.",
        "打印 [(n, p.shape) for n, p in layer.named_parameters()]，bias=True 和 bias=False 各看一次。",
    ),
    rules=["layers"],
)
@given(case=cases(), examples=6)
def test_layers(candidate, case):
    width = case.inputs[0].shape[-1]
    layer = candidate.MultiHeadAttention(width, case.n_heads, bias=case.bias)
    assert_parameters(layer, {name: value.shape for name, value in case.state.items()})
    if case.bias:
        default = candidate.MultiHeadAttention(width, case.n_heads)
        assert_parameters(default, {name: value.shape for name, value in case.state.items()})


def assert_parameters(layer, shapes):
    """Exactly these parameters, trainable, and all in the state dict."""
    found = dict(layer.named_parameters())
    wrong = sorted(found.keys() ^ shapes.keys())
    require(
        not wrong,
        Text(f"missing or not asked for: {', '.join(wrong)}", f"缺少或多出了这些参数：{'、'.join(wrong)}"),
    )
    for name, shape in shapes.items():
        assert_shape(found[name], shape, Text(name, f"参数 {name}"))
        require(found[name].requires_grad, Text(f"{name} is not trainable", f"{name} 不可训练"))
    require(
        shapes.keys() <= layer.state_dict().keys(), Text("state_dict() lacks a parameter", "state_dict() 里缺了参数")
    )


@check(
    title=Text("One head is plain attention", "只有一个 head 时就是普通的注意力"),
    hint=Text(
        "With n_heads = 1 only the projections, the scale, the softmax and out_proj are left. Which of query, key and "
        "value does each projection take?",
        "n_heads = 1 时只剩下投影、缩放、softmax 和 out_proj。每个投影该作用在 query、key、value 中的哪一个上？",
    ),
    points=2,
    rules=["heads"],
)
@given(case=cases(heads=(1, 1)), examples=9)
def test_one_head(candidate, reference, case):
    assert_agrees(candidate, reference, case)


@check(
    title=Text("Heads are consecutive slices", "每个 head 是连续的一段"),
    hint=Text(
        "Take D = 4, two heads, and a row 0 1 2 3. Head 0 must get 0 1. What do your view and transpose give it, "
        "and do the heads come back in that order? How wide is the q in one score?",
        "取 D = 4、两个 head、一行 0 1 2 3。head 0 应当拿到 0 1。你的 view 和 transpose 给了它什么？"
        "拼回来时次序还对吗？算一个分数时，q 有多宽？",
    ),
    points=3,
    rules=["heads"],
)
@given(case=cases(heads=(2, 3)), examples=12)
def test_heads(candidate, reference, case):
    assert_agrees(candidate, reference, case)


@check(
    title=Text("attn_mask says who may attend to whom", "attn_mask 决定谁能看谁"),
    hint=Text(
        "Here True means: may attend. What must the score be where it is False, and is that before the softmax?",
        "这里 True 表示可以关注。为 False 的地方分数应当是多少？要在 softmax 之前还是之后处理？",
    ),
    points=2,
    rules=["mask"],
)
@given(case=masked_cases(), examples=11)
def test_mask(candidate, reference, case):
    assert_agrees(candidate, reference, case)


@check(
    title=Text("Masks of any shape that broadcasts", "任何能 broadcast 的 mask 形状"),
    hint=Text(
        "torch aligns dimensions from the right: a mask of three dimensions is (n_heads, Tq, Tk). "
        "Does your code add a dimension where none is needed?",
        "torch 从右边对齐维度：三维的 mask 就是 (n_heads, Tq, Tk)。你的代码有没有多加一维？",
    ),
    rules=["mask"],
)
@given(
    case=masked_cases(heads=(2, 3), shapes=("qk", "b11k", "b1qk", "hqk", "1hqk", "b1q1", "h1k", "11qk", "k")),
    examples=18,
)
def test_mask_broadcast(candidate, reference, case):
    assert_agrees(candidate, reference, case)


@check(
    title=Text("A query that may attend to nothing gives zeros", "什么都不能关注的 query 得到零"),
    hint=Text(
        "What does softmax make of a row that is masked everywhere? The zeros are those of the head, "
        "before out_proj: its bias is still added.",
        "整行都被遮住时，softmax 会给出什么？是 head 的输出为零，在 out_proj 之前：它的 bias 照样要加。",
    ),
    points=2,
    rules=["nothing"],
)
@given(case=masked_cases(empty=True), examples=11)
def test_nothing_to_attend_to(candidate, reference, case):
    assert_agrees(candidate, reference, case)


@check(
    title=Text("float64 stays float64", "float64 始终是 float64"),
    hint=Text(
        "Look for tensors that you create yourself and for casts: does float64 go through float32 anywhere?",
        "检查自己新建的张量和类型转换：float64 的数据有没有在哪一步经过 float32？",
    ),
    rules=["dtype"],
)
@given(case=masked_cases(empty=True, widths=(1, 1)) | masked_cases(widths=(4, 4)) | cases(), examples=8)
def test_dtype(candidate, reference, case):
    assert_dtype(assert_agrees(candidate, reference, case.doubled()), torch.float64)
    assert_dtype(case.call(case.layer(candidate)), torch.float32)


@check(
    title=Text("Scores of 1e4 do no harm", "分数大到 1e4 也不出错"),
    hint=Text(
        "exp(100) is already inf in float32. Which number may be taken from a whole row without changing its softmax?",
        "float32 里 exp(100) 已经是 inf。一整行同时减去哪个数，softmax 不变？",
    ),
    rules=["large"],
)
@given(case=large_cases(), examples=6)
def test_large_scores(candidate, reference, case):
    assert_agrees(candidate, reference, case, **LARGE)
    for name, gradient in all_gradients(candidate, case).items():
        assert_finite(gradient, Text(f"the gradient of {name}", f"{name} 的梯度"))


@check(
    title=Text("The mask holds at large scores", "分数很大时 mask 依然有效"),
    hint=Text(
        "Here the visible keys score -14400 and the hidden ones +14400. Is your fill low enough, "
        "and is it in place before the softmax looks at the row?",
        "这里看得到的 key 是 -14400 分，被遮住的是 +14400 分。你填的值够小吗？softmax 看到这一行之前，它已经填好了吗？",
    ),
    rules=["large", "mask"],
)
@given(case=tempting_cases(), examples=6)
def test_mask_at_large_scores(candidate, reference, case):
    assert_agrees(candidate, reference, case, **LARGE)


@check(
    title=Text("Gradients of the inputs and of every parameter", "输入和每个参数的梯度"),
    hint=Text(
        "Does anything cut the graph: detach, .data, no_grad, a new tensor made from numbers? "
        "A NaN that is patched over "
        "in the result still comes back in backward: 0 · NaN is NaN.",
        "有没有哪里切断了计算图：detach、.data、no_grad、用数值新建的张量？"
        "只在结果里盖掉的 NaN，backward 时还会回来：0 · NaN 仍是 NaN。",
    ),
    points=2,
    rules=["gradients", "nothing"],
)
@given(case=masked_cases(shapes=("bhqk", "b1qk")) | something_visible(), examples=9)
def test_gradients(candidate, reference, case):
    assert_gradients_agree(candidate, reference, case)


@check(
    title=Text("One tensor as all three; a call leaves no trace", "同一个张量传三次；调用不留痕迹"),
    hint=Text(
        "`+=`, methods that end in an underscore and assignments to a slice write into what you were given. "
        "What differs between a first call and a second?",
        "`+=`、下划线结尾的方法、对切片赋值，都会写进传进来的张量。第一次调用和第二次调用有什么不同？",
    ),
    rules=["unchanged", "gradients"],
)
@given(case=cases(), examples=5)
def test_unchanged(candidate, reference, case):
    _, x, value = case.inputs
    length = x.shape[1]
    case = case._replace(inputs=(x, x, x), mask=torch.ones(length, length, dtype=torch.bool).tril())
    assert_gradients_agree(candidate, reference, case, shared=True)
    layer = case.layer(candidate)
    first = case.call(layer)
    changed = ", ".join(candidate.last.changed_inputs)
    require(not changed, Text(f"the call modified {changed}", f"这次调用修改了 {changed}"))
    assert_same(case.call(layer), first, Text("a second call with the same arguments", "用同样的参数再调用一次"))
    assert_close(case.call(layer.eval()), first, Text("the output in evaluation mode", "评估模式下的输出"))
    # The next call has no mask, and values of its own for the same queries and keys.
    after = case._replace(inputs=(x, x, value), mask=None)
    what = Text("a call without a mask after one with a mask", "带 mask 的调用之后，不带 mask 的调用")
    assert_close(after.call(layer), expected(reference, after), what, **VALUES[x.dtype])


@check(
    title=Text("A width that the heads cannot share is an error", "宽度不能被 head 数整除时要报错"),
    hint=Text(
        "Raise ValueError in __init__, with `d_model` or `n_heads` in its message.",
        "在 __init__ 里抛出 ValueError，信息里写上 `d_model` 或 `n_heads`。",
    ),
    rules=["divisible"],
)
def test_divisible(candidate):
    for width, n_heads in ((4, 4), (6, 3), (3, 1)):
        candidate.MultiHeadAttention(width, n_heads)
    for width, n_heads in ((4, 3), (6, 4), (2, 4)):
        try:
            with raises_value_error("d_model"):
                candidate.MultiHeadAttention(width, n_heads)
        except AssertionError:
            with raises_value_error("n_heads"):
                candidate.MultiHeadAttention(width, n_heads)


def behaviour(candidate, random: torch.Generator) -> dict[str, object]:
    """What a submission does on one random input: what diagnosis compares."""

    def normal(*shape):
        return torch.randn(shape, generator=random)

    def whole(*shape):
        return torch.randint(-3, 4, shape, generator=random).float()

    state = {f"{name}.weight": normal(6, 6) / 2 for name in PROJECTIONS}
    state |= {f"{name}.bias": normal(6) for name in PROJECTIONS}
    plain = Case(2, state, (normal(2, 3, 6), normal(2, 4, 6), normal(2, 4, 6)), None)
    one = Case(1, state, plain.inputs, None)
    mask = torch.rand(2, 2, 3, 4, generator=random) < 0.6
    mask[..., 1] = True
    masked = plain._replace(mask=mask)
    lone = plain._replace(mask=mask & (torch.arange(3) != 1)[:, None])
    precise = plain.doubled()
    precise = precise._replace(inputs=tuple(one / 3 for one in precise.inputs))
    large = enlarged(2, [whole(8, 8) for _ in PROJECTIONS], tuple(whole(2, 3, 8) for _ in range(3)))
    tempted = tempting(whole(2, 4, 2), 3, 2)

    def output(case):
        return lambda: case.call(case.layer(candidate)).detach()

    def slope(case):
        return lambda: all_gradients(candidate, case)["query"]

    def parameters(bias):
        return lambda: sorted(name for name, _ in candidate.MultiHeadAttention(4, 2, bias=bias).named_parameters())

    return {
        "output": output(plain),
        "one head": output(one),
        "masked": output(masked),
        "nothing to attend to": output(lone),
        "gradient": slope(masked),
        "gradient, nothing to attend to": slope(lone),
        "float64": output(precise),
        "large": output(large),
        "large and masked": output(tempted),
        "parameters": parameters(True),
        "parameters without bias": parameters(False),
        "indivisible": lambda: bool(candidate.MultiHeadAttention(4, 3)),
    }
