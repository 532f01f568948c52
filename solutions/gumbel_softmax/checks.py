"""Hidden checks of gumbel_softmax, in teaching order, and what diagnosis compares.

No order of draws is expected: frequencies are tested exactly. Each of the fewer than 100 tests in a run gives a false
alarm at most once in 10^9.
"""

import math

import torch
from hypothesis import strategies as st

from grader.exam import (
    Frequency,
    Text,
    assert_close,
    assert_dtype,
    assert_finite,
    assert_frequency,
    assert_shape,
    check,
    generators,
    given,
    gradients,
    raises_value_error,
    require,
    sizes,
    tensors,
)

TAUS = st.sampled_from((1.0, 0.4, 2.5))
ULP = {torch.float32: 2.5e-7, torch.float64: 5e-16}
SKEWED = torch.tensor([1.2, 0.0, -0.7, 0.4])
CROWD = torch.tensor([1.5] + 30 * [0.0])  # where other noise than Gumbel shows most
UNEVEN = torch.tensor([6.0, 0.0])
DRAWS = 8000


def seeded(seed):
    return torch.Generator().manual_seed(seed)


@st.composite
def cases(draw, *, least=1, dtype=torch.float32):
    """Logits of one to three dimensions, and a dimension of theirs, at times counted from the end."""
    shape = draw(st.lists(sizes(least, 4), min_size=1, max_size=3))
    dim = draw(st.integers(-len(shape), len(shape) - 1))
    return draw(tensors(*shape, dtype=dtype)), {"dim": dim, "tau": draw(TAUS)}


def rows_of(logits, draws=DRAWS):
    return logits.expand(draws, -1).clone()


def winners(candidate, logits, seed, draws=DRAWS, **options):
    """The arg-max of each row of a sample of many rows of the same logits."""
    return candidate.gumbel_softmax(rows_of(logits, draws), generator=seeded(seed), **options).detach().argmax(dim=-1)


def assert_categorical(found, logits, what):
    """How often each class wins, against softmax."""
    for index, p in enumerate(logits.double().softmax(dim=-1).tolist()):
        share = Text(f"{what.en}: the share of class {index}", f"{what.zh}：类别 {index} 的比例")
        assert_frequency(int((found == index).sum()), found.numel(), p, share)


def assert_one_hot(values, dim, what):
    """One entry of each slice is 1, the others are 0, to one unit in the last place."""
    exact = torch.zeros_like(values).scatter(dim, values.argmax(dim=dim, keepdim=True), 1.0)
    assert_close(values, exact, what, rtol=0.0, atol=ULP[values.dtype])


def slope(soft, towards, tau, dim):
    """The gradient of (soft * towards).sum() with respect to the logits: softmax's, over tau."""
    return soft * (towards - (soft * towards).sum(dim=dim, keepdim=True)) / tau


def jacobian(candidate, logits, **options):
    """d sample[n, i] / d logits[n, j] of a (N, V) sample, and the sample."""
    start = logits.clone().requires_grad_()
    sample = candidate.gumbel_softmax(start, **options)
    require(sample.requires_grad, Text("no gradient flows through the sample", "采样结果断开了计算图，没有梯度"))
    units = torch.eye(logits.shape[1], dtype=logits.dtype)
    rows = [torch.autograd.grad(sample, start, unit.expand_as(sample), retain_graph=True)[0] for unit in units]
    return torch.stack(rows, dim=1), sample.detach()


def soft_behind(slopes, tau):
    """The soft sample (N, 3) whose Jacobian this is: its entries off the diagonal are -y_i·y_j / tau."""
    product = -tau * slopes
    one, two, three = product[:, 0, 1], product[:, 0, 2], product[:, 1, 2]
    return torch.stack((one * two / three, one * three / two, two * three / one), dim=1).sqrt()


@check(
    title=Text("It runs and keeps the shape", "能运行，形状不变"),
    hint=Text("The result has the shape of logits, whatever dim is.", "不管 dim 是多少，结果的形状都与 logits 相同。"),
    rules=["shape"],
)
@given(case=cases(), hard=st.booleans(), examples=10)
def test_shape(candidate, case, hard):
    logits, options = case
    assert_shape(candidate.gumbel_softmax(logits, hard=hard, generator=seeded(1), **options), logits.shape)


