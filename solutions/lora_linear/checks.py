"""Hidden checks of lora_linear, in teaching order, and what diagnosis compares."""

from typing import NamedTuple

import torch
from hypothesis import strategies as st
from torch import nn

from grader.exam import (
    Text,
    assert_close,
    assert_dtype,
    assert_equal,
    assert_shape,
    check,
    given,
    gradients,
    raises_value_error,
    require,
    sizes,
    tensors,
)

# Several times the float32 error of sums in which W·x and the update cancel.
VALUES = {torch.float32: {"rtol": 1e-4, "atol": 1e-4}, torch.float64: {"rtol": 1e-9, "atol": 1e-9}}
GRADIENT = {"rtol": 1e-3, "atol": 1e-3}

PLAIN_LINEAR = "torch.nn.modules.linear.Linear"


class Case(NamedTuple):
    """One layer with its update, and an input: all that an output depends on."""

    x: torch.Tensor
    weight: torch.Tensor
    bias: torch.Tensor | None
    a: torch.Tensor
    b: torch.Tensor
    alpha: float

    @property
    def rank(self):
        return len(self.a)

    def base(self):
        """A fresh nn.Linear with this weight and bias."""
        out_features, in_features = self.weight.shape
        base = nn.Linear(in_features, out_features, bias=self.bias is not None, dtype=self.weight.dtype)
        with torch.no_grad():
            base.weight.copy_(self.weight)
            if self.bias is not None:
                base.bias.copy_(self.bias)
        return base

    def layer(self, candidate, base=None):
        """The candidate's layer on `base`, with A and B in place of what it starts with."""
        layer = candidate.LoRALinear(self.base() if base is None else base, self.rank, self.alpha)
        put(layer, self.a, self.b)
        return layer

    def doubled(self):
        """The same numbers in float64."""
        return Case(*(part.double() if isinstance(part, torch.Tensor) else part for part in self))

    def merged_weight(self):
        """W + (alpha / rank) · B A."""
        return self.weight + self.alpha / self.rank * (self.b @ self.a)

    def expected(self):
        """The formula, in the dtype of the case."""
        base = nn.functional.linear(self.x, self.weight, self.bias)
        return base + self.alpha / self.rank * (self.x @ self.a.T @ self.b.T)


@st.composite
def cases(draw, leading=3):
    """Every size by itself; alpha is no multiple of any rank, so that alpha / rank is none of its look-alikes."""
    n_in, n_out, rank = draw(sizes(1, 6)), draw(sizes(1, 6)), draw(sizes(1, 4))
    shape = draw(st.lists(sizes(1, 3), min_size=1, max_size=leading))
    bias = draw(tensors(n_out)) if draw(st.booleans()) else None
    weight, a, b = draw(tensors(n_out, n_in)), draw(tensors(rank, n_in)), draw(tensors(n_out, rank))
    return Case(draw(tensors(*shape, n_in)), weight, bias, a, b, draw(st.sampled_from((0.7, 5.5, 16.3))))


def put(layer, a, b):
    """Write A and B into the layer's parameters."""
    for name, value in (("lora_A", a), ("lora_B", b)):
        parameter = getattr(layer, name)
        assert_shape(parameter, value.shape, Text(name, name))
        with torch.no_grad():
            parameter.copy_(value)


def assert_output(layer, case, what=None):
    """The layer's output is the formula's, worked out in float64."""
    actual = layer(case.x)
    assert_close(actual, case.doubled().expected(), what, **VALUES[case.x.dtype])
    return actual


def assert_merged(merged, case):
    """A plain Linear whose weight and bias, and so whose outputs, are those of both together."""
    kind = getattr(merged, "class_name", type(merged).__name__)
    require(
        kind == PLAIN_LINEAR,
        Text(f"merge returned a {kind}; it must be an nn.Linear", f"merge 返回了 {kind}，应为 nn.Linear"),
    )
    wide, tolerance = case.doubled(), VALUES[case.x.dtype]
    assert_close(merged.weight, wide.merged_weight(), Text("the merged weight", "合并后的 weight"), **tolerance)
    require(
        (merged.bias is None) == (case.bias is None),
        Text("merge must give a bias exactly where the base has one", "base 有 bias 时合并结果才有 bias，反之亦然"),
    )
    if case.bias is not None:
        assert_close(merged.bias, wide.bias, Text("the merged bias", "合并后的 bias"), **tolerance)
    actual = merged(case.x)
    assert_dtype(actual, case.x.dtype)
    assert_close(actual, wide.expected(), Text("the output of the merged layer", "合并后的层的输出"), **tolerance)


