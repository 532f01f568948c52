"""Hidden checks of gan_losses, in teaching order, and what diagnosis compares."""

import math

import torch
from hypothesis import strategies as st

from grader.exam import (
    Text,
    assert_close,
    assert_dtype,
    assert_same,
    assert_shape,
    check,
    given,
    gradients,
    require,
    sizes,
    tensors,
)

DISCRIMINATOR = Text("the discriminator's loss", "判别器的损失")
GENERATOR = Text("the generator's loss", "生成器的损失")
OF_REAL = Text("the gradient of real_logits", "real_logits 的梯度")
OF_FAKE = Text("the gradient of fake_logits", "fake_logits 的梯度")
OF_GENERATED = Text("the gradient of fake_logits in generator_loss", "generator_loss 中 fake_logits 的梯度")
SHAPES = st.lists(sizes(1, 4), min_size=0, max_size=3).map(tuple)


@st.composite
def logits(draw, shapes=SHAPES, *, dtype=torch.float32, scale=1.0):
    """No logit is zero, where two right formulas may differ in slope."""
    return draw(tensors(*draw(shapes), dtype=dtype, scale=scale, distinct=True))


def both(**options):
    return st.tuples(logits(**options), logits(**options))


@st.composite
def alike(draw, **options):
    """Real and fake logits of one shape, at times so far from 0 that exp(-z) is small and not yet nothing."""
    shape, scale = st.just(draw(SHAPES)), draw(st.sampled_from((1.0, 4.0)))
    return draw(logits(shape, scale=scale, **options)), draw(logits(shape, scale=scale, **options))


def exact(reference, real, fake):
    """Both losses in float64."""
    return reference.discriminator_loss(real.double(), fake.double()), reference.generator_loss(fake.double())


def assert_agrees(candidate, reference, real, fake):
    """Compare both losses with the reference's in float64."""
    discriminator, generator = exact(reference, real, fake)
    assert_close(candidate.discriminator_loss(real, fake), discriminator, DISCRIMINATOR)
    assert_close(candidate.generator_loss(fake), generator, GENERATOR)


def slopes(candidate, real, fake, dtype=torch.float32):
    """Gradients of the discriminator's loss, and of the generator's."""
    real, fake = (t.detach().to(dtype, copy=True).requires_grad_() for t in (real, fake))
    one = gradients(candidate.discriminator_loss(real, fake), {"real_logits": real, "fake_logits": fake})
    return [*one, *gradients(candidate.generator_loss(fake), {"fake_logits": fake})]


def assert_slopes_agree(candidate, reference, real, fake):
    expected = slopes(reference, real, fake, torch.float64)
    for dtype in (torch.float32, torch.float64):
        found = slopes(candidate, real, fake, dtype)
        for what, ours, theirs in zip((OF_REAL, OF_FAKE, OF_GENERATED), found, expected, strict=True):
            assert_close(ours, theirs, what)


@check(
    title=Text("Both return one number", "两个函数都返回一个数"),
    hint=Text(
        "A loss is a 0-dim tensor: the mean over all entries, whatever their shape, (), (B,) or (B, T).",
        "损失是一个 0 维 tensor：对全部元素求平均，形状是 ()、(B,) 还是 (B, T) 都一样。",
    ),
    rules=["scalar"],
)
@given(pair=both(), examples=12)
def test_scalar(candidate, pair):
    assert_shape(candidate.discriminator_loss(*pair), (), DISCRIMINATOR)
    assert_shape(candidate.generator_loss(pair[1]), (), GENERATOR)


