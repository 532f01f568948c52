"""Hidden checks of n_m_sparsity, in teaching order, and what diagnosis compares."""

from contextlib import contextmanager

import torch
from hypothesis import strategies as st

from grader.exam import (
    Text,
    assert_dtype,
    assert_equal,
    assert_shape,
    check,
    fail,
    given,
    integers_tensor,
    raises_value_error,
    require,
    sizes,
    tensors,
)

MASK = Text("the mask", "mask")
TWO_OF_FOUR = st.just((2, 4))


@st.composite
def patterns(draw):
    """n and m, n seldom half of m."""
    m = draw(st.sampled_from((4, 3, 5, 2, 8, 1)))
    return draw(sizes(1, m)), m


@st.composite
def shapes(draw, m):
    """Up to two leading dimensions, and groups of m."""
    return (*draw(st.lists(sizes(1, 4), max_size=2)), m * draw(sizes(1, 3)))


@st.composite
def cases(draw, pattern=None, scales=(1.0,), **options):
    """A weight whose magnitudes all differ, n and m."""
    n, m = draw(patterns() if pattern is None else pattern)
    shape = draw(shapes(m))
    return draw(tensors(*shape, distinct=True, scale=draw(st.sampled_from(scales)), **options)), n, m


@st.composite
def equal_cases(draw):
    """A weight with few magnitudes, n and m."""
    n, m = draw(patterns())
    shape = draw(shapes(m))
    return draw(integers_tensor(*shape, low=-1, high=3)).float(), n, m


def assert_keeps_greatest(mask, weight, n, m):
    """Exactly n in each group, and none less than one that is dropped: right whatever is equal."""
    kept, magnitudes = mask.unflatten(-1, (-1, m)), weight.abs().unflatten(-1, (-1, m))
    counts = kept.sum(dim=-1)
    assert_equal(counts, torch.full_like(counts, n), Text("the number kept in each group", "每组保留的个数"))
    least_kept = magnitudes.masked_fill(~kept, torch.inf).amin(dim=-1)
    greatest_dropped = magnitudes.masked_fill(kept, -torch.inf).amax(dim=-1)
    require(
        (least_kept >= greatest_dropped).all(),
        Text(
            "An entry is dropped although a smaller one of its group is kept.",
            "有个元素被去掉了，同组里更小的却保留着。",
        ),
    )


@contextmanager
def raises_naming_weight_or_m():
    """The block must raise a ValueError that names one of the two arguments that do not fit together."""
    try:
        yield
    except ValueError as error:
        said = str(error).lower()
        named = Text(
            f"The ValueError must name `m` or `weight`: {said!r}",
            f"ValueError 的信息里应写出 `m` 或 `weight`：{said!r}",
        )
        require("m" in said or "weight" in said, named)
    else:
        fail(
            Text(
                "A last dimension that m does not divide must raise ValueError; nothing was raised.",
                "最后一维不能被 m 整除时应抛出 ValueError，但没有抛出异常。",
            )
        )


@check(
    title=Text("A bool mask of the shape of the weight", "与权重同形状的 bool mask"),
    hint=Text(
        "After grouping, is the mask brought back to the shape of weight, also when that has one or three dimensions?",
        "分组之后，mask 有没有变回 weight 的形状？weight 是一维或三维时呢？",
    ),
    rules=["mask"],
)
@given(case=st.one_of(cases(), cases(requires_grad=True)), examples=10)
def test_mask(candidate, case):
    mask = candidate.n_m_mask(*case)
    assert_dtype(mask, torch.bool, MASK)
    assert_shape(mask, case[0].shape, MASK)


@check(
    title=Text("2:4, the pattern of the hardware", "2:4：硬件支持的模式"),
    hint=Text(
        "Take a row of eight. Which four entries form the first group? Is -3 greater than 1 here?",
        "取一行八个元素：第一组是哪四个？在这里 -3 比 1 大吗？",
    ),
    points=3,
    rules=["groups", "magnitude"],
)
@given(case=cases(TWO_OF_FOUR), examples=20)
def test_two_of_four(candidate, reference, case):
    weight, n, m = case
    assert_equal(candidate.n_m_mask(weight), reference.n_m_mask(weight), MASK)
    assert_equal(candidate.n_m_mask(weight, n, m), reference.n_m_mask(weight), MASK)


