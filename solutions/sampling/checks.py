"""Hidden checks of sampling, in teaching order, and what diagnosis compares.

Thresholds stay away from ties: the logits of a row are distinct, and top_p lies in the middle of a wide gap between
cumulative sums.
"""

import torch
from hypothesis import assume
from hypothesis import strategies as st

from grader.exam import (
    Text,
    assert_close,
    assert_dtype,
    assert_equal,
    assert_finite,
    assert_same,
    check,
    given,
    gradients,
    raises_value_error,
    require,
    sizes,
)

GAP = 0.02
BATCH = st.just((3,))
NO_TOP_K = st.none()
TEMPERATURES = st.sampled_from((1.0, 0.5, 2.0, 0.8, 1.7))
KEPT = Text("the tokens that are kept", "保留下来的 token")


@st.composite
def rows(draw, *, least=1, most=7, lead=BATCH, dtype=torch.float32):
    """Logits (…, V); no two of a row are nearer to each other than 0.2."""
    shape = (*draw(lead), draw(sizes(least, most)))
    random = torch.Generator().manual_seed(draw(st.integers(0, 2**16)))
    steps = 0.2 + 0.8 * torch.rand(shape, generator=random, dtype=torch.float64)
    climb = steps.cumsum(dim=-1) - steps.sum(dim=-1, keepdim=True) / 2
    order = torch.rand(shape, generator=random).argsort(dim=-1)
    return climb.gather(-1, order).mul(100).round().div(100).to(dtype)


@st.composite
def nuclei(draw, *, top_k=NO_TOP_K, temperatures=TEMPERATURES, **which):
    """Logits and options with a top_p that no cumulative sum of any row comes near."""
    logits = draw(rows(**which))
    options = {"temperature": draw(temperatures)}
    k = draw(top_k)
    if k is not None:
        options["top_k"] = k
    ranked = (logits.double() / options["temperature"]).sort(dim=-1, descending=True).values[..., :k].softmax(dim=-1)
    levels = torch.cat((torch.zeros(1), ranked.cumsum(dim=-1).flatten(), torch.ones(1))).sort().values
    gaps = [
        (low + high) / 2
        for low, high in zip(levels[:-1].tolist(), levels[1:].tolist(), strict=True)
        if high - low > GAP
    ]
    assume(gaps)
    return logits, options | {"top_p": draw(st.sampled_from(gaps))}


def near(logits):
    """The same order, with differences that only just show at the precision of the logits."""
    return 1 + {torch.float32: 1e-5, torch.float64: 1e-10}[logits.dtype] * logits


def around_a_cut(logits, temperature, top_k=None, **_):
    """Two top_p for one row: just below and just above what its most likely tokens hold, where the next has a share."""
    ranked = (logits.double() / temperature).sort(descending=True).values[:top_k].softmax(dim=-1)
    sums = [
        total
        for total, share in zip(ranked.cumsum(dim=-1)[:-1].tolist(), ranked[1:].tolist(), strict=True)
        if share > GAP
    ]
    margin = {torch.float32: 5e-5, torch.float64: 1e-9}[logits.dtype]
    return [total + sign * margin for total in sums[-1:] for sign in (-1, 1)]


def assert_agrees(candidate, reference, logits, what=None, how=None, **options):
    """Compare one call with the reference in float64: which tokens are kept, then their probabilities."""
    actual = candidate.filter_probs(logits, **options)
    expected = reference.filter_probs(logits.double(), **options)
    assert_close(actual, expected, what, **(how or {}))
    if "top_k" in options or "top_p" in options:
        assert_equal(actual.detach() > 0, expected > 0, KEPT)
    return actual


def slope(candidate, logits, dtype, **options):
    start = logits.detach().to(dtype, copy=True).requires_grad_()
    return gradients(candidate.filter_probs(start, **options), {"logits": start})[0]


