"""Hidden checks of bert_layer, in teaching order, and what diagnosis compares."""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from hypothesis import strategies as st

from grader.exam import (
    Text,
    assert_close,
    assert_dtype,
    assert_finite,
    assert_frequency,
    assert_same,
    assert_shape,
    bool_tensors,
    check,
    expectation,
    given,
    gradients,
    raises_value_error,
    require,
    sizes,
    tensors,
)

PROJECTIONS = ("q_proj", "k_proj", "v_proj", "out_proj")
LAYER_NORM = "torch.nn.modules.normalization.LayerNorm"

# exp(s - logsumexp(s)) is a right softmax, and off by this much at scores near 2e4 in float32; a norm may enlarge it.
LARGE = {"rtol": 1e-2, "atol": 1e-2}

# Several times the float32 error of the references' own arithmetic, where sums cancel and a norm divides by the rest.
VALUES = {torch.float32: {"rtol": 2e-4, "atol": 2e-4}, torch.float64: {"rtol": 1e-8, "atol": 1e-8}}
GRADIENT = {"rtol": 1e-8, "atol": 1e-8}  # in float64


class Case(NamedTuple):
    """A layer by its heads and parameters, and the arguments of one call."""

    n_heads: int
    state: dict[str, torch.Tensor]
    x: torch.Tensor
    mask: torch.Tensor | None = None

    def layer(self, candidate, dropout=0.0):
        """The candidate's layer with these parameters; without an argument there is nothing that is dropped."""
        width, d_ff = self.state["linear2.weight"].shape
        layer = candidate.EncoderLayer(width, self.n_heads, d_ff, dropout)
        if self.x.dtype == torch.float64:
            layer.double()
        layer.load_state_dict(self.state, strict=False)
        return layer

    def call(self, layer, x=None):
        masked = {} if self.mask is None else {"key_padding_mask": self.mask}
        return layer(self.x if x is None else x, **masked)

    def doubled(self):
        """The same numbers in float64."""
        return self._replace(state={name: value.double() for name, value in self.state.items()}, x=self.x.double())

    def turned_round(self):
        """The same tokens from last to first: nothing but the order of the results changes."""
        return self._replace(x=self.x.flip(1), mask=self.mask.flip(1))

    def with_equal_scores(self):
        """All scores are 0, also those of tokens that are seen."""
        quiet = {f"attention.q_proj.{part}": self.state[f"attention.q_proj.{part}"] * 0 for part in ("weight", "bias")}
        return self._replace(state=self.state | quiet)

    def real(self, result):
        """What the result says at positions that are not padding."""
        return result if self.mask is None else result[~self.mask]

    def linear(self, name, x):
        return F.linear(x, self.state[f"{name}.weight"], self.state[f"{name}.bias"])

    def norm(self, name, x, eps):
        return F.layer_norm(x, x.shape[-1:], self.state[f"{name}.weight"], self.state[f"{name}.bias"], eps)

    def attended(self):
        heads = (*self.x.shape[:2], self.n_heads, -1)
        q, k, v = (self.linear(f"attention.{name}", self.x).view(heads).transpose(1, 2) for name in PROJECTIONS[:3])
        scores = q @ k.mT / math.sqrt(q.shape[-1])
        if self.mask is not None:
            scores = scores.masked_fill(self.mask[:, None, None], -math.inf)
        return self.linear("attention.out_proj", (scores.softmax(-1) @ v).transpose(1, 2).flatten(2))

    def sums(self, eps, kept=(1.0, 1.0)):
        """What the two norms are given: `kept` multiplies the branches."""
        first = self.x + kept[0] * self.attended()
        h = self.norm("norm1", first, eps[0])
        return first, h + kept[1] * self.linear("linear2", F.gelu(self.linear("linear1", h)))

    @expectation
    def expected(self, eps, kept=(1.0, 1.0)):
        """The formula, in the dtype of the case."""
        return self.norm("norm2", self.sums(eps, kept)[1], eps[1])

    def well_conditioned(self):
        """Whether no real token has a sum so even that its norm would enlarge rounding errors."""
        sums = self.doubled().sums((1e-5, 1e-5))
        return all(bool((self.real(one).std(dim=-1) > 0.2).all()) for one in sums)


