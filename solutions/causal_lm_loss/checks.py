"""Hidden checks of causal_lm_loss, in teaching order, and what diagnosis compares."""

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

# Several times the float32 error of logits - logsumexp(logits) at logits of 1e4.
LARGE = {"rtol": 1e-3, "atol": 1e-2}


@st.composite
def cases(draw, *, rows=1, tokens=2, words=1, dtype=torch.float32):
    """Logits and ids, all of them in the vocabulary."""
    batch, length, vocabulary = draw(sizes(rows, 4)), draw(sizes(tokens, 6)), draw(sizes(words, 7))
    logits = draw(tensors(batch, length, vocabulary, dtype=dtype, scale=2.0))
    return logits, draw(integers_tensor(batch, length, low=0, high=vocabulary))


@st.composite
def ignoring_cases(draw, *, ignored=(-100,), at_least_one=True, **which):
    """Some ids are an ignored one: inside the vocabulary, or outside of it. The last target of the first row stays."""
    logits, ids = draw(cases(words=3, **which))
    ignore_index = draw(st.sampled_from(ignored))
    ids = ids.masked_fill(draw(bool_tensors(*ids.shape, p=0.5)), ignore_index)
    if at_least_one:
        ids[0, -1] = (ignore_index + 1) % 3 if 0 <= ignore_index < 3 else 1
    return logits, ids, ignore_index


def assert_agrees(candidate, reference, logits, ids, what=None, how=None, **options):
    """Compare one call with the reference in float64."""
    actual = candidate.causal_lm_loss(logits, ids, **options)
    assert_close(actual, reference.causal_lm_loss(logits.double(), ids, **options), what, **(how or {}))
    return actual


def slope(candidate, logits, ids, **options):
    start = logits.detach().clone().requires_grad_()
    return gradients(candidate.causal_lm_loss(start, ids, **options), {"logits": start})[0]


@check(
    title=Text("It runs and returns one number", "能运行，返回一个数"),
    hint=Text(
        "The loss is a 0-dim tensor: one mean over all targets.", "损失是一个 0 维 tensor：对所有目标求一个平均。"
    ),
    rules=["scalar"],
)
@given(case=cases(), examples=6)
def test_scalar(candidate, case):
    assert_shape(candidate.causal_lm_loss(*case), ())


@check(
    title=Text("Position t predicts token t + 1", "位置 t 预测第 t + 1 个 token"),
    hint=Text(
        "The first token is predicted by nobody, and the last position predicts nothing that we know. "
        "Which slice of the logits meets which slice of the ids?",
        "第一个 token 没有谁来预测，最后一个位置预测的内容我们也不知道。logits 的哪一段对应 ids 的哪一段？",
    ),
    points=2,
    rules=["shift"],
)
def test_next_token(candidate):
    ids = torch.tensor([[2, 0, 1, 1]])
    sure = torch.zeros(1, 4, 3)
    for position, following in enumerate([0, 1, 1]):
        sure[0, position, following] = 30.0
    sure[0, 3] = torch.tensor([0.0, 0.0, 30.0])
    what = Text("the loss of logits that know each next token", "每个下一个 token 都猜对时的损失")
    assert_close(candidate.causal_lm_loss(sure, ids), torch.tensor(0.0), what)
    what = Text("the loss of even logits over 3 tokens", "在 3 个 token 上均匀的 logits 的损失")
    assert_close(candidate.causal_lm_loss(torch.zeros(1, 4, 3), ids), torch.tensor(3.0).log(), what)


@check(
    title=Text("The mean negative log-likelihood", "负对数似然的平均"),
    hint=Text(
        "Take T = 2: one target. log softmax over V, the entry of that token, its sign turned.",
        "取 T = 2，只有一个目标：在 V 上取 log softmax，挑出那个 token 的一项，变号。",
    ),
    points=3,
    rules=["shift", "mean"],
)
@given(case=cases(), examples=25)
def test_values(candidate, reference, case):
    assert_agrees(candidate, reference, *case)