@check(
    title=Text("Without options it is softmax", "不带选项时就是 softmax"),
    hint=Text("Over which dimension do the probabilities of one row sum to 1?", "一行的概率沿哪一维求和为 1？"),
    rules=["shape"],
)
@given(logits=rows(), examples=8)
def test_plain_softmax(candidate, reference, logits):
    assert_agrees(candidate, reference, logits)


@check(
    title=Text("Temperature divides the logits", "temperature 去除 logits"),
    hint=Text(
        "Below 1 the distribution gets sharper, above 1 flatter. Divide logits, not probabilities.",
        "小于 1 分布变尖，大于 1 分布变平。除的是 logits，不是概率。",
    ),
    rules=["temperature"],
)
@given(logits=rows(least=2), temperature=TEMPERATURES, scale=st.sampled_from((1e-9, 1e-3, 1e3)), examples=16)
def test_temperature(candidate, reference, logits, temperature, scale):
    assert_agrees(candidate, reference, logits, temperature=temperature)
    assert_agrees(candidate, reference, logits * scale, temperature=scale * temperature)  # small, and not yet greedy


@check(
    title=Text("Temperature 0 is greedy", "temperature 为 0 就是贪心"),
    hint=Text(
        "x / 0 is no limit that softmax survives. Take the arg-max: one exact 1, the rest exact 0.",
        "x / 0 之后 softmax 就不成立了。直接取 arg-max：一个精确的 1，其余是精确的 0。",
    ),
    rules=["greedy", "dtype"],
)
@given(
    logits=st.sampled_from((torch.float32, torch.float64)).flatmap(lambda dtype: rows(dtype=dtype)),
    temperature=st.sampled_from((0.0, 0)),
    top_k=st.sampled_from((None, 2)),
    top_p=st.sampled_from((None, 0.3)),
    examples=10,
)
def test_greedy(candidate, logits, temperature, top_k, top_p):
    expected = torch.nn.functional.one_hot(logits.argmax(dim=-1), logits.shape[-1]).to(logits.dtype)
    for shown in (logits, near(logits)):
        actual = candidate.filter_probs(shown, temperature=temperature, top_k=top_k, top_p=top_p)
        assert_equal(actual.to(expected.dtype), expected)
        assert_dtype(actual, logits.dtype)


@check(
    title=Text("top_k keeps the k most likely", "top_k 保留最可能的 k 个"),
    hint=Text(
        "The others get exactly 0, and the k share the whole probability: renormalise.",
        "其余的 token 概率恰好为 0，这 k 个分掉全部概率：要重新归一化。",
    ),
    points=2,
    rules=["top_k"],
)
@given(logits=rows(least=2), k=sizes(1, 6), temperature=TEMPERATURES, examples=20)
def test_top_k(candidate, reference, logits, k, temperature):
    assert_agrees(candidate, reference, logits, top_k=min(k, logits.shape[-1]), temperature=temperature)


@check(
    title=Text("top_k of 1, of V, and above V", "top_k 为 1、为 V、大于 V"),
    hint=Text(
        "torch.topk fails when k is above V. What should be kept then?",
        "k 大于 V 时 torch.topk 会报错。这时该保留哪些？",
    ),
    rules=["top_k"],
)
@given(logits=rows(), more=st.sampled_from((0, 1, 50)), examples=10)
def test_top_k_edges(candidate, reference, logits, more):
    assert_agrees(candidate, reference, logits, top_k=1)
    assert_agrees(candidate, reference, logits, top_k=logits.shape[-1] + more)


@check(
    title=Text("top_p keeps the smallest set that reaches it", "top_p 保留达到它的最小集合"),
    hint=Text(
        "Sort, most likely first, and add up. The token that crosses the line stays. "
        "Afterwards each probability must go back to its own token.",
        "从最可能的开始排序、累加。跨过那条线的 token 要留下。之后每个概率要放回自己的 token 上。",
    ),
    points=3,
    rules=["top_p", "crossing"],
)
@given(case=nuclei(least=2), examples=30)
def test_top_p(candidate, reference, case):
    logits, options = case
    assert_agrees(candidate, reference, logits, **options)