@check(
    title=Text("Logits of 0 and of ±log 3, by hand", "手算：logit 为 0 和 ±log 3"),
    hint=Text(
        "sigmoid(0) is 1/2 and sigmoid(log 3) is 3/4. Write down -log of the probability of the right label for each, "
        "and ask what the generator wants to hear.",
        "sigmoid(0) 是 1/2，sigmoid(log 3) 是 3/4。写出每一项正确标签的 -log 概率，再想想生成器希望听到什么。",
    ),
    points=2,
    rules=["discriminator", "generator"],
)
def test_by_hand(candidate):
    zero, three = torch.zeros(2), torch.full((2,), math.log(3))

    def is_log(actual, number, what):
        assert_close(actual, torch.tensor(math.log(number)), what)

    is_log(
        candidate.discriminator_loss(zero, zero), 4, Text("the discriminator's loss at 0", "logit 为 0 时判别器的损失")
    )
    is_log(candidate.generator_loss(zero), 2, Text("the generator's loss at 0", "logit 为 0 时生成器的损失"))
    is_log(candidate.discriminator_loss(three, -three), 16 / 9, DISCRIMINATOR)
    is_log(
        candidate.generator_loss(three),
        4 / 3,
        Text("the loss when a fake passes", "骗过判别器时生成器的损失"),
    )
    is_log(candidate.generator_loss(-three), 4, Text("the loss of a generator found out", "被识破时生成器的损失"))


@check(
    title=Text("The discriminator's loss", "判别器的损失"),
    hint=Text(
        "Real should be called real, fake fake: two means, added. Is anything halved, pooled, smoothed?",
        "真的要判成真，假的要判成假：两个平均值相加。有没有除以 2、合在一起平均，或者做了平滑？",
    ),
    points=3,
    rules=["discriminator"],
)
@given(pair=alike(), examples=20)
def test_discriminator(candidate, reference, pair):
    assert_close(candidate.discriminator_loss(*pair), exact(reference, *pair)[0], DISCRIMINATOR)


@check(
    title=Text("The generator's loss is the non-saturating one", "生成器用的是非饱和损失"),
    hint=Text(
        "It is not minus the discriminator's loss. When a fake is found out, sigmoid is near 0: "
        "which of log(1 - sigmoid) and -log sigmoid still has a slope there?",
        "它不是判别器损失的相反数。假样本被识破时 sigmoid 接近 0："
        "log(1 - sigmoid) 和 -log sigmoid 哪个在那里还有斜率？",
    ),
    points=3,
    rules=["generator"],
)
@given(fake=st.one_of(logits(), logits(scale=4.0)), examples=20)
def test_generator(candidate, reference, fake):
    assert_close(candidate.generator_loss(fake), exact(reference, fake, fake)[1], GENERATOR)


@check(
    title=Text("Real and fake may differ in size", "真假样本的数量可以不同"),
    hint=Text(
        "Each of the two means is over its own entries. With 1 real and 7 fakes, what does the real one weigh?",
        "两个平均各自对自己的元素求。1 个真样本、7 个假样本时，那个真样本的权重是多少？",
    ),
    points=2,
    rules=["sizes"],
)
@given(real=sizes(1, 5), fake=sizes(1, 5), rest=st.sampled_from(((), (1,), (3,))), data=st.data(), examples=14)
def test_sizes_may_differ(candidate, reference, real, fake, rest, data):
    one, other = (data.draw(logits(st.just((batch, *rest)))) for batch in (real, fake))
    assert_agrees(candidate, reference, one, other)


@check(
    title=Text("Logits of ±1e4: finite, and not clamped", "logit 为 ±1e4：有限，也不封顶"),
    hint=Text(
        "A discriminator that is wrong by 1e4 pays 1e4. sigmoid rounds to 0 or 1 before a logarithm sees it; "
        "F.binary_cross_entropy clamps at 100. Work on the logits.",
        "判别器错得离谱、logit 差 1e4 时，代价就是 1e4。sigmoid 会先舍入成 0 或 1；"
        "F.binary_cross_entropy 会在 100 处封顶。"
        "请直接在 logit 上计算。",
    ),
    points=2,
    rules=["unclamped"],
)
@given(pair=both(scale=2500.0), scale=st.sampled_from((1.0, 0.05, 0.01)), examples=14)
def test_sure_logits(candidate, reference, pair, scale):
    assert_agrees(candidate, reference, pair[0] * scale, pair[1] * scale)


@check(
    title=Text("Gradients of all logits", "所有 logit 的梯度"),
    hint=Text(
        "fake_logits has a gradient in the discriminator's loss too: it is the caller who detaches the fakes. "
        "The slope is sigmoid minus label, over the number of entries.",
        "在判别器的损失里，fake_logits 也有梯度：要不要 detach 由调用者决定。斜率是 sigmoid 减标签，再除以元素个数。",
    ),
    points=2,
    rules=["gradients", "attached"],
)
@given(pair=both(), examples=10)
def test_gradients(candidate, reference, pair):
    assert_slopes_agree(candidate, reference, *pair)