@st.composite
def states(draw):
    """The number of heads and a state; at least three columns: a norm of two knows only signs."""
    n_heads = draw(sizes(1, 3))
    width = n_heads * draw(sizes(4 - n_heads, 4))
    d_ff = draw(sizes(1, 9))
    shapes = {f"attention.{name}": (width, width) for name in PROJECTIONS}
    shapes |= {"linear1": (d_ff, width), "linear2": (width, d_ff)}
    state = {}
    for name, shape in shapes.items():
        state[f"{name}.weight"] = draw(tensors(*shape, scale=0.5))
        state[f"{name}.bias"] = draw(tensors(shape[0], scale=0.5))
    for name in ("norm1", "norm2"):
        state[f"{name}.weight"] = draw(tensors(width, scale=0.25, offset=1.0))
        state[f"{name}.bias"] = draw(tensors(width))
    return n_heads, state


@st.composite
def raw_cases(draw, *, padded=False, tokens=1):
    n_heads, state = draw(states())
    batch, length = draw(sizes(1, 3)), draw(sizes(tokens, 5))
    x = draw(tensors(batch, length, len(state["norm1.bias"])))
    if not padded:
        return Case(n_heads, state, x)
    mask = draw(bool_tensors(batch, length))
    mask[:, draw(sizes(0, length - 1))] = False
    return Case(n_heads, state, x, mask)


def cases(**which):
    return raw_cases(**which).filter(Case.well_conditioned)


@st.composite
def raw_large_cases(draw):
    """Scores near 1e4, by a q_proj that is made larger."""
    return enlarged(draw(raw_cases(tokens=2)))


@st.composite
def raw_tempting_cases(draw):
    length = draw(sizes(2, 5))
    visible = draw(sizes(1, length - 1))
    return tempting(draw(tensors(draw(sizes(1, 2)), length, 4)), visible)


def enlarged(case):
    """Whole queries and keys, so that float32 holds their products exactly, and scores of up to 1e4."""
    state = dict(case.state)
    for name in ("attention.q_proj", "attention.k_proj"):
        for part in ("weight", "bias"):
            state[f"{name}.{part}"] = (state[f"{name}.{part}"] * 2).round()
    case = case._replace(state=state, x=(case.x * 4).round() / 2)
    q, k = (case.linear(f"attention.{name}", case.x) for name in PROJECTIONS[:2])
    factor = 1e4 // (q.abs() @ k.abs().mT).max().clamp(min=1)
    state |= {name: state[name] * factor for name in ("attention.q_proj.weight", "attention.q_proj.bias")}
    return case


def tempting(x, visible):
    """Two heads of width two: the `visible` first keys score -10182, the others, which are padding, +10182."""
    padding = torch.arange(x.shape[1]) >= visible
    x = torch.cat((torch.where(padding, 1.0, -1.0).expand(x.shape[:2])[..., None], x[..., 1:]), dim=-1)
    first = torch.zeros(4)
    first[0] = first[2] = 120.0
    state = {"attention.q_proj.weight": torch.zeros(4, 4), "attention.q_proj.bias": first}
    state |= {"attention.k_proj.weight": torch.outer(first, torch.eye(4)[0]), "attention.k_proj.bias": torch.zeros(4)}
    for name in ("attention.v_proj", "attention.out_proj", "linear1", "linear2"):
        state |= {f"{name}.weight": torch.eye(4), f"{name}.bias": torch.zeros(4)}
    for name in ("norm1", "norm2"):
        state |= {f"{name}.weight": torch.ones(4), f"{name}.bias": torch.zeros(4)}
    return Case(2, state, x, padding.repeat(len(x), 1))


def claimed_eps(layer):
    """The eps of both norms, which is the candidate's to choose."""
    return tuple(layer.values("norm1.eps", "norm2.eps"))


def eps_of(layer):
    """The eps of both norms, within the rule each time that it is asked for: what is expected is worked out with it."""
    for eps in (found := claimed_eps(layer)):
        require(
            type(eps) in (float, int) and 0 <= eps <= 1e-5,
            Text(
                f"A norm has eps {eps!r:.20}; it must be at most 1e-5.",
                f"有一个 norm 的 eps 是 {eps!r:.20}，应不超过 1e-5。",
            ),
        )
    return found


def assert_agrees(candidate, case, **how):
    """Compare one call with the formula in float64."""
    layer = case.layer(candidate)
    actual = case.call(layer)
    assert_shape(actual, case.x.shape)
    wide = case.doubled()
    expected = wide.expected(eps_of(layer))
    assert_close(case.real(actual), case.real(expected), **(how or VALUES[actual.dtype]))
    return actual


