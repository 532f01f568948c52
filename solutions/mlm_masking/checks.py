"""Hidden checks of mlm_masking, in teaching order, and what diagnosis compares.

Results are random: what is certain is compared exactly, the rest by exact binomial tests. Each of the fewer than a
hundred tests rejects a right answer less than once in 10^9 runs, so a run does so less than once in 10^7.
"""

from functools import cache
from math import comb

import torch
from hypothesis import strategies as st

from grader.exam import (
    Frequency,
    Text,
    assert_dtype,
    assert_equal,
    assert_frequency,
    assert_shape,
    bool_tensors,
    check,
    generators,
    given,
    integers_tensor,
    raises_value_error,
    require,
    sizes,
)

INPUTS, LABELS = Text("inputs", "inputs"), Text("labels", "labels")
IGNORED = -100


@st.composite
def cases(draw, *, ids=(0, 6), p=(0.0, 0.3, 0.8, 1.0)):
    """Arguments and options of one call."""
    shape = draw(sizes(1, 4)), draw(sizes(1, 6))
    low, high = ids
    args = draw(integers_tensor(*shape, low=low, high=high)), draw(bool_tensors(*shape, p=0.4))
    options = {"mask_id": draw(st.sampled_from((high - 1, low, low + 2))), "vocab_size": high}
    return args, {**options, "p": draw(st.sampled_from(p)), "generator": seeded(draw(generators()))}


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def ordinary(*shape, token=500):
    """One and the same token at ordinary positions only."""
    return torch.full(shape, token), torch.zeros(shape, dtype=torch.bool)


def neighbours(values):
    """Each pair of neighbours in a row, then in a column: no position is in two pairs of one kind."""
    width, height = values.shape[1] // 2 * 2, values.shape[0] // 2 * 2
    along = Text("two neighbours in a row", "同一行里相邻的两个位置"), values[:, :width:2], values[:, 1:width:2]
    across = Text("the same place in two sequences", "两个序列的同一位置"), values[:height:2], values[1:height:2]
    return along, across


def share(hits, p, en, zh):
    """How often `hits` holds must be what probability p allows."""
    assert_frequency(int(hits.sum()), hits.numel(), p, Text(en, zh))


def assert_kept(case, inputs, labels):
    """What is certain of every result: two long tensors that agree with the original ids."""
    (ids, special), _ = case
    selected = labels != IGNORED
    assert_equal(labels, torch.where(selected, ids, IGNORED), Text("labels where selected", "labels 被选中处"))
    unselected = Text("inputs where nothing is selected", "inputs 没有选中处")
    assert_equal(inputs[~selected], ids[~selected], unselected)
    require(not (selected & special).any(), Text("A special token was selected.", "特殊 token 被选中了。"))


@check(
    title=Text("Two long tensors of the shape of input_ids", "两个与 input_ids 同形状的 long tensor"),
    hint=Text(
        "A batch of one and a sequence of one keep both dimensions. Does a float come in anywhere, such as -100.0?",
        "只有一个序列、只有一个 token 时，两维都要保留。有没有哪里混进了浮点数，比如 -100.0？",
    ),
    rules=["shape"],
)
@given(case=cases(), examples=10)
def test_shape(candidate, case):
    args, options = case
    for tensor, what in zip(candidate.mask_tokens(*args, **options), (INPUTS, LABELS), strict=True):
        assert_shape(tensor, args[0].shape, what)
        assert_dtype(tensor, torch.int64, what)


@check(
    title=Text("labels hold the original ids, -100 elsewhere", "labels 是原来的 id，其余为 -100"),
    hint=Text(
        "At which moment do you copy the ids into the labels: before or after they are replaced? And which positions "
        "get a label: the selected ones, or those whose token changed?",
        "你是在替换之前还是之后把 id 拷进 labels 的？有 label 的是被选中的位置，还是 token 变了的位置？",
    ),
    points=2,
    rules=["labels"],
)
@given(case=st.one_of(cases(), cases(ids=(2**24, 2**26))), examples=30)
def test_labels(candidate, case):
    args, options = case
    inputs, labels = candidate.mask_tokens(*args, **options)
    assert_kept(case, inputs, labels)
    require(
        ((inputs >= 0) & (inputs < options["vocab_size"])).all(),
        Text("inputs contain an id outside the vocabulary.", "inputs 里出现了词表之外的 id。"),
    )


