"""Hidden checks of gpt_parameter_count, in teaching order, and what diagnosis compares."""

import torch
from hypothesis import strategies as st

from grader.exam import Raised, Text, assert_equal, attempt, check, given, raises_value_error, require, sizes

NAMES = ("n_layer", "d_model", "n_vocab", "n_ctx")


@st.composite
def models(draw):
    """The four sizes of a model, each by itself."""
    return dict(zip(NAMES, (draw(sizes(1, n)) for n in (9, 40, 99, 60)), strict=True))


def grown(count, model, name, by):
    """How many parameters are added when one size grows."""
    return count(**model | {name: model[name] + by}) - count(**model)


@check(
    title=Text("It returns a positive int", "返回一个正整数"),
    hint=Text(
        "`/` gives a float. Count with +, * and //, or not at all.",
        "`/` 得到的是 float。用 +、* 来数就够了。",
    ),
    rules=["total"],
)
@given(model=models(), examples=5)
def test_runs(candidate, model):
    count = candidate.parameter_count(**model)
    require(count > 0, Text(f"the count is {count}", f"得到的总数是 {count}"))


@check(
    title=Text("What one more token in the vocabulary adds", "词表里多一个 token 会增加多少"),
    hint=Text(
        "Input and output share one matrix. How many numbers does one more token add to it?",
        "输入和输出共享一个矩阵。多一个 token，这个矩阵多几个数？",
    ),
    points=2,
    rules=["embeddings"],
)
@given(model=models(), by=sizes(1, 5), examples=10)
def test_vocabulary(candidate, model, by):
    added = grown(candidate.parameter_count, model, "n_vocab", by)
    what = Text(f"what {by} more tokens in the vocabulary add", f"词表里多 {by} 个 token 增加的参数")
    assert_equal(added, by * model["d_model"], what)


@check(
    title=Text("What one more position adds", "多一个位置会增加多少"),
    hint=Text(
        "Positions are learned here: each has a vector of its own, as wide as a token's.",
        "这里的位置是可学习的：每个位置有自己的向量，和 token 的一样宽。",
    ),
    rules=["embeddings"],
)
@given(model=models(), by=sizes(1, 5), examples=10)
def test_positions(candidate, model, by):
    added = grown(candidate.parameter_count, model, "n_ctx", by)
    what = Text(f"what {by} more positions add", f"多 {by} 个位置增加的参数")
    assert_equal(added, by * model["d_model"], what)


@check(
    title=Text("What one more block adds", "多一个模块会增加多少"),
    hint=Text(
        "List all tensors of a block with their shapes: four projections, two linear layers, two norms; "
        "each has a weight and a bias.",
        "列出一个模块里所有张量和它们的形状：四个投影、两个线性层、两个归一化；每个都有 weight 和 bias。",
    ),
    points=3,
    rules=["block"],
)
@given(model=models(), by=sizes(1, 3), examples=16)
def test_block(candidate, reference, model, by):
    added = grown(candidate.parameter_count, model, "n_layer", by)
    expected = grown(reference.parameter_count, model, "n_layer", by)
    assert_equal(added, expected, Text(f"what {by} more blocks add", f"多 {by} 个模块增加的参数"))


@check(
    title=Text("The total", "总数"),
    hint=Text(
        "If embeddings and blocks are right, look at what stands there once only, and at what is counted twice.",
        "如果 embedding 和模块都对了，就看看只出现一次的东西，再看看有没有数了两遍的。",
    ),
    points=2,
    rules=["total", "final"],
)
@given(model=models(), examples=16)
def test_rest(candidate, reference, model):
    assert_equal(candidate.parameter_count(**model), reference.parameter_count(**model), Text("the total", "总数"))


@check(
    title=Text("GPT-2 and GPT-3", "GPT-2 和 GPT-3"),
    hint=Text(
        "GPT-3 has about 175 thousand million parameters: 12 · 96 · 12288² is nearly all of it.",
        "GPT-3 大约有 1750 亿个参数：12 · 96 · 12288² 就占了绝大部分。",
    ),
    rules=["total"],
)
def test_known_models(candidate):
    known = {
        "GPT-2 small": ((12, 768, 50257, 1024), 124_439_808),
        "GPT-2 XL": ((48, 1600, 50257, 1024), 1_557_611_200),
        "GPT-3": ((96, 12288, 50257, 2048), 174_604_259_328),
    }
    for name, (sizes_of, total) in known.items():
        actual = candidate.parameter_count(**dict(zip(NAMES, sizes_of, strict=True)))
        assert_equal(actual, total, Text(f"the count of {name}", f"{name} 的参数量"))


@check(
    title=Text("Exact beyond 2⁵³", "超过 2⁵³ 也要精确"),
    hint=Text(
        "Python's integers have no limit; floats and 64-bit tensors have. Does a float stand anywhere on the way?",
        "Python 的整数没有上限，浮点数和 64 位张量有。中间有没有哪一步是浮点数？",
    ),
    rules=["exact"],
)
def test_exact(candidate, reference):
    # In the total and in d_model^2 alone; then a total beyond 2^64, of matrices that torch can still describe.
    for values in (
        (7, 30_000_001, 50_257, 2_049),
        (3, 100_000_007, 50_257, 2_049),
        (97, 300_000_007, 50_257, 2_049),
        (1, 1, 1, 1),
    ):
        model = dict(zip(NAMES, values, strict=True))
        assert_equal(candidate.parameter_count(**model), reference.parameter_count(**model), Text("the total", "总数"))
    # Beyond the 28 digits of a Decimal, and 2^128. Torch makes no such matrix, not even without memory: whoever counts
    # a model of torch's may refuse, and nobody may give another number.
    for values in ((5, 10**20 + 39, 10**9 + 7, 10**7 + 3), (2, 5, 10**41 + 3, 10**39 + 9)):
        model = dict(zip(NAMES, values, strict=True))
        actual = attempt(lambda model=model: candidate.parameter_count(**model))
        if not isinstance(actual, Raised) or actual.kind == "CheckFailure":
            assert_equal(actual, reference.parameter_count(**model), Text("the total", "总数"))


@check(
    title=Text("Arguments below 1 are errors", "小于 1 的参数要报错"),
    hint=Text(
        "Check all four, and say in the message which one it was. 1 itself is fine.",
        "四个参数都要检查，信息里写明是哪一个。1 本身是合法的。",
    ),
    rules=["arguments"],
)
def test_arguments(candidate):
    for name in NAMES:
        model = dict(zip(NAMES, (2, 4, 10, 6), strict=True))
        candidate.parameter_count(**model | {name: 1})
        for bad in (0, -1, -8):
            with raises_value_error(name):
                candidate.parameter_count(**model | {name: bad})


def behaviour(candidate, random: torch.Generator) -> dict[str, object]:
    """What a submission does on one random input: what diagnosis compares."""
    small = torch.randint(2, 99, (4,), generator=random).tolist()

    def count(*values):
        return lambda: candidate.parameter_count(**dict(zip(NAMES, values, strict=True)))

    def with_bad(index, bad):
        return count(*(bad if position == index else value for position, value in enumerate(small)))

    seen = {"count": count(*small), "large": count(7, 30_000_001, *small[2:])}
    for index, name in enumerate(NAMES):
        seen[f"{name} zero"] = with_bad(index, 0)
        seen[f"{name} negative"] = with_bad(index, -3)
    return seen
