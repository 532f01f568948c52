"""Hidden checks of kv_cache, in teaching order, and what diagnosis compares."""

import math
from typing import NamedTuple

import torch
from hypothesis import strategies as st

from grader.exam import (
    Text,
    assert_close,
    assert_dtype,
    assert_finite,
    assert_shape,
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
NAMES = [f"{name}.weight" for name in PROJECTIONS]

# exp(s - logsumexp(s)) is a right softmax, and off by this much at scores near 2e4 in float32.
LARGE = {"rtol": 4e-3, "atol": 4e-3}

# Several times the float32 error of the references' own arithmetic, where sums cancel.
VALUES = {torch.float32: {"rtol": 1e-4, "atol": 1e-4}, torch.float64: {"rtol": 1e-9, "atol": 1e-9}}
GRADIENT = {"rtol": 1e-3, "atol": 1e-3}


class Case(NamedTuple):
    """A layer by its heads and weights, a sequence, and the lengths of the chunks that it comes in."""

    n_heads: int
    state: dict[str, torch.Tensor]
    x: torch.Tensor
    chunks: tuple[int, ...] = ()

    def layer(self, candidate):
        """The candidate's layer with these weights."""
        layer = candidate.CachedSelfAttention(self.x.shape[-1], self.n_heads)
        if self.x.dtype == torch.float64:
            layer.double()
        layer.load_state_dict(self.state, strict=False)
        return layer

    def doubled(self):
        """The same numbers in float64."""
        return self._replace(state={name: value.double() for name, value in self.state.items()}, x=self.x.double())

    def parts(self):
        return self.x.split(self.chunks, dim=1)

    @expectation
    def expected(self, reference):
        """What the reference makes of the whole sequence in float64."""
        wide = self.doubled()
        return wide.layer(reference)(wide.x)[0].detach()


@st.composite
def cases(draw, *, pieces=(1, 1), longest=4, batch=3, dtype=torch.float32):
    """Sizes by themselves; the sequence is as long as its chunks together."""
    n_heads = draw(sizes(1, 3))
    width = n_heads * draw(sizes(1, 3))
    state = {name: draw(tensors(width, width, dtype=dtype, scale=0.5)) for name in NAMES}
    chunks = tuple(draw(st.lists(sizes(1, longest), min_size=pieces[0], max_size=pieces[1])))
    x = draw(tensors(draw(sizes(1, batch)), sum(chunks), width, dtype=dtype))
    return Case(n_heads, state, x, chunks)


@st.composite
def large_cases(draw):
    """Whole numbers whose scores come near 1e4; a width with an exact root, so that float32 keeps them whole."""
    n_heads, size = draw(sizes(1, 2)), draw(st.sampled_from((1, 4)))
    width = n_heads * size
    weights = [draw(integers_tensor(width, width, low=-3, high=4)).float() for _ in NAMES]
    chunks = tuple(draw(st.lists(sizes(1, 3), min_size=1, max_size=3)))
    x = draw(integers_tensor(draw(sizes(1, 2)), sum(chunks), width, low=-3, high=4)).float()
    return enlarged(n_heads, weights, x, chunks)


@st.composite
def tempting_cases(draw):
    """Every token of the future has by far the better score."""
    chunks = tuple(draw(st.lists(sizes(1, 3), min_size=1, max_size=3)))
    return tempting(draw(integers_tensor(draw(sizes(1, 2)), sum(chunks), 1, low=-9, high=10)).float(), chunks)


def enlarged(n_heads, weights, x, chunks):
    """Multiply q_proj's weight by a whole number that takes the scores to at most 1e4: float32 holds them exactly."""
    w_q, w_k, w_v, w_out = weights
    bound = ((x @ w_q.T).abs() @ (x @ w_k.T).abs().mT).max() / math.sqrt(len(w_q) / n_heads)
    weights = (w_q * (1e4 // bound.clamp(min=1)), w_k, w_v, w_out / 4)
    return Case(n_heads, dict(zip(NAMES, weights, strict=True)), x, chunks)


def tempting(values, chunks):
    """Every token scores -15000 with the first half of the sequence, and +15000 with the second."""
    batch, length, _ = values.shape
    half = torch.where(torch.arange(length) < (length + 1) // 2, -1.0, 1.0).expand(batch, length)[..., None]
    x = torch.cat((torch.ones_like(values), half, values, values), dim=-1)  # two heads of width two
    w_q, w_k, w_v = torch.zeros(4, 4), torch.zeros(4, 4), torch.zeros(4, 4)
    w_q[0, 0] = w_q[2, 0] = 128.0
    w_k[0, 1] = w_k[2, 1] = 166.0
    w_v[:, 2] = torch.tensor([1.0, -1.0, 2.0, 0.5])
    return Case(2, dict(zip(NAMES, (w_q, w_k, w_v, torch.eye(4)), strict=True)), x, chunks)


def feed(layer, parts, cache=None):
    """The outputs of all parts side by side, and the cache after them."""
    outputs = []
    for part in parts:
        output, cache = layer(part) if cache is None else layer(part, cache)
        assert_shape(output, part.shape)
        outputs.append(output)
    return torch.cat(outputs, dim=1), cache


def assert_agrees(candidate, reference, case, **how):
    """Fed in its chunks, the sequence gives what the reference makes of the whole in float64."""
    with torch.no_grad():
        actual, _ = feed(case.layer(candidate), case.parts())
    assert_close(actual, case.expected(reference), **(how or VALUES[actual.dtype]))
    return actual


@expectation
def all_gradients(candidate, case):
    """Gradients by name for a sequence without a cache."""
    layer = case.layer(candidate)
    x = case.x.clone().requires_grad_()
    output, _ = layer(x)
    wanted = {"x": x} | {name: parameter for name, parameter in layer.named_parameters() if name in NAMES}
    return dict(zip(wanted, gradients(output, wanted), strict=True))


@expectation
def continued_gradients(candidate, case):
    """Gradients by name for the last chunk, after the others went into the cache."""
    layer = case.layer(candidate)
    *before, last = case.parts()
    with torch.no_grad():
        _, cache = feed(layer, before)
    x = last.clone().requires_grad_()
    output, _ = layer(x, cache)
    wanted = {"x": x, "q_proj.weight": layer.q_proj.weight, "out_proj.weight": layer.out_proj.weight}
    return dict(zip(wanted, gradients(output, wanted), strict=True))


@check(
    title=Text(
        "It returns y (B, Tn, D) and a cache, and takes the cache back", "返回 y (B, Tn, D) 和缓存，并能接着用缓存"
    ),
    hint=Text(
        "Return a tuple of two. On the second call only Tn queries are new, but L + Tn keys are there: "
        "which shapes follow which?",
        "返回由两项组成的 tuple。第二次调用时，新的 query 只有 Tn 个，key 却有 L + Tn 个：各处的形状跟着哪一个走？",
    ),
    rules=["shape"],
)
@given(case=cases(pieces=(2, 2)), examples=5)
def test_shape(candidate, case):
    layer, (first, second) = case.layer(candidate), case.parts()
    y, cache = layer(first)
    assert_shape(y, first.shape)
    y, _ = layer(second, cache)
    assert_shape(y, second.shape, Text("y of the second call", "第二次调用的 y"))
    require(not candidate.last.changed_inputs, Text("the call modified x", "这次调用修改了 x"))


@check(
    title=Text("Four linear layers without a bias, and nothing else kept", "四个不带 bias 的线性层，此外什么都不存"),
    hint=Text(
        "Print [(n, p.shape) for n, p in layer.named_parameters()], and state_dict().keys() after a call.",
        "打印 [(n, p.shape) for n, p in layer.named_parameters()]，再看看调用之后的 state_dict().keys()。",
    ),
    rules=["layers"],
)
@given(case=cases(), examples=5)
def test_layers(candidate, case):
    layer = candidate.CachedSelfAttention(case.x.shape[-1], case.n_heads)
    found = dict(layer.named_parameters())
    wrong = ", ".join(sorted(found.keys() ^ set(NAMES)))
    require(not wrong, Text(f"missing, or not asked for: {wrong}", f"缺少或多出了这些参数：{wrong}"))
    for name, value in case.state.items():
        assert_shape(found[name], value.shape, Text(name, f"参数 {name}"))
        require(found[name].requires_grad, Text(f"{name} is not trainable", f"{name} 不可训练"))
    before = layer.state_dict().keys()
    require(before >= set(NAMES), Text("state_dict() lacks a weight", "state_dict() 里缺了权重"))
    feed(layer, (case.x, case.x))
    require(
        layer.state_dict().keys() == before, Text("a call adds to state_dict()", "调用之后 state_dict() 里多了东西")
    )


@check(
    title=Text("Without a cache: causal multi-head attention", "没有缓存时：因果多头注意力"),
    hint=Text(
        "This is multi-head attention with a causal mask. Row 0 of the mask leaves one key, the last row all of them.",
        "这就是带因果 mask 的多头注意力。mask 的第 0 行只剩一个 key，最后一行全部看得到。",
    ),
    points=2,
    rules=["causal"],
)
@given(case=cases(longest=6), examples=9)
def test_whole(candidate, reference, case):
    assert_agrees(candidate, reference, case)


@check(
    title=Text("Token by token gives the same as the whole", "逐个 token 送入，与整个送入结果相同"),
    hint=Text(
        "What does the second token need from the first, and what must the third find in the cache?",
        "第二个 token 需要第一个 token 的什么？第三个 token 来的时候，缓存里必须有什么？",
    ),
    points=2,
    rules=["chunks"],
)
@given(case=cases(pieces=(2, 5), longest=1), examples=8)
def test_token_by_token(candidate, reference, case):
    assert_agrees(candidate, reference, case)


@check(
    title=Text("Chunks of any length give the same as the whole", "任意分段送入，与整个送入结果相同"),
    hint=Text(
        "With L tokens in the cache and Tn new ones the mask is (Tn, L + Tn). Draw it for L = 2, Tn = 2: "
        "the first new token sees three keys.",
        "缓存里有 L 个、新来 Tn 个 token 时，mask 是 (Tn, L + Tn)。"
        "画出 L = 2、Tn = 2 的情形：第一个新 token 看得到三个 key。",
    ),
    points=3,
    rules=["chunks", "causal"],
)
@given(case=cases(pieces=(2, 4)), examples=10)
def test_chunks(candidate, reference, case):
    assert_agrees(candidate, reference, case)


@check(
    title=Text("One cache, continued several times", "同一个缓存可以接着算多次"),
    hint=Text(
        "Beam search continues one cache with different tokens. append, +=, and writing into a buffer that the old "
        "cache also holds change what the caller has in hand.",
        "beam search 会用不同的 token 接着同一个缓存算。"
        "append、+=、往旧缓存也在用的 buffer 里写，都会改掉调用者手里的东西。",
    ),
    points=2,
    rules=["cache"],
)
@given(case=cases(pieces=(4, 4), longest=2, batch=2), examples=6)
def test_cache_is_continued_twice(candidate, reference, case):
    layer, (start, one, other, after) = case.layer(candidate), case.parts()
    with torch.no_grad():
        _, cache = layer(start)
        branches = [(part, *layer(part, cache)) for part in (one, other)]
        ends = [(part, y, *layer(after, branch)) for part, y, branch in branches]
        again, _ = layer(one, cache)
    for part, y, end, _ in ends:
        whole = case._replace(x=torch.cat((start, part, after), dim=1)).expected(reference)
        first, last = whole[:, start.shape[1] :].split((part.shape[1], after.shape[1]), dim=1)
        assert_close(y, first, Text("a continuation of the cache", "接着同一个缓存算的结果"), **VALUES[y.dtype])
        assert_close(end, last, Text("a continuation of a continuation", "在后续上再接着算的结果"), **VALUES[y.dtype])
    assert_close(again, ends[0][1], Text("the same continuation once more", "同样的后续再算一次"), **VALUES[y.dtype])


@check(
    title=Text("Old keys and values are not computed again", "不重算旧的 key 和 value"),
    hint=Text(
        "What exactly do you keep: the tokens, or what k_proj and v_proj made of them?",
        "你存下来的究竟是什么：是 token 本身，还是 k_proj、v_proj 算出来的结果？",
    ),
    points=2,
    rules=["kept"],
)
@given(case=cases(pieces=(3, 3), longest=3), examples=6)
def test_old_keys_are_kept(candidate, reference, case):
    actual = after_new_weights(candidate, case)
    expected = after_new_weights(reference, case.doubled())
    what = Text("the output after k_proj and v_proj have changed", "k_proj 和 v_proj 改变之后的输出")
    assert_close(actual, expected, what, **VALUES[actual.dtype])


@expectation
def after_new_weights(candidate, case):
    """The outputs for chunks between which k_proj and v_proj change."""
    layer, outputs, cache = case.layer(candidate), [], None
    with torch.no_grad():
        for part in case.parts():
            output, cache = feed(layer, (part,), cache)
            outputs.append(output)
            for projection in (layer.k_proj, layer.v_proj):
                weight = projection.weight
                weight.copy_(weight.flip(0) + 0.25)
    return torch.cat(outputs, dim=1)


@check(
    title=Text("Several sequences in turn through one module", "同一个模块轮流服务多个序列"),
    hint=Text(
        "All that is known of a sequence must be in its cache. Does an attribute of self survive a call?",
        "一个序列的全部信息都应当在它自己的缓存里。self 上有没有什么属性在调用之后还留着？",
    ),
    rules=["stateless", "cache"],
)
@given(case=cases(pieces=(2, 2), longest=3), other=sizes(1, 3), examples=5)
def test_no_hidden_state(candidate, reference, case, other):
    layer, (first, second) = case.layer(candidate), case.parts()
    second_sequence = case._replace(x=case.x[:1].flip(1).repeat(other, 1, 1) * 0.5)
    with torch.no_grad():
        _, cache = layer(first)
        whole, _ = layer(second_sequence.x)
        y, _ = layer(second, cache)
    wanted = case.expected(reference)[:, first.shape[1] :]
    what = Text("the output for another sequence", "另一个序列的输出")
    assert_close(whole, second_sequence.expected(reference), what, **VALUES[y.dtype])
    what = Text("the output after another sequence came between", "中间插入另一个序列之后的输出")
    assert_close(y, wanted, what, **VALUES[y.dtype])


@check(
    title=Text("More than two thousand tokens", "超过两千个 token"),
    hint=Text(
        "Where does the size of your mask, or of your buffer, come from: this call, or a number fixed in advance?",
        "mask 或 buffer 的大小从哪里来：来自这次调用，还是事先写死的数字？",
    ),
    rules=["long"],
)
def test_long(candidate, reference):
    random = torch.Generator().manual_seed(0)
    state = {name: torch.randn(2, 2, generator=random) for name in NAMES}
    assert_agrees(candidate, reference, Case(1, state, torch.randn(1, 2060, 2, generator=random), (2030, 29, 1)))


@check(
    title=Text("float32 and float64 are kept, in the cache too", "float32 与 float64 各自保持，缓存里也一样"),
    hint=Text(
        "Look for tensors that you create yourself and for casts. Are keys kept at the precision of x?",
        "检查自己新建的张量和类型转换。缓存里的 key 精度和 x 一样吗？",
    ),
    rules=["dtype"],
)
@given(case=cases(pieces=(1, 3)), examples=5)
def test_dtype(candidate, reference, case):
    assert_dtype(assert_agrees(candidate, reference, case), torch.float32)
    assert_dtype(assert_agrees(candidate, reference, case.doubled()), torch.float64)


@check(
    title=Text("Large scores do no harm, and the future stays hidden", "分数很大也不出错，未来依然看不到"),
    hint=Text(
        "exp(100) is already inf in float32, and a hidden score may be 1e4 above the visible ones: "
        "is your fill low enough?",
        "float32 里 exp(100) 已经是 inf；被遮住的分数可能比看得到的高出 1e4：你填的值够小吗？",
    ),
    rules=["large"],
)
@given(case=large_cases() | tempting_cases(), examples=8)
def test_large_scores(candidate, reference, case):
    assert_agrees(candidate, reference, case, **LARGE)
    for name, gradient in all_gradients(candidate, case).items():
        assert_finite(gradient, Text(f"the gradient of {name}", f"{name} 的梯度"))


@check(
    title=Text("Gradients, without and with a cache", "梯度：没有缓存和有缓存时"),
    hint=Text(
        "Detaching what goes into the cache is fine. Does it also cut this call's own keys and values?",
        "对存进缓存的内容做 detach 没有问题。它有没有连这次调用自己的 key 和 value 也一起切断？",
    ),
    points=2,
    rules=["gradients"],
)
@given(case=cases(pieces=(2, 3)), examples=5)
def test_gradients(candidate, reference, case):
    for of in (all_gradients, continued_gradients):
        actual, expected = of(candidate, case), of(reference, case.doubled())
        for name, wanted in expected.items():
            assert_close(actual[name], wanted, Text(f"the gradient of {name}", f"{name} 的梯度"), **GRADIENT)


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
        candidate.CachedSelfAttention(width, n_heads)
    for width, n_heads in ((4, 3), (6, 4), (2, 4)):
        try:
            with raises_value_error("d_model"):
                candidate.CachedSelfAttention(width, n_heads)
        except AssertionError:
            with raises_value_error("n_heads"):
                candidate.CachedSelfAttention(width, n_heads)


def behaviour(candidate, random: torch.Generator) -> dict[str, object]:
    """What a submission does on one random input: what diagnosis compares."""

    def normal(*shape):
        return torch.randn(shape, generator=random, dtype=torch.float64)

    state = {name: normal(6, 6) / 2 for name in NAMES}
    case = Case(2, state, normal(2, 6, 6) / 3, (2, 1, 3))
    narrow = Case(2, {name: value.float() for name, value in state.items()}, case.x.float(), (6,))

    def output(*chunks):
        def look():
            with torch.no_grad():
                return feed(case.layer(candidate), case.x.split(chunks, dim=1))[0]

        return look

    def fork():
        layer, (start, one, other) = case.layer(candidate), case.parts()
        with torch.no_grad():
            _, cache = layer(start)
            branches = [layer(part, cache) for part in (one, other)]
            return [layer(one, branch)[0] for _, branch in branches]

    def interleaved():
        layer, (first, second, _) = case.layer(candidate), case.parts()
        with torch.no_grad():
            _, cache = layer(first)
            layer(first + 1.0)
            return layer(second, cache)[0]

    def tempted():
        future = tempting(torch.randint(-9, 10, (2, 4, 1), generator=random).float(), (4,))
        with torch.no_grad():
            return future.layer(candidate)(future.x)[0]

    return {
        "whole": output(6),
        "token by token": output(1, 1, 1, 1, 1, 1),
        "a chunk, then tokens": output(3, 1, 1, 1),
        "two chunks": output(3, 3),
        "three chunks": output(2, 1, 3),
        "forked": fork,
        "interleaved": interleaved,
        "new weights": lambda: after_new_weights(candidate, case),
        "tempted": tempted,
        "float32": lambda: narrow.layer(candidate)(narrow.x)[0].detach(),
        "parameters": lambda: sorted(n for n, _ in candidate.CachedSelfAttention(4, 2).named_parameters()),
        "indivisible": lambda: bool(candidate.CachedSelfAttention(4, 3)),
    }