@check(
    title=Text("Special tokens are never selected, all others may be", "特殊 token 从不被选中，其余都可能"),
    hint=Text(
        "True in special_tokens_mask means: leave it alone. Is anything else treated as special: an id of 0, mask_id?",
        "special_tokens_mask 里的 True 表示“别动它”。有没有把别的也当成特殊的，比如 id 0、mask_id？",
    ),
    points=2,
    rules=["special", "selection"],
)
@given(case=cases(p=(1.0,)), examples=24)
def test_special(candidate, case):
    args, options = case
    ids, special = args
    inputs, labels = candidate.mask_tokens(*args, **options)
    assert_kept(case, inputs, labels)
    assert_equal(labels, ids.masked_fill(special, IGNORED), Text("labels at p = 1", "p = 1 时的 labels"))


@check(
    title=Text("p = 0 selects nothing, and is allowed", "p = 0 什么都不选，而且合法"),
    hint=Text(
        "Both ends of [0, 1] are probabilities. Is anything selected without being drawn?",
        "[0, 1] 的两端都是合法的概率。有没有不经抽取就选中的位置？",
    ),
    rules=["selection", "probability"],
)
@given(case=cases(p=(0.0,)), examples=8)
def test_edges_of_p(candidate, case):
    args, options = case
    inputs, labels = candidate.mask_tokens(*args, **options)
    assert_equal(inputs, args[0], INPUTS)
    assert_equal(labels, torch.full_like(args[0], IGNORED), LABELS)


@check(
    title=Text("The share that is selected is p", "选中的比例是 p"),
    hint=Text(
        "What is the default of p? p speaks of ordinary positions: does the number of special ones change your share?",
        "p 的默认值是多少？p 说的是普通位置：特殊位置的多少会不会影响你的比例？",
    ),
    points=2,
    rules=["selection"],
)
def test_share_selected(candidate):
    special = torch.rand(100, 200, generator=seeded(1)) < 0.6
    ids = torch.randint(0, 50, special.shape, generator=seeded(2))
    for p, options in ((0.15, {}), (0.4, {"p": 0.4}), (0.85, {"p": 0.85})):
        case = (ids, special), {"mask_id": 4, "vocab_size": 50, "generator": seeded(3), **options}
        inputs, labels = candidate.mask_tokens(*case[0], **case[1])
        assert_kept(case, inputs, labels)
        share(labels[~special] != IGNORED, p, f"the share selected at p = {p}", f"p = {p} 时选中的比例")


@check(
    title=Text("Each position is selected independently", "每个位置独立地选"),
    hint=Text(
        "How many random numbers do you draw for a batch of B sequences of T tokens? Is the number of selected "
        "positions left to chance, in each sequence and in the batch?",
        "B 个序列、每个 T 个 token，你抽了多少个随机数？每个序列、整个 batch 里选中的数目是不是听凭运气？",
    ),
    points=2,
    rules=["selection", "independent"],
)
def test_selected_independently(candidate):
    width, p = 5, 0.3
    random = seeded(11)
    _, labels = candidate.mask_tokens(*ordinary(6000, width), mask_id=3, vocab_size=900, p=p, generator=random)
    selected = labels != IGNORED
    for what, one, other in neighbours(selected):
        share(one & other, p * p, f"how often {what.en} are both selected", f"{what.zh}同时被选中的比例")
    for k in range(width + 1):
        of_k = comb(width, k) * p**k * (1 - p) ** (width - k)
        share(
            selected.sum(dim=1) == k,
            of_k,
            f"the share of rows of {width} with {k} selected",
            f"{width} 个里恰好选中 {k} 个的行",
        )

    def in_two_tokens(p):
        """How many are selected in a batch of two tokens, 40 times."""
        tiny = [
            candidate.mask_tokens(*ordinary(1, 2), mask_id=3, vocab_size=900, p=p, generator=random)[1]
            for _ in range(40)
        ]
        return (torch.stack(tiny) != IGNORED).sum(dim=(1, 2))

    share(
        in_two_tokens(0.5) == 1,
        0.5,
        "how often one of two tokens is selected at p = 0.5",
        "p = 0.5 时两个 token 恰好选中一个的比例",
    )
    share(
        in_two_tokens(0.1) == 0,
        0.81,
        "how often none of two tokens is selected at p = 0.1",
        "p = 0.1 时两个 token 一个也没选中的比例",
    )