def all_gradients(candidate, case):
    """Gradients by name: of x and of the parameters, weighted at real positions only."""
    layer = case.layer(candidate)
    x = case.x.clone().requires_grad_()
    result = case.call(layer, x)
    wanted = {"x": x} | {name: parameter for name, parameter in layer.named_parameters() if name in case.state}
    return dict(zip(wanted, gradients(case.real(result), wanted), strict=True)), eps_of(layer)


@expectation
def expected_gradients(case, eps):
    leaves = {name: value.clone().requires_grad_() for name, value in ({"x": case.x} | case.state).items()}
    case = case._replace(x=leaves["x"], state=leaves)
    return dict(zip(leaves, gradients(case.real(case.expected(eps)), leaves), strict=True))


def one_branch(branch, x):
    """A layer of width 64: attention (0) gives 20 in its first 60 columns and the network (1) zero, or vice versa."""
    state = {}
    for name, shape in {**dict.fromkeys(PROJECTIONS, (64, 64)), "linear1": (8, 64), "linear2": (64, 8)}.items():
        name = f"attention.{name}" if name in PROJECTIONS else name
        state |= {f"{name}.weight": torch.zeros(shape), f"{name}.bias": torch.zeros(shape[0])}
    state["linear2.bias" if branch else "attention.out_proj.bias"][:60] = 20.0
    for name in ("norm1", "norm2"):
        state |= {f"{name}.weight": torch.ones(64), f"{name}.bias": torch.zeros(64)}
    return Case(4, state, x)


def kept_entries(result):
    """Which of the first 60 entries of the branch were kept: they lie far above the others, and above the last four."""
    return (result > (result.amax(dim=-1, keepdim=True) + result.amin(dim=-1, keepdim=True)) / 2)[..., :60]


def expected_with(case, branch, kept, p, eps):
    """The formula in float64 with these entries of one branch kept."""
    scale = F.pad(kept.double() / (1 - p), (0, 4))
    return case.doubled().expected(eps, (scale, 1.0) if branch == 0 else (1.0, scale))


def assert_dropout(candidate, branch, p, given_p=True):
    """The branch is dropped with probability p before its sum, entry by entry, and the rest of the layer is as ever."""
    case = one_branch(branch, torch.rand(8, 32, 64, generator=torch.Generator().manual_seed(branch)))
    if given_p:
        layer = case.layer(candidate, p)
    else:
        layer = candidate.EncoderLayer(64, 4, 8)
        layer.load_state_dict(case.state, strict=False)
    layer.train()
    with torch.no_grad():
        result = layer(case.x)
    kept = kept_entries(result)
    expected = expected_with(case, branch, kept, p, eps_of(layer))
    assert_close(result, expected, Text("the output in training mode", "训练模式下的输出"), rtol=1e-3, atol=1e-3)
    share = Text("the share of entries that are kept", "保留下来的元素的比例")
    assert_frequency(int(kept.sum()), kept.numel(), 1 - p, share, alarm=1e-10)
    # Neighbours are dropped independently: each pair of entries is alike this often, along each dimension.
    alike = p * p + (1 - p) * (1 - p)
    for dim, name in enumerate(("batch", "sequence", "feature")):
        first, second = kept.unflatten(dim, (-1, 2)).unbind(dim + 1)
        what = Text(
            f"the share of entries dropped or kept as their neighbour along the {name} dimension is",
            f"与 {name} 维上的相邻元素同去同留的比例",
        )
        assert_frequency(int((first == second).sum()), first.numel(), alike, what, alarm=1e-10)


def assert_branches_independent(candidate, p):
    """Where the network's entry is dropped, the attention's at the same place is kept as often as anywhere."""
    case = one_branch(0, torch.rand(8, 32, 64, generator=torch.Generator().manual_seed(2)))
    high = 100.0  # so far above what the first norm gives that the network's entries are told first
    case.state["linear2.bias"][:60] = high
    layer = case.layer(candidate, p)
    layer.train()
    with torch.no_grad():
        result = layer(case.x).double()
    second = kept_entries(result)
    entries, low = result[..., :60], result[..., 60:].mean(dim=-1, keepdim=True)  # the last four have no branch
    with_f, without_f = ((entries * m).sum(-1, True) / m.sum(-1, True) for m in (second, ~second))
    unit = (
        (with_f - without_f) * (1 - p) / high
    )  # what 1 has become by the second norm; kept a's lie at least 2 above low
    first = (entries - low > unit)[~second]
    share = Text(
        "the share of the attention's entries that are kept where the network's entry is dropped",
        "前馈的元素被丢掉的位置上，注意力的元素保留下来的比例",
    )
    assert_frequency(int(first.sum()), first.numel(), 1 - p, share, alarm=1e-10)