def trainable(layer):
    return sorted(name for name, parameter in layer.named_parameters() if parameter.requires_grad)


@check(
    title=Text("It wraps a layer and keeps its output shape", "能包住一个线性层，输出形状不变"),
    hint=Text(
        "nn.Linear takes any number of leading dimensions. Which operation of yours expects exactly two?",
        "nn.Linear 前面可以有任意多个维度。你的哪一步只认两维？",
    ),
    rules=["output"],
)
@given(case=cases(), examples=8)
def test_shape(candidate, case):
    layer = candidate.LoRALinear(case.base(), case.rank, case.alpha)
    assert_shape(layer(case.x), (*case.x.shape[:-1], len(case.weight)))


@check(
    title=Text("lora_A and lora_B are the trainable parameters", "可训练的参数只有 lora_A 和 lora_B"),
    hint=Text(
        "What turns a tensor into a parameter of the module? lora_A takes an input down to `rank` numbers, "
        "lora_B takes them up to the output; nn.Linear stores weights as (out, in), and so do these two.",
        "怎样让一个 tensor 成为模块的参数？lora_A 把输入压到 `rank` 个数，lora_B 再升到输出；"
        "nn.Linear 的 weight 按 (out, in) 存放，这两个也一样。",
    ),
    points=2,
    rules=["parameters", "registered"],
)
@given(case=cases(), examples=8)
def test_parameters(candidate, case):
    layer = candidate.LoRALinear(case.base(), case.rank, case.alpha)
    names = trainable(layer)
    require(
        names == ["lora_A", "lora_B"],
        Text(f"the trainable parameters are {names}; they must be lora_A and lora_B",
             f"可训练的参数是 {names}，应当是 lora_A 和 lora_B"),
    )  # fmt: skip
    state = layer.state_dict()
    assert_shape(state.get("lora_A"), case.a.shape, Text("lora_A", "lora_A"))
    assert_shape(state.get("lora_B"), case.b.shape, Text("lora_B", "lora_B"))
    kept = [value for name, value in state.items() if name not in names]
    for name, value in (("weight", case.weight), ("bias", case.bias)):
        require(
            value is None or any(one.shape == value.shape and torch.equal(one, value) for one in kept),
            Text(f"the base's {name} is not in state_dict(): is the base a submodule?",
                 f"state_dict() 里没有 base 的 {name}：base 注册成子模块了吗？"),
        )  # fmt: skip


@check(
    title=Text("At the start it is the base layer, and able to learn", "一开始就等于 base，而且学得动"),
    hint=Text(
        "A fresh LoRA layer must not disturb what was learnt before. Of the product B A, how many factors must be zero "
        "for that, and what becomes of the gradients if both are?",
        "刚加上 LoRA 时不能扰动已学到的东西。乘积 B A 里要有几个因子是零才行？两个都是零时，梯度会怎样？",
    ),
    points=2,
    rules=["start"],
)
def test_start(candidate):
    random = torch.Generator().manual_seed(1)
    first, second = (candidate.LoRALinear(nn.Linear(24, 12), 5, 3.0) for _ in range(2))
    zeros = torch.zeros(12, 5)
    assert_equal(first.state_dict()["lora_B"], zeros, Text("lora_B at the start", "lora_B 的初值"))
    one, other = (layer.state_dict()["lora_A"] for layer in (first, second))
    require(
        torch.isfinite(one).all() and torch.linalg.matrix_rank(one) == 5,
        Text(
            "lora_A must start with random numbers, drawn for each entry", "lora_A 的初值应是随机数，每个元素各自抽取"
        ),
    )
    require(
        not torch.equal(one, other),
        Text("two layers made one after the other have the same lora_A", "先后创建的两个层，lora_A 完全相同"),
    )
    repeated = []
    for _ in range(2):  # memory that nothing was written to may look random as well
        candidate.seed(3)
        repeated.append(candidate.LoRALinear(nn.Linear(24, 12), 5, 3.0))
    one, other = (layer.state_dict()["lora_A"] for layer in repeated)
    require(
        torch.equal(one, other),
        Text(
            "the same torch.manual_seed gives another lora_A: its numbers are not drawn",
            "torch.manual_seed 相同，lora_A 却不同：这些数不是抽样得到的",
        ),
    )
    base = nn.Linear(24, 12)
    x = torch.randn(3, 24, generator=random)
    expected = base(x)
    assert_close(candidate.LoRALinear(base, 5, 3.0)(x), expected, Text("the output at the start", "初始时的输出"))