@check(
    title=Text("Each slice along dim is a distribution", "沿 dim 的每个切片都是一个分布"),
    hint=Text(
        "No entry is negative, and the sum along dim is 1. Is dim handed on to the softmax?",
        "没有负数，沿 dim 的和为 1。dim 传给 softmax 了吗？",
    ),
    rules=["sums"],
)
@given(case=cases(), examples=12)
def test_sums_to_one(candidate, case):
    logits, options = case
    sample = candidate.gumbel_softmax(logits, generator=seeded(2), **options).detach()
    require(bool((sample >= 0).all()), Text("an entry is negative", "有负数"))
    total = sample.sum(dim=options["dim"])
    assert_close(total, torch.ones_like(total), Text("the sum along dim", "沿 dim 的和"))


@check(
    title=Text("The arg-max follows softmax(logits), for every tau", "对任何 tau，arg-max 都服从 softmax(logits)"),
    hint=Text(
        "Gumbel noise is -log(-log u) with u uniform; normal or uniform noise gives other shares. "
        "And what happens to the arg-max when only one of logits and noise is divided by tau?",
        "Gumbel 噪声是 -log(-log u)，u 是均匀分布；换成正态或均匀噪声，比例就变了。"
        "如果 logits 和噪声只有一个除以 tau，arg-max 会怎样？",
    ),
    points=3,
    rules=["argmax"],
)
def test_argmax_is_categorical(candidate):
    for seed, tau in enumerate((1.0, 0.2, 5.0)):
        what = Text(f"arg-max at tau {tau}", f"tau 为 {tau} 时的 arg-max")
        assert_categorical(winners(candidate, SKEWED, seed, tau=tau), SKEWED, what)
    # Noise without its tails never lets the less likely of these two win.
    found = winners(candidate, UNEVEN, 4, draws=3 * DRAWS)
    share = Text("how often the less likely of two classes wins", "两个类别中可能性小的那个获胜的比例")
    assert_frequency(int((found == 1).sum()), 3 * DRAWS, float(UNEVEN.double().softmax(dim=-1)[1]), share)
    found = winners(candidate, CROWD, 3)
    share = Text("how often one class wins against 30 others", "1 个类别胜过另外 30 个的比例")
    assert_frequency(int((found == 0).sum()), DRAWS, float(CROWD.double().softmax(dim=-1)[0]), share)


@check(
    title=Text("tau sets how soft the sample is", "tau 决定样本有多软"),
    hint=Text(
        "Logits plus noise, all of it divided by tau: a small tau is nearly one-hot, a large one nearly even.",
        "logits 加噪声，整体除以 tau：tau 小则接近 one-hot，tau 大则接近均匀。",
    ),
    points=2,
    rules=["tau"],
)
def test_temperature(candidate):
    logits = torch.tensor([0.8, 0.0])
    blocks = rows_of(logits).unflatten(0, (2, -1))  # (2, DRAWS / 2, 2): dim left out is the last of them
    middle = (0.1, 0.35, 0.65, 0.9)
    levels = {1.0: middle, 0.3: middle, 3.0: middle, 0.02: (1e-6, 1e-3, 0.999), 50.0: (0.48, 0.495, 0.505, 0.52)}
    for seed, tau in enumerate(levels):
        options = {"tau": tau} if seed else {}  # tau left out is 1
        first = candidate.gumbel_softmax(blocks, generator=seeded(seed), **options).detach()[..., 0]
        for level in levels[tau]:
            # The difference of two Gumbels is logistic: the first entry is sigmoid((0.8 + logistic) / tau).
            p = 1 / (1 + math.exp(tau * math.log(level / (1 - level)) - 0.8))
            what = Text(
                f"the share of samples above {level} for logits [0.8, 0] at tau {tau}",
                f"logits 为 [0.8, 0]、tau 为 {tau} 时，第一个值大于 {level} 的比例",
            )
            assert_frequency(int((first > level).sum()), DRAWS, p, what)
    # No tau is raised or lowered to a bound: a few of 2000 rows lie near enough to a tie to have a slope at 0.001.
    for tau in (1e-3, 1e3):
        start = rows_of(logits.double(), 2000).requires_grad_()
        sample = candidate.gumbel_softmax(start, generator=seeded(6), tau=tau)
        (actual,) = gradients(sample, {"logits": start})
        towards = torch.randn(sample.shape, generator=seeded(0), dtype=torch.float64)  # `gradients` weighs with these
        what = Text(f"the gradient of logits at tau {tau:g}", f"tau 为 {tau:g} 时 logits 的梯度")
        assert_close(actual, slope(sample.detach(), towards, tau, -1), what)