@check(
    title=Text("It runs and returns (B, T, D)", "能运行，返回形状 (B, T, D)"),
    hint=Text(
        "Write the shape at the end of each line; d_ff appears in two of them only.",
        "在每行末尾写下形状；d_ff 只在其中两行出现。",
    ),
    rules=["shape"],
)
@given(case=cases(), examples=6)
def test_shape(candidate, case):
    assert_shape(case.call(case.layer(candidate)), case.x.shape)


@check(
    title=Text("Sub-modules and parameters as asked for", "子模块和参数符合要求"),
    hint=Text(
        "Print [(n, p.shape) for n, p in layer.named_parameters()] and compare the names with the table.",
        "打印 [(n, p.shape) for n, p in layer.named_parameters()]，和表里的名字对一对。",
    ),
    rules=["layers", "norms"],
)
@given(case=cases(), examples=5)
def test_layers(candidate, case):
    width, d_ff = case.state["linear2.weight"].shape
    layer = candidate.EncoderLayer(width, case.n_heads, d_ff)
    found = dict(layer.named_parameters())
    wrong = ", ".join(sorted(found.keys() ^ case.state.keys()))
    require(not wrong, Text(f"missing, or not asked for: {wrong}", f"缺少或多出了这些参数：{wrong}"))
    for name, value in case.state.items():
        assert_shape(found[name], value.shape, Text(name, f"参数 {name}"))
        require(found[name].requires_grad, Text(f"{name} is not trainable", f"{name} 不可训练"))
    require(
        layer.state_dict().keys() >= found.keys(), Text("state_dict() lacks a parameter", "state_dict() 里缺了参数")
    )
    kinds = dict(layer.named_modules())
    for name, eps in zip(("norm1", "norm2"), claimed_eps(layer), strict=True):
        require(kinds[name] == LAYER_NORM, Text(f"{name} must be an nn.LayerNorm", f"{name} 应是 nn.LayerNorm"))
        require(0 <= eps <= 1e-5, Text(f"{name} has eps {eps}, above 1e-5", f"{name} 的 eps 是 {eps}，大于 1e-5"))


@check(
    title=Text("Attention, sum, norm; network, sum, norm", "注意力、求和、归一化；前馈、求和、归一化"),
    hint=Text(
        "Follow one token through the four lines of the formula. What is added to the attention's output, what to the "
        "network's, and where does each norm stand?",
        "让一个 token 走完公式的四行。注意力的输出加上了什么，前馈的输出又加上了什么？两个归一化各在哪里？",
    ),
    points=3,
    rules=["attention", "residual"],
)
@given(case=cases(), examples=14)
def test_values(candidate, case):
    assert_agrees(candidate, case)


@check(
    title=Text("The activation is the exact GELU", "激活函数是精确的 GELU"),
    hint=Text(
        "z·Φ(z) is written with erf. The tanh formula comes within a thousandth of it, and GPT-2 has that one.",
        "z·Φ(z) 用 erf 写出来。tanh 公式与它只差千分之一左右，那是 GPT-2 用的。",
    ),
    rules=["gelu"],
)
@given(case=cases(), examples=6)
def test_feed_forward(candidate, case):
    assert_agrees(candidate, case.doubled())


@check(
    title=Text("key_padding_mask hides keys, row by row", "key_padding_mask 逐行遮住 key"),
    hint=Text(
        "True marks padding. The mask is (B, T) and the scores are (B, H, T, T): along which T does it lie?",
        "True 表示 padding。mask 是 (B, T)，分数是 (B, H, T, T)：它应当放在哪一个 T 上？",
    ),
    points=2,
    rules=["padding"],
)
@given(case=cases(padded=True), equal=st.booleans(), examples=10)
def test_padding(candidate, case, equal):
    # One layer, and other masks of the same shape: the tokens the other way round, and then none that is padding.
    layer = case.layer(candidate)
    for other in (case, case.turned_round(), case._replace(mask=None)):
        actual = other.call(layer)
        assert_shape(actual, case.x.shape)
        if other.mask is not None or other.well_conditioned():
            what = None if other is case else Text("the output for another mask", "换一个 mask 之后的输出")
            expected = other.doubled().expected(eps_of(layer))
            assert_close(other.real(actual), other.real(expected), what, **VALUES[actual.dtype])
    if equal:
        assert_agrees(candidate, case.with_equal_scores().doubled())


