"""Hidden checks of contrastive_loss, in teaching order, and what diagnosis compares."""

import torch
from hypothesis import strategies as st

from grader.exam import (
    Text,
    assert_close,
    assert_dtype,
    assert_finite,
    assert_same,
    assert_shape,
    check,
    given,
    gradients,
    raises_value_error,
    require,
    sizes,
    tensors,
)

NAMES = ("text_emb", "image_emb", "logit_scale")
SCALES = st.sampled_from((1.0, 0.3, 2.5, 7.0))


@st.composite
def cases(draw, *, rows=1, scales=SCALES, dtype=torch.float32):
    """Texts, images and a scale; no row is zero."""
    batch, width = draw(sizes(rows, 5)), draw(sizes(1, 6))
    text, image = (draw(tensors(batch, width, dtype=dtype, distinct=True)) for _ in range(2))
    return text, image, torch.tensor(draw(scales), dtype=dtype)


def assert_agrees(candidate, reference, case, what=None):
    """Compare one call with the reference in float64. Errors of the cosines are multiplied by the scale."""
    actual = candidate.clip_loss(*case)
    expected = reference.clip_loss(*(t.double() for t in case))
    noise = 1e-11 if case[0].dtype == torch.float64 else 2e-6
    assert_close(actual, expected, what, atol=noise * (5 + float(case[2])))
    return actual


def slopes(candidate, case, dtype):
    leaves = {n: t.detach().to(dtype, copy=True).requires_grad_() for n, t in zip(NAMES, case, strict=True)}
    return gradients(candidate.clip_loss(*leaves.values()), leaves)


@check(
    title=Text("It runs and returns one number", "能运行，返回一个数"),
    hint=Text(
        "The loss is a 0-dim tensor: one mean over the batch.", "损失是一个 0 维 tensor：对整个 batch 求一个平均。"
    ),
    rules=["scalar"],
)
@given(case=cases(), examples=6)
def test_scalar(candidate, case):
    assert_shape(candidate.clip_loss(*case), ())


@check(
    title=Text("Two pairs worked by hand", "手算的两对"),
    hint=Text(
        "Two orthogonal pairs, scale 1: each row of logits is [1, 0] or [0, 1]. What is -log softmax at the match?",
        "两对互相正交，scale 为 1：每行 logits 是 [1, 0] 或 [0, 1]。匹配处的 -log softmax 是多少？",
    ),
    rules=["cosine", "mean"],
)
def test_two_pairs_by_hand(candidate):
    eye = torch.eye(2)
    actual = candidate.clip_loss(eye, 3 * eye, torch.tensor(1.0))
    assert_close(actual, torch.tensor(0.3132616875), Text("the loss", "损失"))
    actual = candidate.clip_loss(eye, eye.flip(0), torch.tensor(1.0))
    assert_close(actual, torch.tensor(1.3132616875), Text("the loss of two wrong pairs", "两对都配错时的损失"))


@check(
    title=Text("The loss of a batch", "一个 batch 的损失"),
    hint=Text(
        "Print the (B, B) table of logits for B = 2. Where do the matches stand, and what do you divide by in the end?",
        "打印 B = 2 时 (B, B) 的 logits 表。匹配的在哪里？最后除以什么？",
    ),
    points=3,
    rules=["cosine", "mean", "both"],
)
@given(case=cases(rows=2), examples=30)
def test_values(candidate, reference, case):
    assert_agrees(candidate, reference, case)


@check(
    title=Text("Lengths do not matter, directions do", "长度无关紧要，方向才重要"),
    hint=Text(
        "A cosine is the product of two vectors of length 1. Which dimension of (B, E) is the length taken over?",
        "余弦是两个长度为 1 的向量的内积。长度沿 (B, E) 的哪一维计算？",
    ),
    points=2,
    rules=["cosine"],
)
@given(case=cases(rows=2), longer=st.sampled_from((10.0, 0.1, 300.0)), examples=10)
def test_lengths_do_not_matter(candidate, reference, case, longer):
    text, image, scale = case
    factors = torch.ones(len(text), 1)
    factors[0] = longer
    stretched = Text("the loss of rows of other lengths", "各行换了长度之后的损失")
    assert_agrees(candidate, reference, (text * factors, image, scale), stretched)
    assert_agrees(candidate, reference, (text, image * factors, scale), stretched)