@check(
    title=Text("80 % masked, 10 % random, 10 % kept", "80 % 换成 mask，10 % 随机，10 % 不变"),
    hint=Text(
        "The three shares speak of the selected positions. After the 80 % are gone, "
        "which share of what is left is 10 % of all?",
        "三个比例都是对被选中的位置说的。去掉 80 % 之后，全体的 10 % 占剩下的多少？",
    ),
    points=3,
    rules=["replacement"],
)
def test_replacement(candidate):
    size = 1000
    for p, seed, mask_id in ((0.25, 21, 7), (1.0, 22, 999)):
        ids, special = ordinary(150, 200)
        inputs, labels = candidate.mask_tokens(
            ids, special, mask_id=mask_id, vocab_size=size, p=p, generator=seeded(seed)
        )
        became = inputs[labels != IGNORED]
        # A random token may be the original or mask_id: each once in `size` draws.
        masked, kept = became == mask_id, became == 500
        share(masked, 0.8 + 0.1 / size, "the share that becomes mask_id", "变成 mask_id 的比例")
        share(kept, 0.1 + 0.1 / size, "the share that stays", "保持原样的比例")
        share(~masked & ~kept, 0.1 - 0.2 / size, "the share that becomes a random token", "换成随机 token 的比例")


@check(
    title=Text("Random tokens come evenly from the whole vocabulary", "随机 token 均匀地取自整个词表"),
    hint=Text(
        "Which is the lowest and which the highest id that you may draw? Are the original token and mask_id there? "
        "Does the draw share a random number with an earlier decision?",
        "能抽到的最小和最大的 id 是多少？原来的 token 和 mask_id 在不在其中？"
        "抽 token 时有没有重用前面做决定的那个随机数？",
    ),
    points=2,
    rules=["tokens", "independent"],
)
def test_random_tokens(candidate):
    for size, token, mask_id in ((4, 1, 2), (5, 0, 4)):
        ids, special = ordinary(200, 200, token=token)
        options = {"mask_id": mask_id, "vocab_size": size, "p": 0.9, "generator": seeded(31 + size)}
        inputs, labels = candidate.mask_tokens(ids, special, **options)
        became = inputs[labels != IGNORED]
        require(
            became.min() >= 0 and became.max() < size,
            Text("A drawn id is outside the vocabulary.", "抽到了词表之外的 id。"),
        )
        for drawn in range(size):
            expected = 0.1 / size + 0.8 * (drawn == mask_id) + 0.1 * (drawn == token)
            share(became == drawn, expected, f"the share of id {drawn} in inputs", f"inputs 里 id {drawn} 的比例")
    ids, special = ordinary(200, 200, token=0)
    inputs, _ = candidate.mask_tokens(ids, special, mask_id=0, vocab_size=10**6, p=0.5, generator=seeded(33))
    drawn = inputs[inputs != 0]
    for tenth in range(10):
        share(
            drawn * 10 // 10**6 == tenth,
            0.1,
            f"the share of random tokens in tenth {tenth + 1} of the vocabulary",
            f"落在词表第 {tenth + 1} 个十分之一里的随机 token",
        )