@check(
    title=Text("Evaluation mode drops nothing, training mode does", "评估模式什么都不丢，训练模式才丢"),
    hint=Text(
        "Who tells your dropout whether the layer is in training: does .eval() reach it?",
        "你的 dropout 从哪里知道当前是不是训练模式？.eval() 管得到它吗？",
    ),
    rules=["modes"],
)
@given(case=cases(padded=True, tokens=2), dropout=st.sampled_from((0.4, 0.7)), examples=4)
def test_modes(candidate, case, dropout):
    layer = case.layer(candidate, dropout).eval()
    expected = case.doubled().expected(eps_of(layer))
    what = Text("the output in evaluation mode", "评估模式下的输出")
    assert_close(case.real(case.call(layer)), case.real(expected), what, **VALUES[torch.float32])
    layer.train()
    x = case.x[:1].repeat(16, 16, 1)
    candidate.seed(3)
    first, second = layer(x), layer(x)
    candidate.seed(3)
    again = layer(x)
    require(
        not torch.equal(first, second),
        Text("in training mode two calls in a row give the same", "训练模式下连续两次调用的结果相同"),
    )
    assert_close(again, first, Text("a call with the same global seed", "用同样的全局种子再调用一次"))


@check(
    title=Text("Dropout on the attention's branch", "注意力分支上的 dropout"),
    hint=Text(
        "Which tensor goes through dropout: x, the branch's output, the sum, or what the norm gives? "
        "What are kept entries multiplied by?",
        "经过 dropout 的是哪个张量：x、分支的输出、两者之和，还是归一化的结果？留下来的元素要乘以多少？",
    ),
    points=2,
    rules=["dropout"],
)
def test_first_dropout(candidate):
    assert_dropout(candidate, branch=0, p=0.35)
    assert_dropout(candidate, branch=0, p=0.1, given_p=False)


@check(
    title=Text("Dropout on the network's branch", "前馈分支上的 dropout"),
    hint=Text(
        "There are two residual sums, each with a dropout and draws of its own, before the sum and not after the norm.",
        "残差求和有两处，每处都有自己的 dropout，各自独立抽取，在求和之前，而不是在归一化之后。",
    ),
    rules=["dropout"],
)
def test_second_dropout(candidate):
    assert_dropout(candidate, branch=1, p=0.35)
    assert_dropout(candidate, branch=1, p=0.1, given_p=False)
    assert_branches_independent(candidate, p=0.35)


@check(
    title=Text("float32 and float64 are kept", "float32 与 float64 各自保持"),
    hint=Text(
        "Look for tensors that you create yourself and for casts: does float64 go through float32 anywhere?",
        "检查自己新建的张量和类型转换：float64 的数据有没有在哪一步经过 float32？",
    ),
    rules=["dtype"],
)
@given(case=cases(padded=True), examples=5)
def test_dtype(candidate, case):
    assert_dtype(assert_agrees(candidate, case.doubled()), torch.float64)
    assert_dtype(case.call(case.layer(candidate)), torch.float32)


@check(
    title=Text("Large scores do no harm, and padding stays hidden", "分数很大也不出错，padding 依然看不到"),
    hint=Text(
        "exp(100) is already inf in float32, and a padded key may score 2e4 above the real ones: "
        "is your fill low enough?",
        "float32 里 exp(100) 已经是 inf；padding 的分数可能比真实 token 高出 2e4：你填的值够小吗？",
    ),
    rules=["large", "padding"],
)
@given(case=(raw_large_cases() | raw_tempting_cases()).filter(Case.well_conditioned), examples=8)
def test_large_scores(candidate, case):
    assert_agrees(candidate, case, **LARGE)
    found, _ = all_gradients(candidate, case)
    for name, gradient in found.items():
        assert_finite(gradient, Text(f"the gradient of {name}", f"{name} 的梯度"))