@check(
    title=Text("Every slice has noise of its own", "每个切片有各自的噪声"),
    hint=Text(
        "Noise has the shape of logits, not that of one slice: broadcasting would give all rows the same winner.",
        "噪声的形状与 logits 相同，而不是一个切片的形状：靠广播会让所有行的赢家都一样。",
    ),
    rules=["slices"],
)
def test_slices_are_independent(candidate):
    """Of two neighbours, in any direction across slices, both give the same class with probability Σ p²."""
    shape, v = (40, 50, 60), len(SKEWED)
    alike = float(SKEWED.double().softmax(dim=0).square().sum())
    for dim in (1, -1):
        logits = SKEWED.expand(*shape[:2], v).movedim(-1, dim).clone()
        found = candidate.gumbel_softmax(logits, dim=dim, generator=seeded(5)).detach().argmax(dim=dim)
        for across in (0, 1):
            same = found.narrow(across, 0, shape[across] // 2) == found.narrow(
                across, shape[across] // 2, shape[across] // 2
            )
            what = Text(f"dim {dim}: how often two slices agree", f"dim 为 {dim}：两个切片结果相同的比例")
            assert_frequency(int(same.sum()), same.numel(), alike, what)
        what = Text(f"slices along dim {dim}", f"沿 dim {dim} 的切片")
        assert_categorical(found, SKEWED, what)


@check(
    title=Text("hard gives one-hots along dim", "hard 沿 dim 得到 one-hot"),
    hint=Text(
        "The 1 stands at the arg-max of the soft sample along dim: of the noisy logits, not of the logits.",
        "1 放在软样本沿 dim 的 arg-max 处：是加了噪声之后的，不是 logits 本身的。",
    ),
    rules=["hard"],
)
@given(case=cases(), examples=10)
def test_hard(candidate, case):
    logits, options = case
    one_hots = Text("the result with hard=True", "hard=True 的结果")
    sample = candidate.gumbel_softmax(logits, hard=True, generator=seeded(3), **options).detach()
    assert_one_hot(sample, options["dim"], one_hots)


@check(
    title=Text("Hard samples are as frequent as softmax says", "硬样本的频率符合 softmax"),
    hint=Text(
        "Take the arg-max after the noise has been added. Over many calls each class must get its turn.",
        "先加噪声再取 arg-max。抽很多次，每个类别都应当轮得到。",
    ),
    rules=["hard", "argmax"],
)
def test_hard_is_categorical(candidate):
    sample = candidate.gumbel_softmax(rows_of(SKEWED), tau=0.7, hard=True, generator=seeded(4)).detach()
    one_hots = Text("the result with hard=True", "hard=True 的结果")
    assert_one_hot(sample, -1, one_hots)
    assert_categorical(sample.argmax(dim=-1), SKEWED, one_hots)


@check(
    title=Text("A generator decides the sample, alone", "样本只由传入的 generator 决定"),
    hint=Text(
        "Hand it to every draw. The same seed must give the same sample, the next call another one, "
        "and torch's global generator must not notice.",
        "每次抽样都要用它。相同的种子得到相同的样本，紧接着再调用一次得到不同的样本，"
        "而 torch 的全局生成器不应受到任何影响。",
    ),
    points=2,
    rules=["generator", "global"],
)
@given(seed=generators(), examples=4)
def test_generator(candidate, seed):
    for hard in (False, True):
        assert_generator_decides(candidate, seed, hard)