@check(
    title=Text("logit_scale multiplies, as it is", "logit_scale 原样相乘"),
    hint=Text(
        "It is a factor: not its exponential, not a divisor, not limited to 100.",
        "它就是一个因子：不取 exp，不当除数，也不限制在 100 以内。",
    ),
    points=2,
    rules=["scale"],
)
@given(case=cases(rows=2, scales=st.sampled_from((1.0, 0.05, 4.0, 14.3, 60.0, 150.0))), examples=18)
def test_scale(candidate, reference, case):
    assert_agrees(candidate, reference, case)


@check(
    title=Text("Both directions count, half each", "两个方向各占一半"),
    hint=Text(
        "One softmax is over the images for each text, the other over the texts for each image. "
        "Swap the arguments: is the loss the same?",
        "一个 softmax 对每段文本在所有图像上做，另一个对每张图像在所有文本上做。交换两个参数，损失还一样吗？",
    ),
    points=2,
    rules=["both"],
)
@given(case=cases(rows=3), examples=10)
def test_both_directions(candidate, reference, case):
    text, image, scale = case
    image = torch.cat((image[:1], image[:1] * 2, image[2:]))  # two images alike: the directions differ
    forward = assert_agrees(candidate, reference, (text, image, scale))
    swapped = candidate.clip_loss(image, text, scale)
    assert_close(swapped, forward, Text("the loss with text and images swapped", "文本与图像互换后的损失"))


@check(
    title=Text("One pair has nothing to tell apart", "只有一对时无可区分"),
    hint=Text("A softmax over one number is 1. What is its -log?", "对一个数做 softmax 得 1。它的 -log 是多少？"),
    rules=["one_pair"],
)
@given(width=sizes(1, 4), scale=SCALES, examples=6)
def test_one_pair(candidate, width, scale):
    case = torch.arange(1.0, width + 1)[None], -torch.ones(1, width), torch.tensor(scale)
    assert_close(candidate.clip_loss(*case), torch.tensor(0.0), atol=1e-5)
    for name, slope in zip(NAMES, slopes(candidate, case, torch.float32), strict=True):
        assert_close(slope, torch.zeros_like(slope), Text(f"the gradient of {name}", f"{name} 的梯度"), atol=1e-5)


@check(
    title=Text("Bad shapes raise ValueError", "形状不对时抛出 ValueError"),
    hint=Text(
        "Compare the two shapes before computing anything: broadcasting and torch's own errors come later. "
        "And is there a pair at all? The message names text_emb or image_emb.",
        "计算之前先比较两个形状：广播和 torch 自己的报错都在后面。还有，至少有一对吗？"
        "错误信息里要写出 text_emb 或 image_emb。",
    ),
    points=2,
    rules=["shapes", "empty"],
)
def test_bad_shapes(candidate):
    one = torch.tensor(1.0)
    bad = [((3, 4), (2, 4)), ((2, 4), (3, 4)), ((1, 4), (3, 4)), ((3, 4), (1, 4)), ((3, 4), (3, 5)), ((3, 1), (3, 4))]
    same_size = [((2, 6), (3, 4)), ((3, 2), (2, 3))]
    for text, image in (*bad, *same_size, ((0, 4), (0, 4))):
        with raises_value_error("text_emb", "image_emb"):
            candidate.clip_loss(torch.ones(text), torch.ones(image), one)
    assert_shape(candidate.clip_loss(torch.ones(1, 1), torch.ones(1, 1), one), ())


@check(
    title=Text("float32 and float64 are kept", "float32 与 float64 各自保持"),
    hint=Text(
        "Look for .float() and for tensors that you create yourself: does float64 go through float32 anywhere?",
        "检查 .float() 和自己新建的张量：float64 的数据有没有在哪一步经过 float32？",
    ),
    rules=["dtype"],
)
@given(case=st.sampled_from((torch.float32, torch.float64)).flatmap(lambda d: cases(rows=2, dtype=d)), examples=10)
def test_dtype(candidate, reference, case):
    dtype = case[0].dtype
    case = (case[0] / 3, case[1] / 7, case[2])
    assert_dtype(assert_agrees(candidate, reference, case, Text(f"the loss in {dtype}", f"{dtype} 下的损失")), dtype)