@check(
    title=Text("Other patterns: 1:4, 3:5, 7:8 …", "其他模式：1:4、3:5、7:8……"),
    hint=Text(
        "In 2:4 as many are kept as dropped. Which of the two is n? Where do n and m enter your code?",
        "2:4 里保留和去掉的一样多。n 说的是哪一个？n 和 m 用在了代码的哪些地方？",
    ),
    points=3,
    rules=["groups", "magnitude"],
)
@given(case=cases(), examples=30)
def test_other_patterns(candidate, reference, case):
    assert_equal(candidate.n_m_mask(*case), reference.n_m_mask(*case), MASK)


@check(
    title=Text("Exactly n in each group, also where magnitudes are equal", "绝对值相等时，每组也恰好 n 个"),
    hint=Text(
        "`abs() >= threshold` keeps every entry that equals the threshold. What has an order even among equal ones?",
        "`abs() >= threshold` 会把等于阈值的全部保留。相等的元素之间，什么仍有先后？",
    ),
    points=2,
    rules=["exact"],
)
@given(case=equal_cases(), examples=20)
def test_ties(candidate, case):
    assert_keeps_greatest(candidate.n_m_mask(*case), *case)


@check(
    title=Text("n = m keeps everything", "n = m 时全部保留"),
    hint=Text("n may be as large as m. Is that an error in your code?", "n 最大可以等于 m。你的代码会报错吗？"),
    rules=["exact", "n"],
)
@given(m=sizes(1, 5), groups=sizes(1, 3), examples=6)
def test_all_kept(candidate, m, groups):
    for weight in (torch.zeros(2, m * groups), torch.arange(m * groups) - 1.5):
        assert_equal(candidate.n_m_mask(weight, m, m), torch.ones_like(weight, dtype=torch.bool), MASK)


@check(
    title=Text("A whole layer of 200 × 320", "一整层：200 × 320"),
    hint=Text(
        "Small groups stand beside large ones here: each keeps its own n.",
        "这里大小悬殊的组挨在一起：每组都要留下自己的 n 个。",
    ),
    rules=["groups", "exact"],
)
def test_layer(candidate, reference):
    random = torch.Generator().manual_seed(0)
    order = torch.randperm(200 * 320, generator=random).float().reshape(200, 320) + 1
    weight = order * torch.where(torch.rand(200, 320, generator=random) < 0.5, -1, 1)
    weight[::2] /= 2**20
    for n, m in ((2, 4), (3, 16)):
        assert_equal(candidate.n_m_mask(weight, n, m), reference.n_m_mask(weight, n, m), MASK)


@check(
    title=Text("A difference in the last bit counts", "只差最后一位也算不同"),
    hint=Text(
        "Do the weights pass through float32 or something smaller before they are compared?",
        "比较之前，权重有没有被转成 float32 或更低的精度？",
    ),
    rules=["precision"],
)
@given(case=cases(st.sampled_from(((2, 4), (3, 8)))), examples=8)
def test_precision(candidate, reference, case):
    steps, n, m = case
    order = steps.abs().flatten().argsort().argsort().reshape(steps.shape)
    for dtype in (torch.float32, torch.float64):
        weight = (1 + order.to(dtype) * torch.finfo(dtype).eps) * steps.sign().to(dtype)
        what = Text(f"the mask for {dtype}", f"{dtype} 权重的 mask")
        assert_equal(candidate.n_m_mask(weight, n, m), reference.n_m_mask(weight, n, m), what)


@check(
    title=Text("Very large and very small weights", "极大和极小的权重"),
    hint=Text(
        "The square of 1e30 is inf in float32, and that of 1e-30 is 0: all of them are equal then. Is a square needed?",
        "float32 里 1e30 的平方是 inf，1e-30 的平方是 0：平方之后就分不出大小了。非平方不可吗？",
    ),
    rules=["range"],
)
@given(case=cases(st.sampled_from(((2, 4), (3, 8))), scales=(1e29, 1e-28)), examples=10)
def test_range(candidate, reference, case):
    assert_equal(candidate.n_m_mask(*case), reference.n_m_mask(*case), MASK)


