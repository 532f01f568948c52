"""Hidden checks of gpt_block, in teaching order, and what diagnosis compares."""

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
    assert_same,
    assert_shape,
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

# Several times the float32 error of the references' own arithmetic, where sums cancel and a norm divides by the rest.
VALUES = {torch.float32: {"rtol": 2e-4, "atol": 2e-4}, torch.float64: {"rtol": 1e-8, "atol": 1e-8}}


class Case(NamedTuple):
    """A block by its heads and parameters, and an input."""

    n_heads: int
    state: dict[str, torch.Tensor]
    x: torch.Tensor

    def block(self, candidate):
        """The candidate's block with these parameters."""
        block = candidate.GPTBlock(self.x.shape[-1], self.n_heads)
        if self.x.dtype == torch.float64:
            block.double()
        block.load_state_dict(self.state, strict=False)
        return block

    def doubled(self):
        """The same numbers in float64."""
        return self._replace(state={name: value.double() for name, value in self.state.items()}, x=self.x.double())

    def with_scores(self, factor):
        """All scores times a factor; with 0 they are equal, also those of tokens that are seen."""
        q = {f"attention.q_proj.{part}": self.state[f"attention.q_proj.{part}"] * factor for part in ("weight", "bias")}
        return self._replace(state=self.state | q)

    def with_large_hidden_values(self):
        """Hidden values of some hundreds, where exp overflows and tanh does not."""
        state = {
            name: value * {"fc": 80.0, "proj": 1 / 80}.get(name.split(".")[0], 1) for name, value in self.state.items()
        }
        return self._replace(state=state)

    def linear(self, name, x):
        return F.linear(x, self.state[f"{name}.weight"], self.state[f"{name}.bias"])

    def norm(self, name, x, eps):
        return F.layer_norm(x, x.shape[-1:], self.state[f"{name}.weight"], self.state[f"{name}.bias"], eps)

    def attended(self, x):
        heads = (*x.shape[:2], self.n_heads, -1)
        q, k, v = (self.linear(f"attention.{name}", x).view(heads).transpose(1, 2) for name in PROJECTIONS[:3])
        future = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        weights = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(future, -math.inf).softmax(-1)
        return self.linear("attention.out_proj", (weights @ v).transpose(1, 2).flatten(2))

    def middle(self, eps):
        """The residual stream between the two branches."""
        return self.x + self.attended(self.norm("ln1", self.x, eps[0]))

    @expectation
    def expected(self, eps):
        """The formula, in the dtype of the case."""
        h = self.middle(eps)
        hidden = F.gelu(self.linear("fc", self.norm("ln2", h, eps[1])), approximate="tanh")
        return h + self.linear("proj", hidden)

    def well_conditioned(self):
        """Whether no token is so even that a norm would enlarge rounding errors."""
        wide = self.doubled()
        return all(bool((one.std(dim=-1) > 0.2).all()) for one in (wide.x, wide.middle((1e-5, 1e-5))))


@st.composite
def raw_cases(draw, *, lengths=(1, 5), scale=1.0):
    """Each size by itself; at least three columns, as a norm of two knows only signs."""
    n_heads = draw(sizes(1, 3))
    width = n_heads * draw(sizes(4 - n_heads, 4))
    shapes = {f"attention.{name}": (width, width) for name in PROJECTIONS}
    shapes |= {"fc": (4 * width, width), "proj": (width, 4 * width)}
    state = {}
    for name, shape in shapes.items():
        state[f"{name}.weight"] = draw(tensors(*shape, scale=0.25))
        state[f"{name}.bias"] = draw(tensors(shape[0], scale=0.5))
    for name in ("ln1", "ln2"):
        state[f"{name}.weight"] = draw(tensors(width, scale=0.25, offset=1.0))
        state[f"{name}.bias"] = draw(tensors(width))
    return Case(n_heads, state, draw(tensors(draw(sizes(1, 3)), draw(sizes(*lengths)), width, scale=scale)))


def cases(**which):
    return raw_cases(**which).filter(Case.well_conditioned)


@st.composite
def tempting_cases(draw):
    """Every token of the future has by far the better score."""
    return tempting(draw(tensors(draw(sizes(1, 2)), draw(sizes(1, 4)), 4, scale=0.05)))