def assert_generator_decides(candidate, seed, hard):
    logits, random = torch.zeros(30, 4), seeded(seed)
    first = candidate.gumbel_softmax(logits, hard=hard, generator=random)
    quiet = not candidate.last.used_global_rng
    require(
        quiet, Text("the global generator was used although one was passed", "传入了 generator，却仍用了全局生成器")
    )
    second = candidate.gumbel_softmax(logits, hard=hard, generator=random)
    again = candidate.gumbel_softmax(logits, hard=hard, generator=seeded(seed))
    other = candidate.gumbel_softmax(logits, hard=hard, generator=seeded(seed + 1))
    require(torch.equal(first, again), Text("the same seed gives another sample", "相同的种子给出了不同的样本"))
    moved = not torch.equal(first, second)
    require(moved, Text("two calls in a row on one generator give the same", "同一个 generator 连续两次调用结果相同"))
    require(not torch.equal(first, other), Text("another seed gives the same sample", "不同的种子给出了相同的样本"))


@check(
    title=Text("Without a generator, torch's global one is used", "没有 generator 时使用 torch 的全局生成器"),
    hint=Text(
        "torch.manual_seed by the caller must decide the sample then; do not seed anything yourself.",
        "这时样本应由调用者的 torch.manual_seed 决定；不要自己设种子。",
    ),
    rules=["global"],
)
def test_global_generator(candidate):
    logits, samples = torch.zeros(30, 4), []
    for seed in (7, 7, 8):
        candidate.seed(seed)
        samples.append(candidate.gumbel_softmax(logits))
    require(
        torch.equal(samples[0], samples[1]),
        Text("the same global seed gives another sample", "全局种子相同，样本却不同"),
    )
    require(not torch.equal(samples[0], samples[2]), Text("the global seed has no effect", "全局种子不起作用"))
    following = candidate.gumbel_softmax(logits)
    require(not torch.equal(following, samples[2]), Text("two calls in a row give the same", "连续两次调用结果相同"))


@check(
    title=Text("tau ≤ 0 raises ValueError", "tau ≤ 0 时抛出 ValueError"),
    hint=Text(
        "Zero included. The message names tau, and a small positive tau is fine.",
        "包括 0。信息里写出 tau；很小的正数是可以的。",
    ),
    rules=["bad_tau"],
)
def test_bad_tau(candidate):
    for tau in (0.0, -1.0, 0, -1e-6):
        for hard in (False, True):
            with raises_value_error("tau"):
                candidate.gumbel_softmax(torch.zeros(2, 3), tau=tau, hard=hard)
    for tau in (1e-4, 1, 1e4):
        assert_finite(candidate.gumbel_softmax(torch.zeros(2, 3), tau=tau, generator=seeded(1)))


@check(
    title=Text("float32 and float64 are kept", "float32 与 float64 各自保持"),
    hint=Text(
        "torch.rand makes float32 unless told. Does float64 go through float32 anywhere?",
        "torch.rand 默认生成 float32。float64 的数据有没有在哪一步经过 float32？",
    ),
    rules=["dtype"],
)
@given(case=st.sampled_from((torch.float32, torch.float64)).flatmap(lambda d: cases(dtype=d, least=2)), examples=10)
def test_dtype(candidate, case):
    logits, options = case
    for hard in (False, True):
        sample = candidate.gumbel_softmax(logits, hard=hard, generator=seeded(6), **options)
        assert_dtype(sample, logits.dtype)
        total = sample.detach().sum(dim=options["dim"])
        assert_close(total, torch.ones_like(total), Text("the sum along dim", "沿 dim 的和"))
    # The same seed, and logits moved by less than float32 can hold: the sample moves, twice as far for twice the step.
    # By the formula's slope only where the noise does not depend on the logits, which nobody has promised.
    if logits.dtype == torch.float64:
        towards = torch.linspace(-1, 1, logits.numel(), dtype=torch.float64).reshape(logits.shape)
        start, one, two = (
            candidate.gumbel_softmax(logits + step * towards, generator=seeded(6), **options).detach()
            for step in (0, 1e-9, 2e-9)
        )
        what = Text("the sample's move when logits move by 2e-9", "logits 变化 2e-9 时样本的变化")
        assert_close((two - start) * 1e9, 2 * (one - start) * 1e9, what, rtol=1e-4, atol=1e-5)
        expected = slope(start, towards, options["tau"], options["dim"])
        require(
            bool((two != start).any()) or float(expected.abs().max()) < 1e-3,
            Text(
                "the sample stays the same when float64 logits move by 1e-9: they went through float32",
                "float64 的 logits 变化 1e-9，样本却不变：中途经过了 float32",
            ),
        )