@check(
    title=Text("A last dimension that m does not divide is a ValueError", "最后一维不能被 m 整除时抛出 ValueError"),
    hint=Text(
        "(4, 6) has 24 entries, and yet no row of 6 can be cut into groups of 4. Which number must m divide?",
        "(4, 6) 有 24 个元素，可一行 6 个分不成 4 个一组。m 要整除的是哪个数？",
    ),
    rules=["width"],
)
@given(bad=st.sampled_from((((4, 6), 2, 4), ((6,), 2, 4), ((3, 2), 1, 3), ((2, 3), 2, 4), ((1, 7), 3, 5))), examples=5)
def test_bad_width(candidate, bad):
    shape, n, m = bad
    candidate.n_m_mask(torch.ones(*shape[:-1], m), n, m)
    with raises_naming_weight_or_m():
        candidate.n_m_mask(torch.ones(shape), n, m)


@check(
    title=Text("n must satisfy 0 < n ≤ m, else a ValueError", "n 必须满足 0 < n ≤ m，否则抛出 ValueError"),
    hint=Text(
        "Look at n first, and write its name into the message. Are 1 and m themselves still fine?",
        "先检查 n，并把它的名字写进信息里。1 和 m 本身还合法吗？",
    ),
    rules=["n"],
)
@given(bad=st.sampled_from(((0, 4), (5, 4), (-1, 4), (3, 2), (0, 1), (2, 1))), examples=6)
def test_bad_n(candidate, bad):
    n, m = bad
    weight = torch.tensor([[1.0, -2.0, 3.0, -4.0]])
    for legal in (1, m):
        candidate.n_m_mask(weight, legal, m)
    with raises_value_error("n"):
        candidate.n_m_mask(weight, n, m)


@check(
    title=Text("The weight stays as it was", "权重保持原样"),
    hint=Text(
        "Methods that end in an underscore, such as abs_ and zero_, write into the tensor that you were given, "
        "and so do assignments to a view of it.",
        "下划线结尾的方法（如 abs_、zero_）会写进传进来的 tensor，对它的 view 赋值也一样。",
    ),
    rules=["unchanged"],
)
@given(case=cases(), examples=6)
def test_input_unchanged(candidate, case):
    candidate.n_m_mask(*case)
    changed = ", ".join(candidate.last.changed_inputs)
    require(not changed, Text(f"the call modified {changed}", f"这次调用修改了 {changed}"))


def behaviour(candidate, random: torch.Generator) -> dict[str, object]:
    """What a submission does on one random input: what diagnosis compares."""

    def distinct(*shape):
        size = torch.Size(shape).numel()
        order = torch.randperm(size, generator=random).double() + 1
        return (order * torch.where(torch.rand(size, generator=random) < 0.5, -1, 1)).reshape(shape)

    def mask(weight, n, m):
        return lambda: candidate.n_m_mask(weight, n, m)

    def count(weight, n, m):
        return lambda: int((candidate.n_m_mask(weight, n, m) != 0).sum())

    def changed_inputs():
        candidate.n_m_mask(weight, 2, 4)
        return " ".join(candidate.last.changed_inputs)

    weight = distinct(6, 24).float()
    precise = 1 + distinct(24) * torch.finfo(torch.float64).eps
    return {
        "2:4": mask(weight, 2, 4),
        "1:4": mask(weight, 1, 4),
        "5:6": mask(weight, 5, 6),
        "large": mask(weight * 1e30, 2, 4),
        "float64": mask(precise, 3, 8),
        "equal": count(torch.ones(2, 8), 1, 4),
        "all": mask(weight, 3, 3),
        "changed inputs": changed_inputs,
        "width 10": lambda: candidate.n_m_mask(weight[:2, :10], 2, 4).shape,
        "width 3": lambda: candidate.n_m_mask(weight[:4, :3], 2, 4).shape,
        "n = 0": count(weight, 0, 4),
        "n = 5": count(weight, 5, 4),
    }