@check(
    title=Text("A tiny top_p keeps one token, 1 keeps all", "很小的 top_p 保留一个，1 保留全部"),
    hint=Text(
        "The most likely token always stays. At top_p = 1 rounding of the cumulative sum must not drop rare tokens.",
        "最可能的 token 总要留下。top_p = 1 时，不能因为累加的舍入误差丢掉稀有 token。",
    ),
    rules=["crossing", "keep_all"],
)
@given(logits=rows(), tiny=st.sampled_from((1e-6, 0.01, 1e-12)), k=st.sampled_from((800, 700)), examples=10)
def test_top_p_edges(candidate, reference, logits, tiny, k):
    assert_agrees(candidate, reference, logits, top_p=tiny)
    assert_agrees(candidate, reference, logits, top_p=1.0)
    assert_agrees(candidate, reference, logits, top_p=1, top_k=2)
    many = torch.linspace(0, 1, 800).repeat(2, 1)
    many[:, ::5] -= 21  # a fifth of the tokens is far below what a float32 sum near 1 can tell
    many[1, 1:] -= 45  # one token has it all, as far as a float64 sum can tell
    kept = (candidate.filter_probs(many, top_p=1.0, top_k=k) > 0).sum(dim=-1)
    assert_equal(kept, torch.tensor([k, k]), Text("how many tokens are kept at top_p = 1", "top_p = 1 时保留的个数"))


@check(
    title=Text("top_k first, then top_p of what is left", "先 top_k，再对剩下的做 top_p"),
    hint=Text(
        "top_p is a share of the probability after top_k has been renormalised, and after the temperature.",
        "top_p 是 top_k 重新归一化之后的份额，也是除过 temperature 之后的份额。",
    ),
    points=2,
    rules=["order"],
)
@given(case=nuclei(least=3, top_k=sizes(2, 5)), examples=24)
def test_top_k_then_top_p(candidate, reference, case):
    logits, options = case
    assert_agrees(candidate, reference, logits, **options)


@check(
    title=Text("Any number of leading dimensions", "前面有几维都行"),
    hint=Text(
        "One row of V logits, (B, V), (B, T, V): each row is filtered by itself, along the last dimension.",
        "单独一行 V 个 logits、(B, V)、(B, T, V)：每一行各自沿最后一维过滤。",
    ),
    rules=["shape"],
)
@given(
    case=nuclei(lead=st.sampled_from(((), (1,), (2, 2), (1, 3))), top_k=st.sampled_from((None, 3)), most=5), examples=16
)
def test_any_shape(candidate, reference, case):
    logits, options = case
    assert_agrees(candidate, reference, logits, **options)
    assert_agrees(candidate, reference, logits, **(options | {"temperature": 0}))


@check(
    title=Text("Bad arguments raise ValueError", "参数不合法时抛出 ValueError"),
    hint=Text(
        "Check all three before anything is computed, also when temperature is 0. The message names the argument; "
        "temperature 0, top_k 1 and top_p 1 are legal.",
        "计算之前先检查三个参数，temperature 为 0 时也要检查。信息里写出参数名；"
        "temperature 0、top_k 1、top_p 1 都合法。",
    ),
    points=2,
    rules=["bad_temperature", "bad_top_k", "bad_top_p"],
)
def test_bad_arguments(candidate):
    logits = torch.tensor([[0.5, -0.5, 2.0]])
    bad = {"temperature": (-0.1, -1), "top_k": (0, -1), "top_p": (0.0, -0.1, 1.01, 2)}
    for name, values in bad.items():
        for value in values:
            for others in ({}, {"temperature": 0}, {"top_k": 2}, {"top_p": 0.9}):
                with raises_value_error(name):
                    candidate.filter_probs(logits, **(others | {name: value}))
    for legal in ({"temperature": 0.0}, {"top_k": 1}, {"top_p": 1.0}, {"top_p": 1e-9}, {"temperature": 1e-3}):
        assert_finite(candidate.filter_probs(logits, **legal))