@check(
    title=Text("Gradients of x and of every parameter", "x 和每个参数的梯度"),
    hint=Text(
        "Does anything cut the graph: detach, .data, no_grad, a new tensor made from numbers? "
        "Is each of the parameters really used?",
        "有没有哪里切断了计算图：detach、.data、no_grad、用数值新建的张量？每个参数是不是都真的用上了？",
    ),
    points=2,
    rules=["gradients"],
)
@given(case=cases(padded=True, tokens=2), examples=6)
def test_gradients(candidate, case):
    wide = case.doubled()
    actual, eps = all_gradients(candidate, wide)
    for name, wanted in expected_gradients(wide, eps).items():
        assert_close(actual[name], wanted, Text(f"the gradient of {name}", f"{name} 的梯度"), **GRADIENT)


@check(
    title=Text("A call leaves no trace", "调用不留痕迹"),
    hint=Text(
        "`x += ...`, methods that end in an underscore and assignments to a slice write into what you were given.",
        "`x += ...`、下划线结尾的方法、对切片赋值，都会写进传进来的张量。",
    ),
    rules=["unchanged"],
)
@given(case=cases(padded=True), examples=5)
def test_unchanged(candidate, case):
    layer = case.layer(candidate)
    first = case.call(layer)
    changed = ", ".join(candidate.last.changed_inputs)
    require(not changed, Text(f"the call modified {changed}", f"这次调用修改了 {changed}"))
    assert_same(case.real(case.call(layer)), case.real(first), Text("a second call", "第二次调用"))


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
        candidate.EncoderLayer(width, n_heads, 5)
    for width, n_heads in ((4, 3), (6, 4), (2, 4)):
        try:
            with raises_value_error("d_model"):
                candidate.EncoderLayer(width, n_heads, 8)
        except AssertionError:
            with raises_value_error("n_heads"):
                candidate.EncoderLayer(width, n_heads, 8)


def behaviour(candidate, random: torch.Generator) -> dict[str, object]:
    """What a submission does on one random input: what diagnosis compares."""

    def normal(*shape):
        return torch.randn(shape, generator=random, dtype=torch.float64)

    shapes = {**{f"attention.{name}": (6, 6) for name in PROJECTIONS}, "linear1": (9, 6), "linear2": (6, 9)}
    state = {f"{name}.weight": normal(*shape) / 2 for name, shape in shapes.items()}
    state |= {f"{name}.bias": normal(shape[0]) / 2 for name, shape in shapes.items()}
    for name in ("norm1", "norm2"):
        state |= {f"{name}.weight": 1 + normal(6) / 4, f"{name}.bias": normal(6)}
    plain = Case(2, state, normal(2, 4, 6))
    single = plain._replace(x=normal(2, 1, 6))
    padded = plain._replace(mask=torch.tensor([[False, True, False, False], [False, False, True, True]]))
    tempted = tempting(normal(2, 4, 4).float(), 2)
    numbers = torch.rand(2, 8, 64, generator=random)

    def output(case):
        """The output, as float32: in float64 the eps of the norms, which is free, would show."""
        return lambda: case.real(case.call(case.layer(candidate))).detach().float()

    def near(case):
        """Whether the output is the formula's, with the candidate's own eps."""

        def look():
            layer = case.layer(candidate)
            error = case.real(case.call(layer)).detach() - case.real(case.doubled().expected(claimed_eps(layer)))
            return bool(error.abs().max() < 1e-6)

        return look

    def slope():
        actual, eps = all_gradients(candidate, padded)
        return bool((actual["x"] - expected_gradients(padded, eps)["x"]).abs().max() < 1e-6)

    def dropped(branch):
        def look():
            case = one_branch(branch, numbers)
            layer = case.layer(candidate, 0.35).train()
            with torch.no_grad():
                result = layer(case.x)
            kept = kept_entries(result)
            expected = expected_with(case, branch, kept, 0.35, claimed_eps(layer))
            return bool((result - expected).abs().max() < 1e-3)

        return look

    def still():
        layer = plain.layer(candidate, 0.5).eval()
        return torch.equal(plain.call(layer), plain.call(layer))

    return {
        "output": output(plain),
        "output is right": near(plain),
        "one token": output(single),
        "padded": output(padded),
        "gradient": slope,
        "padding that scores high": output(tempted),
        "first dropout": dropped(0),
        "second dropout": dropped(1),
        "evaluation": still,
        "indivisible": lambda: bool(candidate.EncoderLayer(4, 3, 5)),
    }
