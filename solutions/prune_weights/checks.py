"""Hidden checks of prune_weights, in teaching order, and what diagnosis compares."""

import torch
from hypothesis import strategies as st

from grader.exam import (
    Text,
    assert_dtype,
    assert_equal,
    assert_shape,
    check,
    given,
    integers_tensor,
    raises_value_error,
    require,
    sizes,
    tensors,
)

MASK = Text("the mask", "mask")


def numel(shape):
    return int(torch.Size(shape).numel())


def shapes(most=5, dimensions=4, least=1):
    """With single entries allowed there may be no dimensions at all."""
    return st.lists(sizes(least, most), min_size=0 if least == 1 else 2, max_size=dimensions).map(tuple)


@st.composite
def sparsities(draw, entries, least=0):
    """A share of so many entries that drops and keeps `least` at least, well away from a product that ends in .5."""
    dropped = draw(sizes(least, entries - least))
    exact = (dropped + draw(st.sampled_from((0.0, 0.4, -0.4, 0.2, -0.2)))) / entries
    return min(max(exact, 0.0), 1.0)


@st.composite
def cases(draw, least=1, scales=(1.0,), **options):
    """A weight whose magnitudes all differ, and a sparsity."""
    shape = draw(shapes(least=least))
    weight = draw(tensors(*shape, distinct=True, scale=draw(st.sampled_from(scales)), **options))
    return weight, draw(sparsities(numel(shape), least - 1))


@st.composite
def global_cases(draw):
    """Weights whose magnitudes all differ, cut from one vector; the first is smaller than the others."""
    drawn = [draw(st.one_of(shapes(4, 2), st.just((9, 8)))) for _ in range(draw(sizes(1, 4)))]
    counts = [numel(shape) for shape in drawn]
    parts = draw(tensors(sum(counts), distinct=True)).split(counts)
    scales = (0.1237, *[1.0] * len(counts))  # no simple fraction: scaled magnitudes would equal others
    weights = [part.reshape(shape) * scale for part, shape, scale in zip(parts, drawn, scales, strict=False)]
    return weights, draw(sparsities(sum(counts)))


@st.composite
def fine_cases(draw):
    """Steps from 1 in the last bit, signs, and a sparsity that drops some entries and keeps some."""
    shape = draw(shapes(least=2))
    steps = draw(tensors(*shape, distinct=True))
    return steps.abs().flatten().argsort().argsort().reshape(shape), steps.sign(), draw(sparsities(numel(shape), 1))


def assert_drops_least(masks, weights, sparsity):
    """As many as must go are dropped, and none is greater than one that is kept: right whatever is equal."""
    kept = torch.cat([mask.flatten() for mask in masks])
    magnitudes = torch.cat([weight.detach().abs().flatten() for weight in weights])
    count = Text("the number of dropped entries", "去掉的个数")
    assert_equal(int((~kept).sum()), round(sparsity * len(kept)), count)
    lost, left = magnitudes[~kept], magnitudes[kept]
    require(
        not len(lost) or not len(left) or lost.max() <= left.min(),
        Text("An entry is dropped although a smaller one is kept.", "有一个元素被去掉了，比它小的却保留着。"),
    )


@check(
    title=Text("A bool mask of the shape of the weight", "与权重同形状的 bool mask"),
    hint=Text(
        "Which shape has your mask when the weight has three dimensions, or none? Is it made of True and False, or of "
        "numbers? Does it work for a parameter, which requires gradients?",
        "权重有三维、或者零维时，mask 是什么形状？里面是 True、False 还是数字？换成 requires_grad 的参数还能用吗？",
    ),
    rules=["mask"],
)
@given(case=st.one_of(cases(), cases(requires_grad=True)), examples=10)
def test_mask(candidate, case):
    weight, sparsity = case
    scalar = weight.flatten()[0]
    masks = candidate.global_masks([weight, scalar], sparsity)
    assert_equal(len(masks), 2, Text("the number of global masks", "global_masks 返回的个数"))
    shaped = (weight.shape, scalar.shape, weight.shape)
    for mask, shape in zip((*masks, candidate.magnitude_mask(weight, sparsity)), shaped, strict=True):
        assert_dtype(mask, torch.bool, MASK)
        assert_shape(mask, shape, MASK)


@check(
    title=Text("Exactly round(sparsity · n) entries are dropped", "恰好去掉 round(sparsity · n) 个"),
    hint=Text(
        "int() cuts off. And is sparsity the share that goes or the share that stays?",
        "int() 会直接截断。另外，sparsity 是去掉的比例还是保留的比例？",
    ),
    points=2,
    rules=["count"],
)
@given(case=cases(), examples=20)
def test_count(candidate, case):
    weight, sparsity = case
    dropped = int((~candidate.magnitude_mask(weight, sparsity)).sum())
    assert_equal(dropped, round(sparsity * weight.numel()), Text("the number of dropped entries", "去掉的个数"))