def tempting(noise):
    """Two heads of width two, in which a token scores some 10000 more with each later one, and up to 23000 in all."""
    rising = torch.tensor([-4.0, -0.7, 0.7, 4.0])[: noise.shape[1], None]
    x = torch.cat((rising, torch.tensor([1.0, -1.0, 0.0]).expand(len(rising), 3)), dim=-1) + noise
    first, eye = torch.zeros(4), torch.eye(4)
    first[0] = first[2] = 128.0
    state = {"attention.q_proj.weight": torch.zeros(4, 4), "attention.q_proj.bias": first}
    state |= {"attention.k_proj.weight": torch.outer(first, eye[0]), "attention.k_proj.bias": torch.zeros(4)}
    for name in ("v_proj", "out_proj"):
        state |= {f"attention.{name}.weight": eye, f"attention.{name}.bias": torch.zeros(4)}
    state |= {"fc.weight": eye.repeat(4, 1), "fc.bias": torch.zeros(16)}
    state |= {"proj.weight": eye.repeat(1, 4) / 4, "proj.bias": torch.zeros(4)}
    for name in ("ln1", "ln2"):
        state |= {f"{name}.weight": torch.ones(4), f"{name}.bias": torch.zeros(4)}
    return Case(2, state, x)


def long_case(length, random):
    """One head, and tokens that are orders of four numbers far apart: neither norm enlarges rounding errors."""
    shapes = {**{f"attention.{name}": (4, 4) for name in PROJECTIONS}, "fc": (16, 4), "proj": (4, 16)}
    state = {f"{name}.weight": torch.randn(shape, generator=random) * 0.3 for name, shape in shapes.items()}
    state |= {f"{name}.bias": torch.randn(shape[0], generator=random) * 0.3 for name, shape in shapes.items()}
    for name in ("ln1", "ln2"):
        state |= {f"{name}.weight": torch.ones(4), f"{name}.bias": torch.zeros(4)}
    order = torch.rand(1, length, 4, generator=random).argsort(dim=-1)
    return Case(1, state, torch.tensor([3.0, 1.0, -1.0, -3.0])[order])


def claimed_eps(block):
    """The eps of both norms, which is the candidate's to choose."""
    return tuple(block.values("ln1.eps", "ln2.eps"))


def eps_of(block):
    """The eps of both norms, within the rule each time that it is asked for: what is expected is worked out with it."""
    for eps in (found := claimed_eps(block)):
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
    block = case.block(candidate)
    actual = block(case.x)
    assert_close(actual, case.doubled().expected(eps_of(block)), **(how or VALUES[actual.dtype]))
    return actual


def all_gradients(candidate, case):
    """Gradients by name: of x and of the parameters."""
    block = case.block(candidate)
    x = case.x.clone().requires_grad_()
    result = block(x)
    wanted = {"x": x} | {name: parameter for name, parameter in block.named_parameters() if name in case.state}
    return dict(zip(wanted, gradients(result, wanted), strict=True)), eps_of(block)


@expectation
def expected_gradients(case, eps):
    leaves = {name: value.clone().requires_grad_() for name, value in ({"x": case.x} | case.state).items()}
    result = case._replace(x=leaves["x"], state=leaves).expected(eps)
    return dict(zip(leaves, gradients(result, leaves), strict=True))


@check(
    title=Text("It runs and returns (B, T, D)", "能运行，返回形状 (B, T, D)"),
    hint=Text(
        "Write the shape at the end of each line. What becomes of a batch, or a sequence, of one?",
        "在每行末尾写下形状。batch 或序列长度为 1 时会怎样？",
    ),
    rules=["shape"],
)
@given(case=cases(), examples=6)
def test_shape(candidate, case):
    assert_shape(case.block(candidate)(case.x), case.x.shape)


@check(
    title=Text("Sub-modules and parameters as asked for", "子模块和参数符合要求"),
    hint=Text(
        "Print [(n, p.shape) for n, p in block.named_parameters()] and compare the names with the table.",
        "打印 [(n, p.shape) for n, p in block.named_parameters()]，和表里的名字对一对。",
    ),
    rules=["layers", "norms"],
)
@given(case=cases(), examples=5)
def test_layers(candidate, case):
    block = candidate.GPTBlock(case.x.shape[-1], case.n_heads)
    found = dict(block.named_parameters())
    wrong = ", ".join(sorted(found.keys() ^ case.state.keys()))
    require(not wrong, Text(f"missing, or not asked for: {wrong}", f"缺少或多出了这些参数：{wrong}"))
    for name, value in case.state.items():
        assert_shape(found[name], value.shape, Text(name, f"参数 {name}"))
        require(found[name].requires_grad, Text(f"{name} is not trainable", f"{name} 不可训练"))
    require(
        block.state_dict().keys() >= found.keys(), Text("state_dict() lacks a parameter", "state_dict() 里缺了参数")
    )
    kinds = dict(block.named_modules())
    for name, eps in zip(("ln1", "ln2"), claimed_eps(block), strict=True):
        require(kinds[name] == LAYER_NORM, Text(f"{name} must be an nn.LayerNorm", f"{name} 应是 nn.LayerNorm"))
        require(0 <= eps <= 1e-5, Text(f"{name} has eps {eps}, above 1e-5", f"{name} 的 eps 是 {eps}，大于 1e-5"))