@check(
    title=Text("Each position is treated on its own", "每个位置各抽各的"),
    hint=Text(
        "One draw for the choice and one for the token, for every position of every sequence: "
        "look at the sizes that you draw.",
        "每个序列的每个位置都要各抽一次“怎么处理”、一次“换成什么”：看看你抽的随机数有多少个。",
    ),
    points=2,
    rules=["independent", "replacement"],
)
def test_replaced_independently(candidate):
    ids, special = ordinary(200, 200)
    inputs, _ = candidate.mask_tokens(ids, special, mask_id=3, vocab_size=1000, p=1.0, generator=seeded(41))
    for what, one, other in neighbours(inputs):
        masked = 0.8 + 0.1 / 1000
        share(
            (one == 3) & (other == 3), masked**2, f"how often {what.en} are both masked", f"{what.zh}都变成 mask 的比例"
        )
        strange = (one != 3) & (one != 500) & (other != 3) & (other != 500)
        share(
            one[strange] == other[strange],
            1 / 998,
            f"how often {what.en}, both random, are alike",
            f"{what.zh}都随机时抽到同一个 token 的比例",
        )
    # How many are masked is left to chance too: of ten, eight are in three calls of ten.
    random = seeded(42)
    calls = [
        candidate.mask_tokens(*ordinary(1, 10), mask_id=3, vocab_size=10**6, p=1.0, generator=random) for _ in range(40)
    ]
    eight = torch.tensor([int((inputs == 3).sum()) == 8 for inputs, _ in calls])
    share(
        eight,
        comb(10, 8) * 0.8**8 * 0.2**2,
        "how often exactly 8 of 10 selected tokens are masked",
        "10 个选中的 token 恰好有 8 个变成 mask 的比例",
    )


@check(
    title=Text("Randomness comes from the generator", "随机性来自 generator"),
    hint=Text(
        "Give generator=generator to every function that draws, also to the second and the third. "
        "Are you seeding anything?",
        "每个抽随机数的函数都要写 generator=generator，第二个、第三个也别漏。你有没有在哪里设种子？",
    ),
    points=2,
    rules=["generator"],
)
@given(seed=generators(), p=st.sampled_from((0.5, 1.0)), examples=5)
def test_generator(candidate, seed, p):
    ids, special = ordinary(30, 40)

    def call(random):
        drawn = candidate.mask_tokens(ids, special, mask_id=3, vocab_size=1000, p=p, generator=random)
        return torch.stack(tuple(drawn))

    random = seeded(seed)
    candidate.seed(seed + 1)
    first = call(random)
    require(
        not candidate.last.used_global_rng,
        Text(
            "With a generator, torch's global generator was used or reseeded.",
            "传入了 generator，却动用或重设了 torch 的全局 generator。",
        ),
    )
    second = call(random)
    require(
        not torch.equal(first, second),
        Text("A second call on one generator gave the same result.", "同一个 generator 上第二次调用，结果竟然相同。"),
    )
    candidate.seed(seed + 2)
    again = Text("the result with the same seed again", "用同样的种子再来一次的结果")
    random = seeded(seed)
    assert_equal(call(random), first, again)
    assert_equal(call(random), second, again)
    require(
        not torch.equal(call(None), call(None)),
        Text("Two calls without a generator gave the same result.", "不传 generator 的两次调用，结果竟然相同。"),
    )


@check(
    title=Text("p outside [0, 1] is a ValueError", "p 超出 [0, 1] 时抛出 ValueError"),
    hint=Text(
        "Look at p before anything is drawn, and write its name into the message. Are 0 and 1 still fine?",
        "在抽任何随机数之前检查 p，并把它的名字写进信息里。0 和 1 还合法吗？",
    ),
    rules=["probability"],
)
@given(p=st.sampled_from((-0.01, 1.01, -1.0, 2.0, 15.0)), examples=5)
def test_bad_p(candidate, p):
    for legal in (0.0, 1.0):
        candidate.mask_tokens(*ordinary(2, 3), mask_id=3, vocab_size=1000, p=legal, generator=seeded(0))
    with raises_value_error("p"):
        candidate.mask_tokens(*ordinary(2, 3), mask_id=3, vocab_size=1000, p=p, generator=seeded(0))