@check(
    title=Text("float32 and float64 are kept", "float32 与 float64 各自保持"),
    hint=Text(
        "Look for .float() and for tensors that you create yourself: does float64 go through float32 anywhere, "
        "in the cumulative sum too?",
        "检查 .float() 和自己新建的张量：float64 的数据有没有在哪一步经过 float32？累加和也算。",
    ),
    rules=["dtype"],
)
@given(
    case=st.sampled_from((torch.float32, torch.float64)).flatmap(
        lambda dtype: nuclei(dtype=dtype, top_k=st.sampled_from((None, 3)), temperatures=st.sampled_from((1.0, 0.7)))
    ),
    examples=10,
)
def test_dtype(candidate, reference, case):
    logits, options = case
    what = Text(f"the output for {logits.dtype}", f"{logits.dtype} 输入的输出")
    assert_dtype(assert_agrees(candidate, reference, logits, what, **options), logits.dtype)
    # What a coarser type would confuse: logits that are near each other, and a top_p near a cumulative sum.
    if logits.shape[-1] > 1:
        assert_agrees(candidate, reference, near(logits), what, top_k=logits.shape[-1] // 2)
    for top_p in around_a_cut(logits[0], **options):
        assert_agrees(candidate, reference, logits[0], what, **(options | {"top_p": top_p}))


@check(
    title=Text("Logits of 1e4 do no harm", "logits 大到 1e4 也不出错"),
    hint=Text(
        "exp(100) is already inf in float32; softmax takes care of it. Is what you fill in low enough, below -1e4?",
        "float32 里 exp(100) 已经是 inf，用 softmax 就不会溢出。你填的值够小吗，比 -1e4 更小吗？",
    ),
    rules=["large"],
)
@given(logits=rows(least=3), shift=st.sampled_from((1e4, -1e4)), top_k=st.sampled_from((None, 2)), examples=12)
def test_large_logits(candidate, reference, logits, shift, top_k):
    for large in (logits.round(decimals=1) * 2048, (logits * 8).round() / 8 + shift):
        distinct = bool((large.sort(dim=-1).values.diff(dim=-1) > 0.1).all())
        if not distinct:
            continue
        for options in ({"top_k": top_k}, {"top_k": top_k, "top_p": 0.9999999}, {"temperature": 0.01}):
            rules = {name: value for name, value in options.items() if value is not None}
            actual = candidate.filter_probs(large, **rules)
            rules.pop("top_p", None)
            assert_close(actual, reference.filter_probs(large.double(), **rules), rtol=4e-3, atol=4e-3)
        assert_finite(slope(candidate, large, torch.float32, top_k=3), Text("the gradient of logits", "logits 的梯度"))
    # So low that no number one would fill in lies below: by themselves, and by a small temperature.
    best = torch.nn.functional.one_hot(logits.argmax(dim=-1), logits.shape[-1]).float()
    for low, options in (
        ((logits - 10) * 1e29, {"top_k": 2}),
        ((logits - 10) * 1e29, {"top_p": 0.5}),
        (logits - 1e4, {"top_k": 2, "temperature": 1e-20}),
        (logits - 1e4, {"top_p": 0.5, "temperature": 1e-20}),
    ):
        assert_close(candidate.filter_probs(low, **options), best)


@check(
    title=Text("The gradient of the logits", "logits 的梯度"),
    hint=Text(
        "It is softmax's over the tokens that are kept, over the temperature, and 0 for the others. "
        "Does anything cut the graph?",
        "在保留的 token 上就是 softmax 的梯度除以 temperature，其余为 0。有没有哪里切断了计算图？",
    ),
    points=2,
    rules=["gradients"],
)
@given(case=nuclei(least=2, top_k=st.sampled_from((None, 2, 3))), without=st.booleans(), examples=16)
def test_gradients(candidate, reference, case, without):
    logits, options = case
    if without:
        del options["top_p"]
    expected = slope(reference, logits, torch.float64, **options)
    for dtype in (torch.float32, torch.float64):
        what = Text(f"the gradient of logits in {dtype}", f"{dtype} 下 logits 的梯度")
        assert_close(slope(candidate, logits, dtype, **options), expected, what)


@check(
    title=Text("A call leaves logits alone", "调用不改动 logits"),
    hint=Text(
        "`logits[mask] = -inf`, `/=` and methods that end in an underscore write into the caller's tensor.",
        "`logits[mask] = -inf`、`/=` 和下划线结尾的方法，都会写进调用者的张量。",
    ),
    rules=["unchanged"],
)
@given(case=nuclei(least=2, top_k=st.just(2)), temperature=st.sampled_from((0, 0.5)), examples=8)
def test_inputs_unchanged(candidate, case, temperature):
    logits, options = case
    for call in (options, {"temperature": temperature}, {"top_k": 2}, {"top_p": options["top_p"]}):
        first = candidate.filter_probs(logits, **call)
        changed = ", ".join(candidate.last.changed_inputs)
        require(not changed, Text(f"the call modified {changed}", f"这次调用修改了 {changed}"))
        assert_same(candidate.filter_probs(logits, **call), first, Text("a second call", "第二次调用"))


def behaviour(candidate, random: torch.Generator) -> dict[str, object]:
    """What a submission does on one random input: what diagnosis compares."""
    climb = torch.tensor([0.0, 0.4, 0.7, 1.2, 1.9, 2.2])
    logits = torch.stack([climb[torch.randperm(6, generator=random)] for _ in range(3)])

    def call(given_logits=logits, **options):
        return lambda: candidate.filter_probs(given_logits, **options)

    def changed_inputs():
        candidate.filter_probs(logits, temperature=0.5, top_k=3, top_p=0.6)
        return " ".join(candidate.last.changed_inputs)

    def keeps_float64():
        precise = logits.double() / 3
        one, other = (candidate.filter_probs(t, top_k=4) for t in (precise, precise.float().double()))
        return not torch.equal(one, other)

    def slope_of(**options):
        return lambda: slope(candidate, logits, torch.float32, **options)

    def accepts(**options):
        def accepted():
            candidate.filter_probs(logits, **options)
            return "accepted"

        return accepted

    return {
        "plain": call(),
        "temperature 0.5": call(temperature=0.5),
        "temperature 0": call(temperature=0),
        "top_k 3": call(top_k=3),
        "top_k 9": call(top_k=9),
        "top_p 0.6": call(top_p=0.6),
        "top_p tiny": call(top_p=1e-6),
        "top_p 1": call(torch.cat((logits, logits - 30), dim=-1), top_p=1.0),
        "top_k 3, top_p 0.7": call(top_k=3, top_p=0.7),
        "temperature 2, top_p 0.6": call(temperature=2.0, top_p=0.6),
        "one row": call(logits[0], top_p=0.6, top_k=4),
        "float64": call(logits.double() / 3, top_p=0.6),
        "keeps float64": keeps_float64,
        "large": call(2048 * logits, top_k=2),
        "very low": call(logits - 20_000, top_k=2),
        "gradient": slope_of(),
        "gradient, top_k 3": slope_of(top_k=3),
        "changed inputs": changed_inputs,
        "temperature -1": accepts(temperature=-1.0),
        "top_k 0": accepts(top_k=0),
        "top_p 0": accepts(top_p=0.0),
        "top_p 2, greedy": accepts(top_p=2.0, temperature=0),
    }
