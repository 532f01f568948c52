"""Hidden checks of bert_input, in teaching order, and what diagnosis compares."""

import torch
from hypothesis import strategies as st

from grader.exam import (
    Text,
    assert_dtype,
    assert_equal,
    assert_shape,
    check,
    given,
    raises_value_error,
    require,
    sizes,
)

FIELDS = ("input_ids", "token_type_ids", "attention_mask")
SPECIALS = st.sampled_from(((101, 102, 0), (2, 3, 1), (0, 1, 2), (7, 5, 30521)))
# Ids that float32 would round, or an int32 not hold.
LARGE = (2**40 + 3, 2**40 + 5, 2**40 + 9)
# Ordinary tokens: none of the special ones is among them.
TOKENS = st.integers(1000, 30000)


def sentences(least=0, most=7):
    return st.lists(TOKENS, min_size=least, max_size=most)


@st.composite
def cases(draw, a=sentences(1), b=sentences(1), spare=(0, 4)):  # noqa: B008 - strategies do not change
    """Two lists and options; `spare` is how many more places there are than are needed."""
    tokens_a, tokens_b = draw(a), draw(b)
    cls_id, sep_id, pad_id = draw(SPECIALS)
    specials = least_length(tokens_b)
    needed = specials + len(tokens_a) + len(tokens_b or ())
    max_len = max(specials, needed + draw(st.integers(*spare)))
    return tokens_a, tokens_b, {"cls_id": cls_id, "sep_id": sep_id, "pad_id": pad_id, "max_len": max_len}


@st.composite
def crowded_cases(draw):
    """Tokens that equal special ids; sometimes ids beyond 32 bits, special ones too; sometimes nothing in a list."""
    cls_id, sep_id, pad_id = draw(st.one_of(SPECIALS, st.just(LARGE)))
    token = st.sampled_from((cls_id, sep_id, pad_id, 2000, 2**40 + 1))
    tokens = st.lists(token, min_size=1, max_size=6)
    sentence = st.one_of(tokens, st.just([]))
    tokens_a, tokens_b = draw(sentence), draw(st.one_of(sentence, st.none()))
    specials = least_length(tokens_b)
    max_len = max(specials, specials + len(tokens_a) + len(tokens_b or ()) + draw(st.integers(-3, 3)))
    return tokens_a, tokens_b, {"cls_id": cls_id, "sep_id": sep_id, "pad_id": pad_id, "max_len": max_len}


def least_length(tokens_b):
    """How many special tokens there are."""
    return 2 if tokens_b is None else 3


def packed(candidate, case):
    """The three tensors by name."""
    tokens_a, tokens_b, options = case
    fields = candidate.pack_pair(tokens_a, tokens_b, **options)
    for name in FIELDS:
        require(name in fields, Text(f"The dict has no {name}.", f"dict 里没有 {name}。"))
    return fields


def assert_agrees(candidate, reference, case, names=FIELDS):
    fields, expected = packed(candidate, case), packed(reference, case)
    for name in names:
        assert_equal(fields[name], expected[name], Text(name, name))


@check(
    title=Text("A dict of three long tensors of length max_len", "dict 里是三个长度为 max_len 的 long tensor"),
    hint=Text(
        "torch.tensor of an empty list, or of floats, is not long. Is every field padded, not input_ids alone?",
        "由空 list 或浮点数得到的 torch.tensor 不是 long。是不是每个字段都补齐了，而不只是 input_ids？",
    ),
    rules=["fields"],
)
@given(
    case=st.one_of(cases(), cases(b=st.none()), cases(a=st.just([])), cases(b=st.just([])), cases(spare=(-20, -20))),
    examples=12,
)
def test_fields(candidate, case):
    for name, tensor in packed(candidate, case).items():
        if name in FIELDS:
            assert_dtype(tensor, torch.int64, Text(name, name))
            assert_shape(tensor, (case[2]["max_len"],), Text(name, name))


@check(
    title=Text("[CLS] a [SEP] b [SEP], then padding", "[CLS] a [SEP] b [SEP]，然后是 padding"),
    hint=Text(
        "Write the row for a = [7], b = [8] down by hand. How many [SEP] are there, and where does padding go?",
        "手写一下 a = [7]、b = [8] 时的那一行：有几个 [SEP]？padding 放在哪里？",
    ),
    points=2,
    rules=["order"],
)
@given(case=cases(), examples=20)
def test_input_ids(candidate, reference, case):
    assert_agrees(candidate, reference, case, ["input_ids"])