@check(
    title=Text("The entries of least magnitude are dropped", "去掉的是绝对值最小的"),
    hint=Text(
        "Is -3 smaller than 1 here? Does True mean kept? And are all entries ranked together, not row by row?",
        "在这里 -3 比 1 小吗？True 表示保留吗？所有元素是放在一起排名，还是逐行排名？",
    ),
    points=3,
    rules=["magnitude"],
)
@given(case=st.one_of(cases(), cases(least=2)), examples=24)
def test_smallest_dropped(candidate, reference, case):
    assert_equal(candidate.magnitude_mask(*case), reference.magnitude_mask(*case), MASK)


@check(
    title=Text("sparsity 0 keeps all, sparsity 1 keeps none", "sparsity 为 0 全保留，为 1 全去掉"),
    hint=Text(
        "Which index has your threshold when nothing is dropped, and when everything is?",
        "一个都不去掉、或者全部去掉时，你的阈值取的是第几个元素？",
    ),
    rules=["count"],
)
@given(weight=shapes().flatmap(lambda shape: tensors(*shape)), kept=st.booleans(), examples=10)
def test_nothing_or_everything(candidate, weight, kept):
    sparsity = 0.0 if kept else 1.0
    for mask in (candidate.magnitude_mask(weight, sparsity), *candidate.global_masks([weight], sparsity)):
        assert_dtype(mask, torch.bool, MASK)
        assert_equal(mask, torch.full(weight.shape, kept), MASK)


@check(
    title=Text("The number is exact where magnitudes are equal", "绝对值相等时个数仍然准确"),
    hint=Text(
        "`abs() > threshold` drops every entry that equals the threshold. What has an order even among equal ones?",
        "`abs() > threshold` 会把等于阈值的全部去掉。相等的元素之间，什么仍有先后？",
    ),
    points=2,
    rules=["ties", "count"],
)
@given(
    weight=shapes().flatmap(lambda shape: integers_tensor(*shape, low=-1, high=3)), share=sparsities(1000), examples=16
)
def test_ties(candidate, weight, share):
    sparsity = round(share * weight.numel()) / weight.numel()
    mask = candidate.magnitude_mask(weight.float(), sparsity)
    assert_drops_least([mask], [weight.float()], sparsity)


@check(
    title=Text("A whole layer of 120,000 weights", "一整层 12 万个权重"),
    hint=Text(
        "Is the count worked out in Python's float or in float32? Does a function that you use have a limit of size?",
        "个数是用 Python 的 float 算的还是 float32？你用的函数对大小有没有限制？",
    ),
    rules=["count", "magnitude"],
)
def test_layer(candidate, reference):
    random = torch.Generator().manual_seed(0)
    order = torch.randperm(300 * 400, generator=random).float().reshape(300, 400)
    weight = (order + 1) * torch.where(torch.rand(300, 400, generator=random) < 0.5, -1, 1)
    for sparsity in (0.123456, 0.9):
        assert_equal(candidate.magnitude_mask(weight, sparsity), reference.magnitude_mask(weight, sparsity), MASK)


@check(
    title=Text("global_masks ranks all tensors together", "global_masks 把所有 tensor 放在一起排名"),
    hint=Text(
        "A tensor of small weights may lose all of them. Is there one threshold, or one for each tensor? "
        "Are the weights compared as they are?",
        "权重普遍小的 tensor 可能一个不剩。阈值只有一个，还是每个 tensor 各有一个？比较的是权重本来的值吗？",
    ),
    points=3,
    rules=["global", "magnitude"],
)
@given(case=global_cases(), examples=24)
def test_global(candidate, reference, case):
    masks, expected = candidate.global_masks(*case), reference.global_masks(*case)
    assert_equal(len(masks), len(expected), Text("the number of masks", "mask 的个数"))
    for number, (mask, right) in enumerate(zip(masks, expected, strict=True), start=1):
        assert_equal(mask, right, Text(f"mask {number}", f"第 {number} 个 mask"))


@check(
    title=Text("global_masks is exact where magnitudes are equal", "绝对值相等时，global_masks 的个数也准确"),
    hint=Text(
        "The number speaks of all tensors together: how is it shared out when equal magnitudes stand in several?",
        "个数是对所有 tensor 合计说的：相等的值分布在几个 tensor 里时，怎样分配？",
    ),
    rules=["ties", "global"],
)
@given(
    weights=st.lists(
        shapes(3, 2).flatmap(lambda shape: integers_tensor(*shape, low=-1, high=3)), min_size=2, max_size=3
    ),
    share=sparsities(1000),
    examples=12,
)
def test_global_ties(candidate, weights, share):
    entries = sum(weight.numel() for weight in weights)
    sparsity, weights = round(share * entries) / entries, [weight.float() for weight in weights]
    assert_drops_least(candidate.global_masks(weights, sparsity), weights, sparsity)