@check(
    title=Text("A target of -100 does not count", "值为 -100 的目标不计入"),
    hint=Text(
        "It is the target that is ignored, at t + 1, not the position t itself; and it counts neither above nor below "
        "the fraction line. -100 is no index into the vocabulary: what stands in for it?",
        "被忽略的是目标，也就是 t + 1 处，而不是位置 t；分子、分母都不能算它。-100 不能当词表下标：用什么顶替？",
    ),
    points=2,
    rules=["ignore"],
)
@given(case=ignoring_cases(), examples=20)
def test_ignored_targets(candidate, reference, case):
    logits, ids, _ = case
    assert_agrees(candidate, reference, logits, ids)
    # What stands in for an ignored id must be one of the vocabulary, also where that has a single token.
    assert_agrees(candidate, reference, logits[..., :1], ids.clamp(max=0))


@check(
    title=Text("Any integer may be the one to ignore", "任何整数都可以作为 ignore_index"),
    hint=Text(
        "It may be a token of the vocabulary, such as padding 0, or one beyond it. Then -100 has no special meaning.",
        "它可以是词表里的 token（例如 padding 用 0），也可以在词表之外。这时 -100 就没有特殊含义了。",
    ),
    points=2,
    rules=["any_ignore"],
)
@given(case=ignoring_cases(ignored=(0, 2, -1, 7, 50_000, -100, -7)), examples=24)
def test_any_ignore_index(candidate, reference, case):
    logits, ids, ignore_index = case
    assert_agrees(candidate, reference, logits, ids, ignore_index=ignore_index)


@check(
    title=Text("One mean over all targets of the batch", "对整个 batch 的全部目标求一个平均"),
    hint=Text(
        "One row has one target left, another has five. Does each target weigh the same in yours?",
        "一行只剩一个目标，另一行有五个。在你的写法里，每个目标的权重一样吗？",
    ),
    rules=["mean", "ignore"],
)
@given(case=cases(rows=3, tokens=6, words=2), examples=8)
def test_mean_over_targets(candidate, reference, case):
    logits, ids = case
    kept = torch.tensor([1, 5, 3, 0])[: len(ids), None]
    assert_agrees(candidate, reference, logits, ids.masked_fill(torch.arange(6) > kept, -100))


@check(
    title=Text("No target: zero, and a zero gradient", "没有目标时：损失为 0，梯度也为 0"),
    hint=Text(
        "A sequence of one token has no next token, and all targets may be ignored. 0 / 0 is NaN; a fresh "
        "torch.tensor(0.) has no history, and backward fails. Which zero still hangs on the logits?",
        "只有一个 token 的序列没有下一个 token；所有目标也可能都被忽略。0 / 0 是 NaN；"
        "新建的 torch.tensor(0.) 没有计算历史，"
        "backward 会报错。什么样的 0 还连着 logits？",
    ),
    points=2,
    rules=["empty"],
)
@given(
    case=cases(tokens=1, words=2), scale=st.sampled_from((1.0, 1e4)), ignored=st.sampled_from((-100, 1)), examples=12
)
def test_no_target(candidate, case, scale, ignored):
    logits, ids = case
    ids = ids.clone()
    ids[:, 1:] = ignored
    start = (logits * scale).requires_grad_()
    loss = candidate.causal_lm_loss(start, ids, ignore_index=ignored)
    assert_equal(loss, torch.zeros(()), Text("the loss without a target", "没有目标时的损失"))
    (gradient,) = gradients(loss, {"logits": start})
    assert_equal(gradient, torch.zeros_like(logits), Text("its gradient", "它的梯度"))


@check(
    title=Text("float32 and float64 are kept", "float32 与 float64 各自保持"),
    hint=Text(
        "Look for .float() and for tensors that you create yourself: does float64 go through float32 anywhere?",
        "检查 .float() 和自己新建的张量：float64 的数据有没有在哪一步经过 float32？",
    ),
    rules=["dtype"],
)
@given(
    case=st.sampled_from((torch.float32, torch.float64)).flatmap(lambda dtype: ignoring_cases(dtype=dtype)), examples=10
)
def test_dtype(candidate, reference, case):
    logits, ids, _ = case
    what = Text(f"the loss in {logits.dtype}", f"{logits.dtype} 下的损失")
    assert_dtype(assert_agrees(candidate, reference, logits / 3, ids, what), logits.dtype)
    nothing = ids.masked_fill(torch.ones_like(ids, dtype=torch.bool), -100)
    assert_dtype(candidate.causal_lm_loss(logits, nothing), logits.dtype, what)


