"""Hidden checks of self_attention, in teaching order, and what diagnosis compares."""

import math

import torch
from hypothesis import strategies as st

from grader.exam import (
    Text,
    assert_close,
    assert_dtype,
    assert_equal,
    assert_finite,
    assert_same,
    assert_shape,
    bool_tensors,
    check,
    given,
    gradients,
    integers_tensor,
    require,
    sizes,
    tensors,
)

NAMES = ("x", "w_q", "w_k", "w_v")

# Widths with an exact square root: a scale worked out in float32 is then no error, and large scores stay whole numbers.
EXACT = st.sampled_from((1, 4))

DTYPES = st.sampled_from((torch.float32, torch.float64))

# exp(s - logsumexp(s)) is a right softmax, and off by this much at scores near 2e4 in float32.
LARGE = {"rtol": 4e-3, "atol": 4e-3}

# Several times the float32 error of the references' own backward, where products of w_q, w_k and x cancel.
GRADIENT = {"rtol": 1e-3, "atol": 1e-4}


@st.composite
def shapes(draw, *, rows=1, tokens=1, exact=False):
    """Shapes of x, w_q, w_k and w_v, each size drawn by itself; `rows` and `tokens` are the least there are."""
    b, t, d, v = draw(sizes(rows, 3)), draw(sizes(tokens, 5)), draw(sizes(1, 4)), draw(sizes(1, 4))
    k = draw(EXACT if exact else sizes(1, 5))
    return (b, t, d), (d, k), (d, k), (d, v)


@st.composite
def cases(draw, *, dtype=torch.float32, **which):
    """Positional arguments and options of one call, here without options."""
    return tuple(draw(tensors(*shape, dtype=dtype)) for shape in draw(shapes(**which))), {}


@st.composite
def padded_cases(draw, *, causal=(False,), **which):
    """A padding mask that leaves each row a real key: the first one where a causal mask may join it."""
    args, _ = draw(cases(**which))
    batch, length, _ = args[0].shape
    mask = draw(bool_tensors(batch, length))
    options = {"causal": draw(st.sampled_from(causal)), "key_padding_mask": mask}
    mask[:, 0 if options["causal"] else draw(sizes(0, length - 1))] = False
    return args, options


@st.composite
def unseeing_cases(draw, **which):
    """Rows that start with padding: a query of the first sees no key; of several rows, the last has no padding."""
    args, _ = draw(cases(**which))
    batch, length, _ = args[0].shape
    causal = draw(st.booleans())
    leading = [draw(sizes(0, length)) for _ in range(batch)]
    leading[-1] = 0
    leading[0] = draw(sizes(1, length)) if causal else length
    return args, {"causal": causal, "key_padding_mask": torch.arange(length) < torch.tensor(leading)[:, None]}


@st.composite
def large_cases(draw):
    """Whole numbers whose scores come near 1e4."""
    drawn = draw(shapes(tokens=2, exact=True))
    return enlarged(*(draw(integers_tensor(*shape, low=-3, high=4)).float() for shape in drawn)), {}


@st.composite
def tempting_cases(draw):
    """Every hidden key has by far the better score."""
    batch, length = draw(sizes(1, 2)), draw(sizes(2, 5))
    visible = draw(sizes(1, length - 1))
    hidden = (torch.arange(length) >= visible).repeat(batch, 1)
    numbers = draw(integers_tensor(batch, length, low=-9, high=10)).float()
    padding, causal = {"key_padding_mask": hidden}, {"causal": True}
    return tempting(numbers, visible), draw(st.sampled_from((padding, causal, padding | causal)))