@check(
    title=Text("Gradients at logits of ±1e4", "logit 为 ±1e4 时的梯度"),
    hint=Text(
        "A fake that is found out for sure must still pull with a slope of -1 over the number of entries. "
        "Clamping makes it 0, overflow makes it NaN.",
        "被彻底识破的假样本，斜率仍应是 -1 除以元素个数。封顶会让它变成 0，溢出会让它变成 NaN。",
    ),
    points=2,
    rules=["large_gradients"],
)
@given(pair=both(scale=2500.0), scale=st.sampled_from((1.0, 0.05)), examples=8)
def test_sure_gradients(candidate, reference, pair, scale):
    assert_slopes_agree(candidate, reference, pair[0] * scale, pair[1] * scale)


@check(
    title=Text("float32 and float64 are kept", "float32 与 float64 各自保持"),
    hint=Text(
        "Labels that you create yourself are float32 unless told. Does float64 go through float32 anywhere?",
        "自己新建的标签默认是 float32。float64 的数据有没有在哪一步经过 float32？",
    ),
    rules=["dtype"],
)
@given(pair=st.sampled_from((torch.float32, torch.float64)).flatmap(lambda dtype: both(dtype=dtype)), examples=10)
def test_dtype(candidate, reference, pair):
    real, fake = (t / 3 for t in pair)
    assert_agrees(candidate, reference, real, fake)
    assert_dtype(candidate.discriminator_loss(real, fake), real.dtype, DISCRIMINATOR)
    assert_dtype(candidate.generator_loss(fake), fake.dtype, GENERATOR)


@check(
    title=Text("A call leaves no trace", "调用不留痕迹"),
    hint=Text(
        "Methods that end in an underscore write into the tensor that you were given.",
        "下划线结尾的方法会写进传进来的张量。",
    ),
    rules=["unchanged"],
)
@given(pair=both(), examples=6)
def test_inputs_unchanged(candidate, pair):
    for call in (lambda: candidate.discriminator_loss(*pair), lambda: candidate.generator_loss(pair[1])):
        first = call()
        changed = ", ".join(candidate.last.changed_inputs)
        require(not changed, Text(f"the call modified {changed}", f"这次调用修改了 {changed}"))
        assert_same(call(), first, Text("a second call", "第二次调用"))


def behaviour(candidate, random: torch.Generator) -> dict[str, object]:
    """What a submission does on one random input: what diagnosis compares."""
    real, fake = torch.randn(2, 3, generator=random), torch.randn(5, 3, generator=random)
    sure = 1e4 * torch.tensor([1.0, -1.0, -1.0])
    precise = real.double() / 3, fake.double() / 3

    def judged(one, other):
        return lambda: candidate.discriminator_loss(one, other)

    def generated(logits):
        return lambda: candidate.generator_loss(logits)

    def slope(index):
        return lambda: slopes(candidate, real, fake)[index]

    def generator_slope():
        start = fake.clone().requires_grad_()
        return gradients(candidate.generator_loss(start), [start])[0]

    def keeps_float64():
        rounded = [t.float().double() for t in precise]
        return not torch.equal(candidate.discriminator_loss(*precise), candidate.discriminator_loss(*rounded))

    def changed_inputs():
        candidate.discriminator_loss(real, fake)
        return " ".join(candidate.last.changed_inputs)

    return {
        "discriminator": judged(real, fake),
        "discriminator, one shape": judged(real, fake[:2]),
        "generator": generated(fake),
        "discriminator, sure": judged(sure, sure.flip(0)),
        "discriminator, quite sure": judged(sure / 250, sure / 250),
        "generator, sure": generated(sure),
        "generator, quite sure": generated(sure / 250),
        "gradient of real": slope(0),
        "gradient of fake": slope(1),
        "gradient of the generator": generator_slope,
        "float64": judged(*precise),
        "keeps float64": keeps_float64,
        "changed inputs": changed_inputs,
    }