@check(
    title=Text("One token: norm, branch, sum, twice", "只有一个 token：归一化、分支、求和，各两次"),
    hint=Text(
        "With one token attention is only v_proj and out_proj. What goes into each branch, and what is added to it?",
        "只有一个 token 时，注意力只剩 v_proj 和 out_proj。每个分支的输入是什么，结果又加到什么上？",
    ),
    points=3,
    rules=["residual"],
)
@given(case=cases(lengths=(1, 1), scale=2.0), examples=9)
def test_one_token(candidate, case):
    assert_agrees(candidate, case)


@check(
    title=Text("The formula, over several tokens and heads", "多个 token、多个 head 时的公式"),
    hint=Text(
        "If one token is right, attention is left: causal mask, consecutive slices, division by √d, softmax over keys.",
        "一个 token 已经对了，剩下的就是注意力：因果 mask、连续的切片、除以 √d、沿 key 做 softmax。",
    ),
    points=3,
    rules=["heads", "causal"],
)
@given(case=cases(lengths=(2, 5)), examples=14)
def test_values(candidate, case):
    assert_agrees(candidate, case)
    assert_agrees(candidate, case.with_scores(0).doubled())


@check(
    title=Text("No result depends on a later token", "任何结果都不依赖后面的 token"),
    hint=Text(
        "Leave out the last token: nothing before it may change. What does your mask hide for T = 3?",
        "去掉最后一个 token，前面的结果都不该变。T = 3 时你的 mask 遮住了哪些位置？",
    ),
    rules=["causal"],
)
@given(case=cases(lengths=(2, 6)), examples=7)
def test_causal(candidate, case):
    block = case.block(candidate)
    ends = sorted({1, case.x.shape[1] - 1})
    alone = {end: block(case.x[:, :end]) for end in ends}  # the shorter ones first: what a block keeps must not matter
    whole = block(case.x)
    for end in ends:
        what = Text(f"the result of the first {end} tokens alone", f"只输入前 {end} 个 token 的结果")
        assert_close(alone[end], whole[:, :end], what, **VALUES[torch.float32])
        again = Text(
            f"the first {end} tokens of one sequence, after a longer call",
            f"更长的输入之后，一条序列的前 {end} 个 token 的结果",
        )
        assert_close(block(case.x[:1, :end]), whole[:1, :end], again, **VALUES[torch.float32])


@check(
    title=Text("GELU is the tanh approximation", "GELU 用 tanh 近似"),
    hint=Text(
        "F.gelu has an argument for it. The two differ in the fourth digit, and this check looks at more. "
        "A tanh made of exp overflows where tanh itself is 1.",
        "F.gelu 有一个参数管这件事。两者从第四位小数开始不同，这项检查看得更细。"
        "用 exp 自己写的 tanh，会在 tanh 早已等于 1 的地方溢出。",
    ),
    rules=["gelu"],
)
@given(case=cases(), examples=6)
def test_gelu(candidate, case):
    assert_agrees(candidate, case.doubled())
    loud = case.with_large_hidden_values()
    assert_agrees(candidate, loud.doubled())
    for name, gradient in all_gradients(candidate, loud)[0].items():
        assert_finite(gradient, Text(f"the gradient of {name} for large hidden values", f"隐藏值很大时 {name} 的梯度"))


@check(
    title=Text("More than two thousand tokens", "超过两千个 token"),
    hint=Text(
        "Where does the size of your mask come from: from this x, or from a number fixed in advance?",
        "mask 的大小从哪里来：来自这次传入的 x，还是事先写死的数字？",
    ),
    rules=["length"],
)
def test_long(candidate):
    with torch.no_grad():
        assert_agrees(candidate, long_case(2060, torch.Generator().manual_seed(0)), rtol=1e-3, atol=1e-3)


@check(
    title=Text("float32 and float64 are kept", "float32 与 float64 各自保持"),
    hint=Text(
        "Look for tensors that you create yourself and for casts: does float64 go through float32 anywhere?",
        "检查自己新建的张量和类型转换：float64 的数据有没有在哪一步经过 float32？",
    ),
    rules=["dtype"],
)
@given(case=cases(lengths=(2, 4)), examples=5)
def test_dtype(candidate, case):
    # A factor in float32, of the scores say, leaves an error near 1e-9; float64 itself stays below 1e-13 here.
    assert_dtype(assert_agrees(candidate, case.doubled(), rtol=1e-10, atol=1e-10), torch.float64)
    assert_dtype(case.block(candidate)(case.x), torch.float32)