@check(
    title=Text("Large embeddings and a scale of 1e4 do no harm", "embedding 很大、scale 到 1e4 也不出错"),
    hint=Text(
        "exp(100) is already inf in float32. Which function takes logits as they are?",
        "float32 里 exp(100) 已经是 inf。哪个函数可以直接接收 logits？",
    ),
    points=2,
    rules=["large"],
)
@given(case=cases(rows=2, scales=st.sampled_from((1e4, 3e3))), examples=10)
def test_large_values(candidate, reference, case):
    text, image, scale = case
    case = 1e4 * text, 1e4 * image, scale
    expected = reference.clip_loss(*(t.double() for t in case))
    assert_close(candidate.clip_loss(*case), expected, atol=2e-6 * float(scale), rtol=1e-4)
    for name, slope in zip(NAMES, slopes(candidate, case, torch.float32), strict=True):
        assert_finite(slope, Text(f"the gradient of {name}", f"{name} 的梯度"))


@check(
    title=Text("Gradients of both embeddings and of the scale", "两组 embedding 和 scale 的梯度"),
    hint=Text(
        "The scale is learned as well. Does anything cut the graph: .item(), detach, .data, no_grad?",
        "scale 也是学出来的。有没有哪里切断了计算图：.item()、detach、.data、no_grad？",
    ),
    points=2,
    rules=["gradients"],
)
@given(case=cases(rows=2), examples=12)
def test_gradients(candidate, reference, case):
    expected = slopes(reference, case, torch.float64)
    actual = slopes(candidate, case, torch.float32)
    for name, ours, theirs in zip(NAMES, actual, expected, strict=True):
        assert_close(ours, theirs, Text(f"the gradient of {name}", f"{name} 的梯度"), rtol=1e-3, atol=1e-4)
    exact = slopes(candidate, case, torch.float64)
    for name, ours, theirs in zip(NAMES, exact, expected, strict=True):
        assert_close(ours, theirs, Text(f"the float64 gradient of {name}", f"{name} 的 float64 梯度"))


@check(
    title=Text("A call leaves no trace", "调用不留痕迹"),
    hint=Text(
        "`/=`, `div_` and the like write into the tensor that you were given.", "`/=`、`div_` 之类会写进传进来的张量。"
    ),
    rules=["unchanged"],
)
@given(case=cases(rows=2), examples=6)
def test_inputs_unchanged(candidate, case):
    first = candidate.clip_loss(*case)
    changed = ", ".join(candidate.last.changed_inputs)
    require(not changed, Text(f"the call modified {changed}", f"这次调用修改了 {changed}"))
    assert_same(candidate.clip_loss(*case), first, Text("a second call", "第二次调用"))


def behaviour(candidate, random: torch.Generator) -> dict[str, object]:
    """What a submission does on one random input: what diagnosis compares."""
    text, image = (torch.randn(4, 3, generator=random) for _ in range(2))

    def at(scale, rows=4, dtype=torch.float32):
        return lambda: candidate.clip_loss(
            text[:rows].to(dtype), image[:rows].to(dtype), torch.tensor(scale, dtype=dtype)
        )

    def shaped(one, other):
        return lambda: candidate.clip_loss(torch.ones(one), torch.ones(other), torch.tensor(1.0))

    def slope(index):
        return lambda: slopes(candidate, (text, image, torch.tensor(2.0)), torch.float32)[index]

    def changed_inputs():
        candidate.clip_loss(text, image, torch.tensor(2.0))
        return " ".join(candidate.last.changed_inputs)

    def keeps_float64():
        exact = text.double() / 3, image.double() / 3, torch.tensor(2.0).double()
        return not torch.equal(candidate.clip_loss(*exact), candidate.clip_loss(exact[0].float().double(), *exact[1:]))

    return {
        "scale 2": at(2.0),
        "scale 0.3": at(0.3),
        "scale 150": at(150.0),
        "scale 3000": at(3000.0),
        "one pair": at(2.0, rows=1),
        "float64": at(2.0, dtype=torch.float64),
        "keeps float64": keeps_float64,
        "changed inputs": changed_inputs,
        "gradient of text": slope(0),
        "gradient of the scale": slope(2),
        "one text, three images": shaped((1, 4), (3, 4)),
        "no pair": shaped((0, 4), (0, 4)),
    }