@check(
    title=Text("It computes base(x) + (alpha/rank)·(x Aᵀ)Bᵀ", "输出等于 base(x) + (alpha/rank)·(x Aᵀ)Bᵀ"),
    hint=Text(
        "Take one input, one output and rank 2, and work it out by hand. Which two numbers make the factor, "
        "and how often is the bias added?",
        "取一个输入、一个输出、rank = 2，手算一遍。系数由哪两个数得到？bias 加了几次？",
    ),
    points=3,
    rules=["output"],
)
@given(case=cases(), examples=20)
def test_values(candidate, case):
    assert_output(case.layer(candidate), case)


@check(
    title=Text("The base's own parameters are frozen", "base 自己的参数被冻结"),
    hint=Text(
        "Look at base.weight.requires_grad and base.bias.requires_grad after your __init__. "
        "An optimizer may have been given the parameters of `base` itself.",
        "__init__ 之后看看 base.weight.requires_grad 和 base.bias.requires_grad。"
        "优化器手里拿的可能就是 `base` 自己的参数。",
    ),
    rules=["frozen"],
)
@given(case=cases(), examples=8)
def test_base_is_frozen(candidate, case):
    base = case.base()
    layer = case.layer(candidate, base)
    layer(case.x)
    for name, parameter in base.named_parameters():
        require(
            not parameter.requires_grad,
            Text(f"base.{name} still requires a gradient", f"base.{name} 仍然需要梯度"),
        )
        before = getattr(case, name)
        assert_equal(parameter.detach(), before, Text(f"base.{name} after the call", f"调用之后的 base.{name}"))


@check(
    title=Text("It works on the very module passed in", "用的就是传进来的那个模块"),
    hint=Text(
        "After base.weight is loaded anew, the LoRA layer must compute with the new numbers. Did you copy them?",
        "给 base.weight 重新载入数值以后，LoRA 层应当用新的数值计算。你是不是复制了一份？",
    ),
    rules=["frozen"],
)
@given(case=cases(), training=st.booleans(), examples=8)
def test_base_is_the_one_passed_in(candidate, case, training):
    base = case.base()
    layer = case.layer(candidate, base).train(training)
    layer(case.x)
    now = case._replace(weight=case.weight.flip(0) - 1.25, bias=None if case.bias is None else case.bias + 2.5)
    with torch.no_grad():
        for name, parameter in base.named_parameters():
            parameter.copy_(getattr(now, name))
    assert_output(layer, now, Text("the output after base was given new weights", "base 换上新权重之后的输出"))
    now = now._replace(a=case.a + 0.75, b=1.5 - case.b)
    put(layer, now.a, now.b)
    what = Text("the output after lora_A and lora_B were given new values", "lora_A 和 lora_B 换上新数值之后的输出")
    assert_output(layer, now, what)


@check(
    title=Text("float64 stays float64", "float64 始终是 float64"),
    hint=Text(
        "A base in float64 takes inputs in float64. Which dtype do the tensors have that you create yourself?",
        "float64 的 base 接收 float64 的输入。你自己新建的 tensor 是什么 dtype？",
    ),
    rules=["dtype", "registered"],
)
@given(case=cases(), late=st.booleans(), examples=10)
def test_dtype(candidate, case, late):
    wide = case.doubled()
    layer = case.layer(candidate).double() if late else wide.layer(candidate)
    actual = assert_output(layer, wide, Text("the output for float64", "float64 输入的输出"))
    assert_dtype(actual, torch.float64)
    assert_merged(layer.merge(), wide)