@check(
    title=Text("Large scores do no harm, and the future stays hidden", "分数很大也不出错，未来依然看不到"),
    hint=Text(
        "exp(100) is already inf in float32, and a hidden score may be 1e4 above the visible ones: "
        "is your fill low enough?",
        "float32 里 exp(100) 已经是 inf；被遮住的分数可能比看得到的高出 1e4：你填的值够小吗？",
    ),
    rules=["large", "causal"],
)
@given(case=tempting_cases(), examples=6)
def test_large_scores(candidate, case):
    assert_agrees(candidate, case, rtol=1e-3, atol=1e-3)
    found, _ = all_gradients(candidate, case)
    for name, gradient in found.items():
        assert_finite(gradient, Text(f"the gradient of {name}", f"{name} 的梯度"))


@check(
    title=Text("Gradients of x and of every parameter", "x 和每个参数的梯度"),
    hint=Text(
        "x reaches the result past both branches and through each of them. Does anything cut the graph?",
        "x 有三条路通到结果：绕过两个分支，以及分别穿过它们。有没有哪里切断了计算图？",
    ),
    points=2,
    rules=["gradients"],
)
@given(case=cases(lengths=(2, 4)), examples=6)
def test_gradients(candidate, case):
    wide = case.doubled()
    actual, eps = all_gradients(candidate, wide)
    for name, wanted in expected_gradients(wide, eps).items():
        what = Text(f"the gradient of {name}", f"{name} 的梯度")
        assert_close(actual[name], wanted, what, **VALUES[torch.float64])


@check(
    title=Text("A call leaves no trace", "调用不留痕迹"),
    hint=Text(
        "`x += ...` writes into the x that you were given: the residual stream is a new tensor after each sum.",
        "`x += ...` 会写进传进来的 x：每次求和之后，残差流都应当是一个新的张量。",
    ),
    rules=["unchanged"],
)
@given(case=cases(), examples=5)
def test_unchanged(candidate, case):
    block = case.block(candidate)
    with torch.no_grad():
        first = block(case.x)
        require(not candidate.last.changed_inputs, Text("the call modified x", "这次调用修改了 x"))
        assert_same(block(case.x), first, Text("a second call", "第二次调用"))
        assert_close(block.eval()(case.x), first, Text("the result in evaluation mode", "评估模式下的结果"))


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
        candidate.GPTBlock(width, n_heads)
    for width, n_heads in ((4, 3), (6, 4), (2, 4)):
        try:
            with raises_value_error("d_model"):
                candidate.GPTBlock(width, n_heads)
        except AssertionError:
            with raises_value_error("n_heads"):
                candidate.GPTBlock(width, n_heads)


def behaviour(candidate, random: torch.Generator) -> dict[str, object]:
    """What a submission does on one random input: what diagnosis compares."""

    def normal(*shape):
        return torch.randn(shape, generator=random, dtype=torch.float64)

    shapes = {**{f"attention.{name}": (6, 6) for name in PROJECTIONS}, "fc": (24, 6), "proj": (6, 24)}
    state = {f"{name}.weight": normal(*shape) / 2 for name, shape in shapes.items()}
    state |= {f"{name}.bias": normal(shape[0]) / 2 for name, shape in shapes.items()}
    for name in ("ln1", "ln2"):
        state |= {f"{name}.weight": 1 + normal(6) / 4, f"{name}.bias": normal(6)}
    plain = Case(2, state, normal(2, 4, 6))
    single = plain._replace(x=normal(2, 1, 6))
    tempted = tempting(normal(2, 4, 4).float() / 20)
    long = long_case(1026, random)

    def output(case):
        """The result, as float32: in float64 the eps of the norms, which is free, would show."""

        def look():
            with torch.no_grad():
                return case.block(candidate)(case.x).float()

        return look

    def near():
        block = plain.block(candidate)
        error = block(plain.x).detach() - plain.expected(claimed_eps(block))
        return bool(error.abs().max() < 1e-6)

    def slope():
        actual, eps = all_gradients(candidate, plain)
        return bool((actual["x"] - expected_gradients(plain, eps)["x"]).abs().max() < 1e-6)

    return {
        "result": output(plain),
        "result is right": near,
        "one token": output(single),
        "gradient is right": slope,
        "a future that scores high": output(tempted),
        "beyond 1024": output(long),
        "indivisible": lambda: bool(candidate.GPTBlock(4, 3)),
    }