@check(
    title=Text("Logits of 1e4 do no harm", "logits 大到 1e4 也不出错"),
    hint=Text(
        "exp(100) is already inf in float32. Softmax stays the same when one number is taken from a whole slice.",
        "float32 里 exp(100) 已经是 inf。一个切片整体减去同一个数，softmax 不变。",
    ),
    rules=["large"],
)
@given(case=cases(least=2), hard=st.booleans(), examples=10)
def test_large_logits(candidate, case, hard):
    logits, options = case
    start = (logits * 4000).requires_grad_()
    sample = candidate.gumbel_softmax(start, hard=hard, generator=seeded(8), **options)
    assert_finite(sample)
    total = sample.detach().sum(dim=options["dim"])
    assert_close(total, torch.ones_like(total), Text("the sum along dim", "沿 dim 的和"))
    assert_finite(gradients(sample, {"logits": start})[0], Text("the gradient of logits", "logits 的梯度"))
    sure = torch.tensor([[1e4, -1e4, 0.0], [-1e4, 0.0, 1e4]])
    certain = candidate.gumbel_softmax(sure, hard=hard, generator=seeded(9), tau=options["tau"])
    assert_close(
        certain, torch.tensor([[1.0, 0, 0], [0, 0, 1.0]]), Text("the sample of sure logits", "确定无疑的 logits 的样本")
    )


@check(
    title=Text("The gradient of a soft sample", "软样本的梯度"),
    hint=Text(
        "It is the softmax's, over tau: the noise is a constant. Does anything cut the graph?",
        "就是 softmax 的梯度再除以 tau：噪声是常数。有没有哪里切断了计算图？",
    ),
    rules=["gradients"],
)
@given(
    case=st.sampled_from((torch.float32, torch.float64)).flatmap(lambda d: cases(dtype=d, least=2)),
    seed=generators(),
    examples=12,
)
def test_gradients(candidate, case, seed):
    logits, options = case
    start = logits.clone().requires_grad_()
    sample = candidate.gumbel_softmax(start, generator=seeded(seed), **options)
    (actual,) = gradients(sample, {"logits": start})
    towards = torch.randn(
        sample.shape, generator=seeded(0), dtype=torch.float64
    )  # what `gradients` weighs the sample with
    expected = slope(sample.detach().double(), towards, options["tau"], options["dim"])
    assert_close(actual, expected, Text("the gradient of logits", "logits 的梯度"))


@check(
    title=Text("A hard sample has the gradient of its soft sample", "硬样本的梯度等于软样本的梯度"),
    hint=Text(
        "arg-max has no gradient. Add soft - soft.detach(): nothing in value, all of the gradient.",
        "arg-max 没有梯度。加上 soft - soft.detach()：数值不变，梯度全有。",
    ),
    points=2,
    rules=["straight_through"],
)
@given(seed=generators(), tau=st.sampled_from((1.0, 0.7, 2.0)), examples=8)
def test_straight_through(candidate, seed, tau):
    logits = torch.randn(20, 3, generator=seeded(seed), dtype=torch.float64)
    slopes, sample = jacobian(candidate, logits, tau=tau, hard=True, generator=seeded(seed))
    soft = soft_behind(slopes, tau)
    what = Text("the gradient of a hard sample", "硬样本的梯度")
    expected = (torch.diag_embed(soft) - soft[:, :, None] * soft[:, None, :]) / tau
    assert_close(slopes, expected, what, rtol=1e-5, atol=1e-8)
    total = Text("the sum of the soft sample behind the gradient", "梯度背后那个软样本的和")
    assert_close(soft.sum(dim=1), torch.ones(20), total, rtol=1e-5)
    same = torch.equal(soft.argmax(dim=1), sample.argmax(dim=1))
    require(
        same,
        Text(
            "the gradient is that of another sample than the one-hot's", "梯度来自另一个样本，不是 one-hot 所取的那个"
        ),
    )


@check(
    title=Text("A call leaves logits alone", "调用不改动 logits"),
    hint=Text(
        "`+=`, `/=` and methods that end in an underscore write into the tensor that you were given.",
        "`+=`、`/=` 和下划线结尾的方法，都会写进传进来的那个张量。",
    ),
    rules=["unchanged"],
)
@given(case=cases(), hard=st.booleans(), examples=6)
def test_inputs_unchanged(candidate, case, hard):
    logits, options = case
    candidate.gumbel_softmax(logits, hard=hard, generator=seeded(1), **(options | {"tau": 0.4}))
    changed = ", ".join(name for name in candidate.last.changed_inputs if "generator" not in name)
    require(not changed, Text(f"the call modified {changed}", f"这次调用修改了 {changed}"))