@check(
    title=Text("Logits of 1e4 do no harm", "logits 大到 1e4 也不出错"),
    hint=Text(
        "exp(100) is already inf in float32, and log(softmax) of an unlikely token is log(0). "
        "Which function gives the logarithm at once?",
        "float32 里 exp(100) 已经是 inf，而不太可能的 token 的 log(softmax) 是 log(0)。哪个函数能一步得到对数？",
    ),
    points=2,
    rules=["large"],
)
@given(case=ignoring_cases(), examples=12)
def test_large_logits(candidate, reference, case):
    logits, ids, _ = case
    logits = logits * 4000
    assert_agrees(candidate, reference, logits, ids, how=LARGE)
    assert_finite(slope(candidate, logits, ids), Text("the gradient of logits", "logits 的梯度"))


@check(
    title=Text("The gradient of the logits", "logits 的梯度"),
    hint=Text(
        "At a counted position it is softmax minus one-hot, over the number of targets; everywhere else it is zero.",
        "在计入的位置上，它是 softmax 减 one-hot，再除以目标个数；其他位置都是 0。",
    ),
    points=2,
    rules=["gradients"],
)
@given(case=ignoring_cases(ignored=(-100, 1)), examples=14)
def test_gradients(candidate, reference, case):
    logits, ids, ignore_index = case
    expected = slope(reference, logits.double(), ids, ignore_index=ignore_index)
    what = Text("the gradient of logits", "logits 的梯度")
    assert_close(slope(candidate, logits, ids, ignore_index=ignore_index), expected, what, atol=2e-5)
    assert_close(slope(candidate, logits.double(), ids, ignore_index=ignore_index), expected, what)


@check(
    title=Text("A call leaves no trace", "调用不留痕迹"),
    hint=Text(
        "Assigning to a slice or to a mask of input_ids writes into the caller's tensor; a slice is a view of it.",
        "给 input_ids 的切片或 mask 赋值，会写进调用者的张量；切片只是它的一个视图。",
    ),
    rules=["unchanged"],
)
@given(case=ignoring_cases(), examples=6)
def test_inputs_unchanged(candidate, case):
    first = candidate.causal_lm_loss(*case[:2])
    changed = ", ".join(candidate.last.changed_inputs)
    require(not changed, Text(f"the call modified {changed}", f"这次调用修改了 {changed}"))
    assert_same(candidate.causal_lm_loss(*case[:2]), first, Text("a second call", "第二次调用"))


def behaviour(candidate, random: torch.Generator) -> dict[str, object]:
    """What a submission does on one random input: what diagnosis compares."""
    logits = torch.randn(3, 6, 5, generator=random)
    ids = torch.randint(0, 5, (3, 6), generator=random)
    ids[0, 1] = 2
    some = torch.tensor([[0, 0, 1, 1, 0, 1], [0, 1, 0, 0, 0, 0], [1, 1, 0, 1, 1, 1]]).bool()
    precise = logits.double() / 3

    def call(logits, ids, **options):
        return lambda: candidate.causal_lm_loss(logits, ids, **options)

    def without(index):
        return ids.masked_fill(some, index)

    def changed_inputs():
        candidate.causal_lm_loss(logits, without(-100))
        return " ".join(candidate.last.changed_inputs)

    def keeps_float64():
        one, other = (
            candidate.causal_lm_loss(given_logits, ids) for given_logits in (precise, precise.float().double())
        )
        return not torch.equal(one, other)

    return {
        "plain": call(logits, ids),
        "-100 ignored": call(logits, without(-100)),
        "2 ignored": call(logits, ids, ignore_index=2),
        "-1 ignored": call(logits, without(-1), ignore_index=-1),
        "9 ignored": call(logits, without(9), ignore_index=9),
        "one token": call(logits[:, :1], ids[:, :1]),
        "no target": call(logits, torch.full_like(ids, -100)),
        "gradient without a target": lambda: slope(candidate, logits, torch.full_like(ids, -100)),
        "gradient": lambda: slope(candidate, logits, ids),
        "large logits": call(5000 * logits, ids),
        "float64": call(precise, ids),
        "keeps float64": keeps_float64,
        "changed inputs": changed_inputs,
    }