@check(
    title=Text("Gradients of x, lora_A and lora_B", "x、lora_A、lora_B 的梯度"),
    hint=Text(
        "x reaches the output on two ways, and layers below this one need both. Does no_grad or detach cut one?",
        "x 有两条路通到输出，下面的层两条都需要。有没有 no_grad 或 detach 切断了其中一条？",
    ),
    points=2,
    rules=["gradients", "frozen"],
)
@given(case=cases(), examples=12)
def test_gradients(candidate, case):
    layer = case.layer(candidate)
    ours = {"x": case.x.clone().requires_grad_(), "lora_A": layer.lora_A, "lora_B": layer.lora_B}
    actual = gradients(layer(ours["x"]), ours)
    wide = case.doubled()
    theirs = {name: part.requires_grad_() for name, part in (("x", wide.x), ("lora_A", wide.a), ("lora_B", wide.b))}
    expected = gradients(wide.expected(), theirs)
    for name, one, other in zip(ours, actual, expected, strict=True):
        assert_close(one, other, Text(f"the gradient of {name}", f"{name} 的梯度"), **GRADIENT)


@check(
    title=Text("merge() gives one plain layer with the same outputs", "merge() 给出一个输出相同的普通线性层"),
    hint=Text(
        "x Wᵀ + s·(x Aᵀ)Bᵀ = x (…)ᵀ: what stands in the brackets, in which order are A and B multiplied, "
        "and what of the bias, the dtype and the factor?",
        "x Wᵀ + s·(x Aᵀ)Bᵀ = x (…)ᵀ：括号里是什么？A 和 B 按什么次序相乘？bias、dtype 和系数呢？",
    ),
    points=2,
    rules=["merge"],
)
@given(case=cases(), examples=14)
def test_merge(candidate, case):
    merged = case.layer(candidate).merge()
    assert_merged(merged, case)
    for name, parameter in merged.named_parameters():
        require(
            parameter.requires_grad,
            Text(f"{name} of the merged layer is not trainable", f"合并后的层的 {name} 不可训练"),
        )


@check(
    title=Text("merge() leaves the layer as it was", "merge() 之后原来的层不变"),
    hint=Text(
        "Merging twice must give the same layer twice. Does `+=` write into the base's weight, "
        "or does thawing the new layer thaw the base?",
        "连续合并两次，应当得到同样的结果。`+=` 是不是写进了 base 的 weight？解冻新层时是不是把 base 也解冻了？",
    ),
    points=2,
    rules=["undisturbed", "unchanged"],
)
@given(case=cases(), training=st.booleans(), examples=8)
def test_merge_leaves_self(candidate, case, training):
    base = case.base()
    layer = case.layer(candidate, base).train(training)
    first = layer(case.x)
    require(not candidate.last.changed_inputs, Text("the call modified x", "这次调用修改了 x"))
    before = layer.state_dict()
    layer.merge()
    require(
        trainable(layer) == ["lora_A", "lora_B"],
        Text("merge thawed or froze a parameter", "merge 解冻或冻结了某个参数"),
    )
    require(layer.training == training, Text("merge changed the mode of training", "merge 改变了训练模式"))
    for name, value in layer.state_dict().items():
        assert_equal(value, before[name], Text(f"{name} after merge()", f"merge() 之后的 {name}"))
    assert_close(layer(case.x), first, Text("the layer's output after merge()", "merge() 之后原来的层的输出"))
    for name, parameter in base.named_parameters():
        assert_equal(
            parameter.detach(), getattr(case, name), Text(f"base.{name} after merge()", f"merge() 之后的 base.{name}")
        )
    assert_merged(layer.merge(), case)