@check(
    title=Text("Segments: 0 through the first [SEP], then 1", "segment：到第一个 [SEP] 为 0，之后为 1"),
    hint=Text(
        "To which sentence does each [SEP] belong? And which segment does padding have?",
        "两个 [SEP] 各属于哪一句？padding 的 segment 是多少？",
    ),
    points=2,
    rules=["segments"],
)
@given(case=cases(), examples=16)
def test_segments(candidate, reference, case):
    assert_agrees(candidate, reference, case, ["token_type_ids"])


@check(
    title=Text("attention_mask: 1 on all that is not padding", "attention_mask：不是 padding 的都为 1"),
    hint=Text(
        "[CLS] and [SEP] take part in attention as well. Which way does the mask point: 1 is real.",
        "[CLS] 和 [SEP] 也参与 attention。mask 的方向别弄反：1 表示真实的 token。",
    ),
    rules=["mask"],
)
@given(case=cases(), examples=12)
def test_attention_mask(candidate, reference, case):
    assert_agrees(candidate, reference, case, ["attention_mask"])


@check(
    title=Text("tokens_b None: one segment, one [SEP]", "tokens_b 为 None：只有一段、一个 [SEP]"),
    hint=Text(
        "How many special tokens does a single sentence need, and what are its segments?",
        "只有一句时，需要几个特殊 token？segment 是多少？",
    ),
    rules=["single"],
)
@given(case=cases(b=st.none()), examples=12)
def test_one_sentence(candidate, reference, case):
    assert_agrees(candidate, reference, case)


@check(
    title=Text("An empty list is a sentence too", "空 list 也是一句"),
    hint=Text(
        "`if tokens_b:` is false for [] and for None. Which of the two has a second [SEP]?",
        "`if tokens_b:` 对 [] 和 None 都是假。哪一个有第二个 [SEP]？",
    ),
    rules=["empty"],
)
@given(
    case=st.one_of(
        cases(b=st.just([])),
        cases(a=st.just([])),
        cases(a=st.just([]), b=st.just([])),
        cases(a=st.just([]), b=st.none()),
    ),
    examples=16,
)
def test_empty_list(candidate, reference, case):
    assert_agrees(candidate, reference, case)


@check(
    title=Text("Too long: the longer list gives way", "太长时，较长的那个让步"),
    hint=Text(
        "One token at a time: which list is longer now, and what stands at its end? The last [SEP] must stay.",
        "一次去掉一个 token：现在哪个 list 更长？它的末尾是什么？最后的 [SEP] 必须保留。",
    ),
    points=3,
    rules=["truncation"],
)
@given(
    case=st.one_of(
        cases(a=sentences(5, 9), b=sentences(0, 4), spare=(-7, -1)),
        cases(a=sentences(0, 4), b=sentences(5, 9), spare=(-7, -1)),
    ),
    examples=28,
)
def test_truncation(candidate, reference, case):
    assert_agrees(candidate, reference, case)


@check(
    title=Text("Equally long: b gives way", "一样长时，b 让步"),
    hint=Text("Is it > or ≥ that you compare the two lengths with?", "比较两个长度时，你写的是 > 还是 ≥？"),
    rules=["tie", "truncation"],
)
@given(
    case=sizes(1, 6).flatmap(lambda size: cases(a=sentences(size, size), b=sentences(size, size), spare=(-5, -1))),
    examples=14,
)
def test_tie(candidate, reference, case):
    assert_agrees(candidate, reference, case)


@check(
    title=Text("A single sentence that is too long", "只有一句而太长"),
    hint=Text(
        "Two special tokens are needed here, not three. From which end do tokens go?",
        "这里需要的特殊 token 是两个，不是三个。从哪一头去掉？",
    ),
    rules=["truncation", "single"],
)
@given(case=cases(a=sentences(3, 9), b=st.none(), spare=(-6, -1)), examples=12)
def test_truncation_of_one(candidate, reference, case):
    assert_agrees(candidate, reference, case)