@check(
    title=Text("A difference in the last bit counts", "只差最后一位也算不同"),
    hint=Text(
        "Do the weights pass through float32 or something smaller before they are ranked?",
        "排名之前，权重有没有被转成 float32 或更低的精度？",
    ),
    rules=["precision"],
)
@given(case=fine_cases(), examples=8)
def test_precision(candidate, reference, case):
    steps, signs, sparsity = case
    for dtype in (torch.float32, torch.float64):
        weight = (1 + steps.to(dtype) * torch.finfo(dtype).eps) * signs.to(dtype)
        expected = reference.magnitude_mask(weight, sparsity)
        what = Text(f"the mask for {dtype}", f"{dtype} 权重的 mask")
        assert_equal(candidate.magnitude_mask(weight, sparsity), expected, what)
        assert_equal(candidate.global_masks([weight], sparsity)[0], expected, what)


@check(
    title=Text("Very large and very small weights", "极大和极小的权重"),
    hint=Text(
        "The square of 1e30 is inf in float32, and that of 1e-30 is 0: all of them are equal then. Is a square needed?",
        "float32 里 1e30 的平方是 inf，1e-30 的平方是 0：平方之后就分不出大小了。非平方不可吗？",
    ),
    rules=["range"],
)
@given(case=cases(least=2, scales=(1e29, 1e-28)), examples=12)
def test_range(candidate, reference, case):
    weight, sparsity = case
    expected = reference.magnitude_mask(weight, sparsity)
    assert_equal(candidate.magnitude_mask(weight, sparsity), expected, MASK)
    assert_equal(candidate.global_masks([weight], sparsity)[0], expected, MASK)


@check(
    title=Text("A sparsity outside [0, 1] is a ValueError", "sparsity 超出 [0, 1] 时抛出 ValueError"),
    hint=Text(
        "Look at sparsity first, in both functions, and write its name into the message.",
        "两个函数都要先检查 sparsity，并把它的名字写进信息里。",
    ),
    rules=["sparsity"],
)
@given(sparsity=st.sampled_from((-0.01, 1.01, -1.0, 2.0, 50.0)), examples=5)
def test_bad_sparsity(candidate, sparsity):
    weight = torch.tensor([[0.1, -0.2, 0.3]])
    for legal in (0.0, 1.0):
        candidate.magnitude_mask(weight, legal)
    with raises_value_error("sparsity"):
        candidate.magnitude_mask(weight, sparsity)
    with raises_value_error("sparsity"):
        candidate.global_masks([weight, weight], sparsity)


@check(
    title=Text("The weights stay as they were", "权重保持原样"),
    hint=Text(
        "Methods that end in an underscore, such as abs_ and mul_, write into the tensor that you were given.",
        "下划线结尾的方法（如 abs_、mul_）会写进传进来的那个 tensor。",
    ),
    rules=["unchanged"],
)
@given(case=cases(), examples=6)
def test_inputs_unchanged(candidate, case):
    weight, sparsity = case
    several = [weight, weight.flatten()[:1] * 2]
    for function, argument in ((candidate.magnitude_mask, weight), (candidate.global_masks, several)):
        function(argument, sparsity)
        changed = ", ".join(candidate.last.changed_inputs)
        require(not changed, Text(f"the call modified {changed}", f"这次调用修改了 {changed}"))


def behaviour(candidate, random: torch.Generator) -> dict[str, object]:
    """What a submission does on one random input: what diagnosis compares."""

    def distinct(*shape):
        order = torch.randperm(numel(shape), generator=random).double() + 1
        return (order * torch.where(torch.rand(len(order), generator=random) < 0.5, -1, 1)).reshape(shape)

    def mask(weight, sparsity):
        return lambda: candidate.magnitude_mask(weight, sparsity)

    def dropped(weights):
        return lambda: sum(int((mask == 0).sum()) for mask in candidate.global_masks(weights, 0.45))

    def changed_inputs():
        candidate.magnitude_mask(weight, 0.4)
        return " ".join(candidate.last.changed_inputs)

    weight = distinct(4, 5).float()
    precise = 1 + distinct(21) * torch.finfo(torch.float64).eps
    equal = torch.tensor([1.0, -1.0]).repeat(10)
    several = [distinct(3, 4).float() / 8, distinct(7).float()]
    return {
        "half dropped": mask(weight, 0.42),
        "a quarter dropped": mask(weight, 0.27),
        "rounded down": mask(weight, 0.36),
        "large": mask(weight * 1e30, 0.45),
        "float64": mask(precise, 0.45),
        "equal": dropped([equal]),
        "equal, several": dropped([equal[:3], equal[:7]]),
        "several": lambda: candidate.global_masks(several, 0.45),
        "several, many dropped": lambda: candidate.global_masks(several, 0.69),
        "changed inputs": changed_inputs,
        "sparsity 1.5": lambda: candidate.magnitude_mask(weight, 1.5).sum(),
        "sparsity -0.5": lambda: candidate.magnitude_mask(weight, -0.5).sum(),
    }