def behaviour(candidate, random: torch.Generator) -> dict[str, object]:
    """What a submission does on one random input: what diagnosis compares."""
    logits = torch.randn(4, generator=random)
    seed = int(torch.randint(2**16, (), generator=random))
    draws = 6000

    def sampled(given_logits, **options):
        return candidate.gumbel_softmax(given_logits, generator=seeded(seed), **options).detach()

    def first_wins(among=SKEWED, **options):
        sample = sampled(rows_of(among, draws), **options)
        return Frequency(int((sample.argmax(dim=-1) == 0).sum()), draws)

    def above(level, tau):
        sample = sampled(rows_of(torch.tensor([0.8, 0.0]), draws), tau=tau)
        return Frequency(int((sample[:, 0] > level).sum()), draws)

    def agreement():
        found = sampled(rows_of(SKEWED, draws)).argmax(dim=-1)
        return Frequency(int((found[::2] == found[1::2]).sum()), draws // 2)

    def sums(dim, **options):
        total = sampled(logits.repeat(3, 1), dim=dim, **options).sum(dim=dim)
        return bool((total - 1).abs().max() < 1e-5)

    def one_hot():
        sample = sampled(rows_of(logits, 50), hard=True)
        return bool((sample.max(dim=-1).values > 0.99999).all())

    def hard_slope():
        slopes, sample = jacobian(candidate, torch.randn(40, 3, dtype=torch.float64, generator=seeded(seed)), hard=True)
        if not slopes.any():
            return "none"
        soft = soft_behind(slopes, 1.0)
        if not bool((soft.sum(dim=1) - 1).abs().max() < 1e-4):
            return "other"
        return "its own" if torch.equal(soft.argmax(dim=1), sample.argmax(dim=1)) else "another sample's"

    def soft_slope():
        start = logits.double().requires_grad_()
        sample = candidate.gumbel_softmax(start, generator=seeded(seed), tau=2.0)
        (found,) = gradients(sample, [start])
        towards = torch.randn(4, generator=seeded(0), dtype=torch.float64)
        return bool((found - slope(sample.detach(), towards, 2.0, -1)).abs().max() < 1e-5)

    def same_seed():
        return torch.equal(sampled(logits), sampled(logits))

    def two_calls():
        one = seeded(seed)
        first, second = (candidate.gumbel_softmax(logits, generator=one) for _ in range(2))
        return bool(torch.equal(first, second))

    def global_used():
        sampled(logits)
        return candidate.last.used_global_rng

    def accepted(tau):
        candidate.gumbel_softmax(logits, tau=tau)
        return "accepted"

    def precise():
        total = sampled(logits.double().repeat(50, 1), tau=0.7).sum(dim=-1)
        return str(total.dtype), bool((total - 1).abs().max() < 1e-12)

    def changed():
        sampled(logits)
        return " ".join(name for name in candidate.last.changed_inputs if "generator" not in name)

    return {
        "first wins": first_wins,
        "first of 31 wins": lambda: first_wins(CROWD),
        "first wins at tau 4": lambda: first_wins(tau=4.0),
        "first wins, hard": lambda: first_wins(hard=True),
        "above 0.9 at tau 0.5": lambda: above(0.9, 0.5),
        "above 0.6 at tau 3": lambda: above(0.6, 3.0),
        "agreement": agreement,
        "sums along 1": lambda: sums(1),
        "sums along 0": lambda: sums(0),
        "sums along 0, hard": lambda: sums(0, hard=True),
        "one-hot": one_hot,
        "slope": soft_slope,
        "hard slope": hard_slope,
        "same seed": same_seed,
        "two calls alike": two_calls,
        "global generator used": global_used,
        "tau 0": lambda: accepted(0.0),
        "tau -1": lambda: accepted(-1.0),
        "float64": precise,
        "large logits": lambda: bool(sampled(4000 * logits).isfinite().all()),
        "changed inputs": changed,
    }