@check(
    title=Text("The merged layer shares no memory", "合并出来的层不共享内存"),
    hint=Text(
        "Training either of the two must not move the other. Weight and bias: is one of them the base's own tensor?",
        "训练其中一个，另一个不能跟着变。weight 和 bias 都要看：有没有哪个就是 base 自己的 tensor？",
    ),
    points=2,
    rules=["independent"],
)
@given(case=cases(), zero_update=st.booleans(), examples=10)
def test_merged_is_independent(candidate, case, zero_update):
    if zero_update:  # as right after the start, when there is nothing to add
        case = case._replace(b=torch.zeros_like(case.b))
    base = case.base()
    layer = case.layer(candidate, base)
    merged = layer.merge()
    moved = Text("the merged layer after the LoRA layer moved", "移动 LoRA 层之后，合并出来的层")
    with torch.no_grad():
        for parameter in (*base.parameters(), layer.lora_A, layer.lora_B):
            parameter.add_(1.5)
    layer(case.x)
    assert_close(merged(case.x), case.doubled().expected(), moved, **VALUES[torch.float32])
    now = Case(
        case.x, *(None if part is None else part + 1.5 for part in (case.weight, case.bias, case.a, case.b)), case.alpha
    )
    with torch.no_grad():
        for _, parameter in merged.named_parameters():
            parameter.sub_(2.25)
    merged(case.x)
    assert_output(layer, now, Text("the LoRA layer after the merged one moved", "移动合并出来的层之后，LoRA 层的输出"))
    assert_merged(layer.merge(), now)


@check(
    title=Text("A rank below 1 is an error", "rank 小于 1 要报错"),
    hint=Text(
        "Raise ValueError with `rank` in its message. Rank 1 is fine.",
        "抛出 ValueError，信息里写上 `rank`。rank = 1 是合法的。",
    ),
    rules=["rank"],
)
def test_rank(candidate):
    candidate.LoRALinear(nn.Linear(3, 2), 1, 2.0)(torch.ones(1, 3))
    for rank in (0, -1, -4):
        with raises_value_error("rank"):
            candidate.LoRALinear(nn.Linear(3, 2), rank, 2.0)


def behaviour(candidate, random: torch.Generator) -> dict[str, object]:
    """What a submission does on one random input: what diagnosis compares."""

    def normal(*shape):
        return torch.randn(shape, generator=random)

    case = Case(normal(2, 5), normal(3, 5), normal(3), normal(2, 5), normal(3, 2), 5.5)
    precise = Case(*(part / 3 if isinstance(part, torch.Tensor) else part for part in case.doubled()))

    def fresh():
        state = candidate.LoRALinear(case.base(), 2, 5.5).state_dict()
        return bool(state["lora_A"].any()), bool(state["lora_B"].any())

    def thawed():
        base = case.base()
        layer = case.layer(candidate, base)
        return [p.requires_grad for p in base.parameters()], trainable(layer)

    def after_new_weights():
        base = case.base()
        layer = case.layer(candidate, base)
        with torch.no_grad():
            base.weight.neg_()
        return layer(case.x)

    def slope():
        x = case.x.clone().requires_grad_()
        return gradients(case.layer(candidate)(x), [x])[0]

    def merged():
        result = case.layer(candidate).merge()
        return result.weight.detach(), result.bias.detach()

    def merged_trains():
        return [p.requires_grad for _, p in case.layer(candidate).merge().named_parameters()]

    def merged_twice():
        layer = case.layer(candidate)
        layer.merge()
        return layer.merge().weight.detach(), layer(case.x).detach()

    def after_merged_moved():
        layer = case.layer(candidate)
        result = layer.merge()
        with torch.no_grad():
            for parameter in (result.weight, result.bias):
                parameter.add_(1.0)
        result(case.x)
        return layer(case.x).detach()

    def of_rank(rank):
        return lambda: bool(candidate.LoRALinear(nn.Linear(2, 2), rank, 2.0))

    return {
        "output": lambda: case.layer(candidate)(case.x).detach(),
        "start": fresh,
        "requires a gradient": thawed,
        "output after new weights": after_new_weights,
        "gradient": slope,
        "merged": merged,
        "merged is trainable": merged_trains,
        "merged twice": merged_twice,
        "output after the merged layer moved": after_merged_moved,
        "float64": lambda: precise.layer(candidate)(precise.x).detach(),
        "rank 0": of_rank(0),
        "rank -1": of_rank(-1),
    }