@check(
    title=Text("Filled to the last place, or with special tokens only", "填到最后一格，或者只放特殊 token"),
    hint=Text(
        "Does the last token still get in when everything fits exactly? Is a max_len of 3 an error in your code?",
        "刚好放满时，最后一个 token 进得去吗？max_len 为 3 时，你的代码会报错吗？",
    ),
    rules=["tight"],
)
@given(
    case=st.one_of(
        cases(spare=(0, 0)),
        cases(b=st.none(), spare=(0, 0)),
        cases(spare=(-20, -20)),
        cases(b=st.none(), spare=(-20, -20)),
    ),
    examples=16,
)
def test_tight(candidate, reference, case):
    assert_agrees(candidate, reference, case)


@check(
    title=Text("Tokens that look like special ones", "与特殊 id 相同的普通 token"),
    hint=Text(
        "A token of a may equal pad_id or sep_id. Do you know from its place, or from its id, what it is? "
        "And do ids pass through float32, where large ones are rounded? torch.tensor([]) is such a tensor.",
        "a 里的 token 可能等于 pad_id 或 sep_id。你是凭位置还是凭 id 判断它是什么的？"
        "另外，id 有没有经过 float32？大的 id 在那里会被舍入；torch.tensor([]) 就是 float32。",
    ),
    points=2,
    rules=["position", "mask", "segments"],
)
@given(case=crowded_cases(), examples=24)
def test_special_ids_among_tokens(candidate, reference, case):
    assert_agrees(candidate, reference, case)


@check(
    title=Text("No room for the special tokens is a ValueError", "特殊 token 都放不下时抛出 ValueError"),
    hint=Text(
        "How many are there with a second list, an empty one included, and how many without? "
        "Name max_len in the message.",
        "有第二句时（哪怕是空的）是几个？没有时是几个？信息里写出 max_len。",
    ),
    rules=["room"],
)
@given(a=sentences(0, 3), b=st.one_of(sentences(0, 3), st.none()), missing=sizes(1, 2), examples=12)
def test_no_room(candidate, a, b, missing):
    options = {"cls_id": 101, "sep_id": 102, "pad_id": 0}
    candidate.pack_pair(a, b, **options, max_len=least_length(b))
    with raises_value_error("max_len"):
        candidate.pack_pair(a, b, **options, max_len=least_length(b) - missing)


@check(
    title=Text("The lists stay as they were", "传入的 list 保持原样"),
    hint=Text(
        "pop, append, insert and += change the caller's list. Work on a copy, or on a slice.",
        "pop、append、insert、+= 都会改动调用者的 list。请用副本或切片。",
    ),
    rules=["unchanged"],
)
@given(case=st.one_of(cases(spare=(-5, 2)), cases(b=st.none(), spare=(-5, 2))), examples=10)
def test_lists_unchanged(candidate, case):
    packed(candidate, case)
    changed = ", ".join(candidate.last.changed_inputs)
    require(not changed, Text(f"the call modified {changed}", f"这次调用修改了 {changed}"))


def behaviour(candidate, random: torch.Generator) -> dict[str, object]:
    """What a submission does on one random input: what diagnosis compares."""

    def tokens(count):
        return torch.randint(1000, 30000, (count,), generator=random).tolist()

    def pack(a, b, max_len):
        fields = candidate.pack_pair(list(a), b and list(b), cls_id=101, sep_id=102, pad_id=0, max_len=max_len)
        return [fields[name] for name in FIELDS]

    def call(*case):
        return lambda: pack(*case)

    def changes(*case):
        def look():
            pack(*case)
            return bool(candidate.last.changed_inputs)

        return look

    four, six, nine = tokens(4), tokens(6), tokens(9)
    return {
        "two": call(four, six, 16),
        "one": call(four, None, 8),
        "empty second": call(four, [], 10),
        "too long, a": call(nine, four, 10),
        "too long, b": call(four, nine, 12),
        "much too long": call(nine, four, 8),
        "equal": call(four, six[:4], 10),
        "one, too long": call(nine, None, 7),
        "only special tokens": call(four, six, 3),
        "a pad among them": call([1000, 0, 1001], [0, 2000], 10),
        "a separator among them": call([1000, 102, 1001], [2000], 10),
        "large ids": call([2**40 + 1, 2000], [2**40 + 3], 9),
        "no room": call(four, six, 2),
        "no room for one": call(four, None, 1),
        "lists changed": changes(nine, four, 10),
        "list changed": changes(nine, None, 7),
    }