@check(
    title=Text("The batch that came in is left alone", "不改动传进来的 batch"),
    hint=Text(
        "`input_ids[selected] = mask_id` writes into the caller's batch: the next epoch masks what is masked already. "
        "The same holds for `special_tokens_mask |= …`.",
        "`input_ids[selected] = mask_id` 会写进调用者的 batch，下一个 epoch 就在盖过的数据上再盖一遍。"
        "`special_tokens_mask |= …` 也一样。",
    ),
    rules=["unchanged"],
)
@given(case=cases(p=(0.6, 1.0)), examples=8)
def test_inputs_unchanged(candidate, case):
    args, options = case
    candidate.mask_tokens(*args, **options)
    changed = ", ".join(name for name in candidate.last.changed_inputs if name != "generator")
    require(not changed, Text(f"the call modified {changed}", f"这次调用修改了 {changed}"))


def behaviour(candidate, random: torch.Generator) -> dict[str, object]:
    """What a submission does on one random input: what diagnosis compares."""
    seed = int(torch.randint(2**30, (), generator=random))
    ids = torch.full((400, 20), 1)
    special = torch.zeros_like(ids, dtype=torch.bool)
    special[:, 10:] = True
    options = {"mask_id": 0, "vocab_size": 3}

    @cache
    def drawn(p=0.4):
        return candidate.mask_tokens(ids, special, **options, p=p, generator=seeded(seed))

    def frequency(of):
        return lambda: Frequency(int(of().sum()), of().numel())

    def selected():
        return drawn()[1][:, :10] != IGNORED

    def became(token):
        return lambda: drawn(1.0)[0][:, :10] == token

    def both(values, dim):
        return lambda: values().unflatten(dim, (-1, 2)).all(dim=dim + 1)

    def alike(dim):
        def pairs():
            wide = candidate.mask_tokens(
                *ordinary(100, 100), mask_id=3, vocab_size=1000, p=1.0, generator=seeded(seed)
            )[0]
            one, other = wide.unflatten(dim, (-1, 2)).unbind(dim + 1)
            strange = (one != 3) & (one != 500) & (other != 3) & (other != 500)
            return (one == other)[strange]

        return cache(pairs)

    def wrong_labels():
        labels = drawn()[1]
        return bool(((labels != IGNORED) & (labels != ids)).any())

    def moved(p=0.4):
        inputs, labels = drawn(p)
        return bool(((inputs != ids) & (labels == IGNORED)).any())

    def again():
        generator = seeded(seed)
        both = [candidate.mask_tokens(ids, special, **options, generator=generator)[1] for _ in range(2)]
        return torch.equal(*both), candidate.last.used_global_rng

    def changed_inputs():
        candidate.mask_tokens(ids, special, **options, p=1.0, generator=seeded(seed))
        return " ".join(candidate.last.changed_inputs)

    def with_p(p):
        return lambda: bool(candidate.mask_tokens(ids[:2], special[:2], **options, p=p, generator=seeded(seed)))

    return {
        "dtypes": lambda: " ".join(str(tensor.dtype) for tensor in drawn()),
        "selected": frequency(selected),
        "special selected": frequency(lambda: drawn()[1][:, 10:] != IGNORED),
        "labels that are not the ids": wrong_labels,
        "changed without a label": moved,
        "labels at p = 1": frequency(lambda: drawn(1.0)[1][:, :10] == 1),
        "masked": frequency(became(0)),
        "kept or drawn again": frequency(became(1)),
        "drawn": frequency(became(2)),
        "outside": frequency(became(3)),
        "rows with the usual number selected": frequency(lambda: selected().sum(dim=1) == 4),
        "neighbours selected": frequency(both(selected, 1)),
        "both sequences selected": frequency(both(selected, 0)),
        "neighbours masked": frequency(both(became(0), 1)),
        "both sequences masked": frequency(both(became(0), 0)),
        "neighbours alike": frequency(alike(1)),
        "both sequences alike": frequency(alike(0)),
        "two calls": again,
        "changed inputs": changed_inputs,
        "p = -0.1": with_p(-0.1),
        "p = 1.5": with_p(1.5),
        "p = 0": with_p(0.0),
    }