def enlarged(x, w_q, w_k, w_v):
    """Multiply w_q by a whole number that takes the scores to at most 1e4: float32 still holds them exactly."""
    largest = ((x @ w_q).abs() @ (x @ w_k).abs().mT).max() / math.sqrt(w_k.shape[1])
    return x, w_q * (1e4 // largest.clamp(min=1)), w_k, w_v


def tempting(numbers, visible):
    """The `visible` first keys of numbers (B, T) score -14400 with each other and +14400 with those that follow."""
    sign = torch.where(torch.arange(numbers.shape[1]) < visible, -1.0, 1.0)
    x = torch.stack((sign.expand_as(numbers), numbers), dim=-1)  # (B, T, 2)
    return x, torch.tensor([[-120.0], [0.0]]), torch.tensor([[120.0], [0.0]]), torch.tensor([[0.0, 1.0], [1.0, 0.0]])


def sees_some_key(causal, key_padding_mask):
    """Which queries (B, T) see at least one key."""
    real = ~key_padding_mask
    return real.cumsum(dim=1) > 0 if causal else real.any(dim=1, keepdim=True).expand_as(real)


def leaves(args, dtype=None):
    """The four tensors by name, each the start of a graph."""
    return {n: t.detach().to(dtype or t.dtype).requires_grad_() for n, t in zip(NAMES, args, strict=True)}


def assert_agrees(candidate, reference, case, **how):
    """Compare one call with what the reference makes of the same numbers in float64."""
    args, options = case
    actual = candidate.self_attention(*args, **options)
    expected = reference.self_attention(*(t.double() for t in args), **options)
    assert_close(actual, expected, **how)
    return actual


def assert_gradients_agree(candidate, reference, case):
    """Compare the gradients of all four tensors with the reference's in float64."""
    args, options = case
    ours, theirs = leaves(args), leaves(args, torch.float64)
    expected = gradients(reference.self_attention(*theirs.values(), **options), theirs)
    actual = gradients(candidate.self_attention(*ours.values(), **options), ours)
    for name, ours_of, theirs_of in zip(NAMES, actual, expected, strict=True):
        assert_close(ours_of, theirs_of, gradient_of(name), **GRADIENT)


def gradient_of(name):
    return Text(f"the gradient of {name}", f"{name} 的梯度")


@check(
    title=Text("It runs and returns (B, T, Dv)", "能运行，返回形状 (B, T, Dv)"),
    hint=Text(
        "Write the shape at the end of each line. Which of the five sizes survive in the result, "
        "and what becomes of a size that happens to be 1?",
        "在每行末尾写下张量的形状。五个尺寸里哪几个会留在结果中？某个尺寸恰好是 1 时会怎样？",
    ),
    rules=["shape"],
)
@given(case=cases(), examples=6)
def test_shape(candidate, case):
    args, _ = case
    (batch, length, _), (_, d_v) = args[0].shape, args[3].shape
    assert_shape(candidate.self_attention(*args), (batch, length, d_v))


@check(
    title=Text("Each query averages the values by its scores", "每个 query 按分数对 value 加权平均"),
    hint=Text(
        "Take T = 2 and work one row out by hand. Whose product is score [t, s], what is it divided by, "
        "and over which dimension must the weights of one query sum to one?",
        "取 T = 2，手算一行。分数 [t, s] 是谁和谁的内积？除以什么？一个 query 的权重应当在哪一维上加起来等于 1？",
    ),
    points=3,
    rules=["scores"],
)
@given(case=cases(), examples=16)
def test_values(candidate, reference, case):
    assert_agrees(candidate, reference, case)


@check(
    title=Text("causal: a position sees itself and the past", "causal：每个位置只看自己和过去"),
    hint=Text(
        "Print the mask for T = 3. Row 0 should leave one key, row 2 all three. Is it the same without `causal`?",
        "打印 T = 3 时的 mask：第 0 行应当剩一个 key，第 2 行剩三个。没传 `causal` 时还会遮吗？",
    ),
    points=2,
    rules=["causal"],
)
@given(case=cases(), examples=10)
def test_causal(candidate, reference, case):
    args, _ = case
    assert_agrees(candidate, reference, (args, {"causal": True}))


@check(
    title=Text("causal over a thousand tokens", "超过一千个 token 时 causal 仍然成立"),
    hint=Text(
        "Where does the size of your mask come from: from this x, or from a number fixed in advance?",
        "mask 的大小从哪里来：来自这次传入的 x，还是事先写死的数字？",
    ),
    rules=["causal"],
)
def test_long_causal(candidate, reference):
    random = torch.Generator().manual_seed(0)
    args = tuple(torch.randn(shape, generator=random) for shape in ((1, 1040, 2), (2, 3), (2, 3), (2, 2)))
    assert_agrees(candidate, reference, (args, {"causal": True}))


@check(
    title=Text("key_padding_mask hides keys, row by row", "key_padding_mask 逐行遮住 key"),
    hint=Text(
        "True marks padding. The mask is (B, T) and the scores are (B, T, T): "
        "which of the two T does it speak about, and does each row of the batch use its own?",
        "True 表示 padding。mask 是 (B, T)，分数是 (B, T, T)：它说的是哪一个 T？batch 里每一行用的是不是自己的 mask？",
    ),
    points=2,
    rules=["padding"],
)
@given(case=padded_cases(), examples=14)
def test_padding(candidate, reference, case):
    assert_agrees(candidate, reference, case)


@check(
    title=Text("causal and padding together", "causal 与 padding 同时使用"),
    hint=Text(
        "A key counts only if neither mask hides it. How do you join a (T, T) mask with a (B, T) mask?",
        "只有两个 mask 都没遮住的 key 才算数。(T, T) 的 mask 和 (B, T) 的 mask 怎样合在一起？",
    ),
    points=2,
    rules=["both"],
)
@given(case=padded_cases(tokens=2, causal=(True,)), examples=12)
def test_causal_and_padding(candidate, reference, case):
    assert_agrees(candidate, reference, case)


@check(
    title=Text("A query that sees no key gives zeros", "看不到任何 key 的 query 得到零"),
    hint=Text(
        "What does softmax make of a row that is masked everywhere? "
        "It happens to a row of padding only, and to the first queries when causal meets leading padding.",
        "整行都被遮住时，softmax 会给出什么？两种情形会遇到：整行都是 padding；causal 遇上开头的 padding。",
    ),
    points=2,
    rules=["empty"],
)
@given(case=unseeing_cases(), examples=12)
def test_no_visible_key(candidate, reference, case):
    actual = assert_agrees(candidate, reference, case)
    nothing = actual[~sees_some_key(**case[1])]
    assert_equal(nothing, torch.zeros_like(nothing), Text("the queries that see no key", "看不到 key 的 query"))


@check(
    title=Text("float32 and float64 are kept", "float32 与 float64 各自保持"),
    hint=Text(
        "Look for tensors that you create yourself and for casts: does float64 go through float32 anywhere?",
        "检查自己新建的张量和类型转换：float64 的数据有没有在哪一步经过 float32？",
    ),
    rules=["dtype"],
)
@given(case=DTYPES.flatmap(lambda dtype: padded_cases(dtype=dtype, exact=True, causal=(False, True))), examples=10)
def test_dtype(candidate, reference, case):
    dtype = case[0][0].dtype
    what = Text(f"the output for {dtype}", f"{dtype} 输入的输出")
    assert_dtype(assert_agrees(candidate, reference, case, what=what), dtype)


@check(
    title=Text("Scores of 1e4 do no harm", "分数大到 1e4 也不出错"),
    hint=Text(
        "exp(100) is already inf in float32. Softmax stays the same when one number is taken from a whole row: "
        "which number helps?",
        "float32 里 exp(100) 已经是 inf。一整行同时减去一个数，softmax 不变：减哪个数有用？",
    ),
    rules=["large"],
)
@given(case=large_cases(), examples=10)
def test_large_scores(candidate, reference, case):
    args, options = case
    ours = leaves(args)
    actual = assert_agrees(candidate, reference, (tuple(ours.values()), options), **LARGE)
    for name, gradient in zip(NAMES, gradients(actual, ours), strict=True):
        assert_finite(gradient, gradient_of(name))


@check(
    title=Text("Masks hold at large scores", "分数很大时 mask 依然有效"),
    hint=Text(
        "Here a query has scores of -14400 for the keys that it sees and +14400 for hidden ones. "
        "Is your fill low enough, and is it in place before the softmax looks at the row?",
        "这里的 query 对看得到的 key 打 -14400 分，对被遮住的打 +14400 分。"
        "你填的值够小吗？softmax 看到这一行之前，它已经填好了吗？",
    ),
    rules=["large", "causal", "padding"],
)
@given(case=tempting_cases(), examples=8)
def test_masks_at_large_scores(candidate, reference, case):
    assert_agrees(candidate, reference, case, **LARGE)


@check(
    title=Text("Gradients of x and of the three weights", "x 和三个权重的梯度"),
    hint=Text(
        "x enters three times: as query, as key and as value. Does anything cut the graph: "
        "detach, .data, .item(), no_grad, a new tensor made from numbers?",
        "x 走三条路：query、key、value。有没有哪里切断了计算图：detach、.data、.item()、no_grad、用数值新建的张量？",
    ),
    points=2,
    rules=["gradients"],
)
@given(case=padded_cases(tokens=2, causal=(False, True)), examples=8)
def test_gradients(candidate, reference, case):
    assert_gradients_agree(candidate, reference, case)


@check(
    title=Text("No NaN in a gradient when a query sees no key", "query 看不到 key 时，梯度里没有 NaN"),
    hint=Text(
        "A NaN that is patched over in the result still comes back in backward: 0 · NaN is NaN. "
        "Can you keep it from arising at all?",
        "只在结果里盖掉 NaN，backward 时它还会回来：0 · NaN 仍是 NaN。能不能让它根本不出现？",
    ),
    rules=["empty", "gradients"],
)
@given(case=unseeing_cases(rows=2, tokens=2), examples=10)
def test_no_visible_key_gradients(candidate, reference, case):
    assert_gradients_agree(candidate, reference, case)


@check(
    title=Text("A call leaves no trace", "调用不留痕迹"),
    hint=Text(
        "Methods that end in an underscore, `+=` and assignments to a slice write into the tensor that you were given.",
        "下划线结尾的方法、`+=`、对切片赋值，都会写进传进来的那个张量。",
    ),
    rules=["unchanged"],
)
@given(case=unseeing_cases(), examples=6)
def test_inputs_unchanged(candidate, case):
    args, options = case
    first = candidate.self_attention(*args, **options)
    changed = ", ".join(candidate.last.changed_inputs)
    require(not changed, Text(f"the call modified {changed}", f"这次调用修改了 {changed}"))
    second = candidate.self_attention(*args, **options)
    assert_same(second, first, Text("a second call with the same arguments", "用同样的参数再调用一次"))


def behaviour(candidate, random: torch.Generator) -> dict[str, object]:
    """What a submission does on one random input: what diagnosis compares."""

    def normal(*shape):
        return torch.randn(shape, generator=random)

    def whole(*shape):
        return torch.randint(-3, 4, shape, generator=random).float()

    def call(args, **options):
        return lambda: candidate.self_attention(*args, **options)

    def slope(args, **options):
        start = args[0].clone().requires_grad_()
        return lambda: gradients(candidate.self_attention(start, *args[1:], **options), [start])[0]

    def changed_inputs():
        candidate.self_attention(*small, key_padding_mask=leading)
        return " ".join(candidate.last.changed_inputs)

    def rounds_float64():
        rounded = [tensor.float().double() for tensor in precise]
        return torch.equal(candidate.self_attention(*precise), candidate.self_attention(*rounded))

    small = normal(2, 5, 4), normal(4, 3), normal(4, 3), normal(4, 2)
    single = normal(1, 1, 4), *small[1:]
    long = normal(1, 257, 1), normal(1, 1), normal(1, 1), normal(1, 1)
    precise = tuple(tensor.double() / 3 for tensor in small)
    large = enlarged(whole(2, 5, 4), whole(4, 4), whole(4, 4), whole(4, 2))
    tempted = tempting(whole(2, 5), 3)

    some = torch.tensor([[0, 0, 1, 0, 1], [0, 1, 0, 0, 1]]).bool()
    leading = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]]).bool()
    one_row = torch.tensor([[1, 1, 1, 1, 1], [0, 0, 0, 0, 0]]).bool()
    trailing = torch.tensor([[0, 0, 0, 1, 1], [0, 0, 0, 1, 1]]).bool()

    return {
        "plain": call(small),
        "one token": call(single),
        "causal": call(small, causal=True),
        "causal beyond 256": call(long, causal=True),
        "padding": call(small, key_padding_mask=some),
        "causal and padding": call(small, causal=True, key_padding_mask=some),
        "no visible key": call(small, key_padding_mask=leading),
        "no visible key, causal": call(small, causal=True, key_padding_mask=leading),
        "changed inputs": changed_inputs,
        "float64": call(precise),
        "float64 rounded away": rounds_float64,
        "large scores": call(large),
        "large hidden scores, padding": call(tempted, key_padding_mask=trailing),
        "large hidden scores, causal": call(tempted, causal=True),
        "gradient": slope(small),
        "gradient, no visible key": slope(small, key_padding_mask=one_row),
    }
