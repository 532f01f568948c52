"""Plain values: what goes in comes out, in value and in type; what cannot go is named."""

from __future__ import annotations

import enum
import itertools
import math
import sys
from collections import Counter, OrderedDict, defaultdict, namedtuple
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from wire_ends import arrive, cross, same

from grader.errors import WireError
from grader.wire import Encoded, Encoder, encoding, tagged

any_text = st.text(st.characters(exclude_categories=()))  # lone surrogates too
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**4096) + 1, 2**4096 - 1)
    | st.floats()
    | any_text
    | st.binary()
)
keys = st.recursive(scalars, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3), max_leaves=4)
values = st.recursive(
    scalars
    | st.sampled_from([torch.float32, torch.bfloat16, torch.bool, torch.device("cpu"), torch.device("cuda:1")])
    | st.lists(st.integers(0, 9), max_size=4).map(torch.Size),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(keys, inner, max_size=4)
        | st.sets(keys, max_size=4)
    ),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(values)
def test_any_plain_value_arrives_as_it_was(value):
    assert same(arrive(value), value)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text(), values, max_size=5))
def test_a_message_is_a_dict_of_values(message):
    assert same(cross(message)[0], message)


@pytest.mark.parametrize(
    "value",
    [
        math.inf,
        -math.inf,
        -0.0,
        sys.float_info.min,
        5e-324,
        sys.float_info.max,
        0.1,
        2**4096 - 1,
        1 - 2**4096,
        2**63,
        -(2**63),
        "",
        "注意力 é \x00 \x7f \u2028",
        "\ud800",
        "\ud83d\ude00",  # two surrogates, which JSON would join
        "\U0001f600",
        "long " * 10_000,
        "长" * 5_000,
        "\udfff" * 5_000,
        b"",
        b"\x00\xff" * 100_000,
        {1: "int", "1": "str", (1,): "tuple", None: "none", 1.5: "float", frozenset({2}): "frozenset"},
        {"b": 1, "a": 2, "c": 3},
        [[[]], [], [()], ({},)],
        list(range(50_000)),
        [2**64, -(2**64), True, 1, 1.0],
        torch.Size([]),
        torch.qint8,
    ],
    ids=lambda value: repr(value)[:30],
)
def test_values_at_the_edges(value):
    assert same(arrive(value), value)


def test_nan_arrives_as_nan():
    assert math.isnan(arrive(math.nan))


def test_the_order_of_a_dict_is_kept():
    order = [f"{number * 7919 % 101}" for number in range(101)]
    assert list(arrive(dict.fromkeys(order))) == order


class Colour(enum.IntEnum):
    RED = 3


class Word(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "a lie"

    def encode(self, *_: object) -> bytes:
        raise RuntimeError

    def isascii(self) -> bool:
        raise RuntimeError


class Bag(list):
    def __iter__(self):
        return iter(["a lie"])

    def __len__(self) -> int:
        return 2**62


class Book(dict):
    def items(self):
        return [("a", "lie")]

    def __iter__(self):
        raise RuntimeError


class Whole(int):
    def __int__(self) -> int:
        return 999

    def __index__(self) -> int:
        return 999

    def bit_length(self) -> int:
        raise RuntimeError


class Real(float):
    def __float__(self) -> float:
        return 9.5


class Raw(bytes):
    def __bytes__(self) -> bytes:
        return b"a lie"

    def __len__(self) -> int:
        return 10**9


Point = namedtuple("Point", "x y")


class Ordered(OrderedDict):
    def items(self):
        return [("a", "lie")]


def moved(kind: type[OrderedDict[str, int]]) -> OrderedDict[str, int]:
    ordered = kind(a=1, b=2, c=3)
    ordered.move_to_end("a")
    return ordered


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Colour.RED, 3),
        (Word("truth"), "truth"),
        (Word("wahr\u00fc"), "wahr\u00fc"),
        (Bag([1, 2]), [1, 2]),
        (Book(a=1), {"a": 1}),
        (Whole(5), 5),
        (Real(2.5), 2.5),
        (Raw(b"truth"), b"truth"),
        (Point(1, 2), (1, 2)),
        (moved(OrderedDict), {"b": 2, "c": 3, "a": 1}),
        (moved(Ordered), {"b": 2, "c": 3, "a": 1}),
        (defaultdict(list, a=[1]), {"a": [1]}),
        (Counter("aab"), {"a": 2, "b": 1}),
        ({Colour.RED: Word("x")}, {3: "x"}),
        (np.float64(0.5), 0.5),
        (np.float32(0.5), 0.5),
        (np.int64(-7), -7),
        (np.uint8(7), 7),
        (np.bool_(True), True),
        (np.str_("text"), "text"),
        (type("Subset", (set,), {})({1}), {1}),
        (type("Frozen", (frozenset,), {})({1}), frozenset({1})),
        (torch.max(torch.tensor([[1, 2]]), 1).values.shape, torch.Size([1])),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_subclass_arrives_as_its_base(value, expected):
    assert same(arrive(value), expected)
    assert same(arrive([value]), [expected])


def test_what_torch_calls_a_return_type_arrives_as_a_tuple():
    arrived = arrive(torch.max(torch.tensor([[1.0, 4.0, 2.0]]), dim=1))
    assert type(arrived) is tuple
    assert [part.tolist() for part in arrived] == [[4.0], [1]]


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (object(), "object"),
        (1j, "complex"),
        (range(3), "range"),
        (bytearray(b"x"), "bytearray"),
        (memoryview(b"x"), "memoryview"),
        (np.zeros(3), "numpy.ndarray"),
        (np.complex64(1), "numpy.complex64"),
        (np.longdouble(1), "numpy.longdouble"),
        (np.datetime64(0, "s"), "numpy.datetime64"),
        (itertools.count(), "itertools.count"),
        ((number for number in ()), "generator"),
        (len, "builtin_function_or_method"),
        (torch.nn.Linear(2, 2), "torch.nn.modules.linear.Linear"),
        ({"a": [object()]}, "object"),
        ({object(): 1}, "object"),
    ],
    ids=lambda value: str(value)[:20] if isinstance(value, str) else "",
)
def test_what_cannot_be_sent_is_named(value, name):
    with pytest.raises(WireError, match=rf"a value of type \S*{name}\S* cannot be sent"):
        Encoder().encode(value)


def test_a_class_that_answers_for_itself_is_not_asked():
    class Metaclass(type):
        def __getattribute__(cls, name: str) -> Any:
            raise SystemExit("the value's code ran")

    class Liar(metaclass=Metaclass):
        @property
        def __class__(self):
            return list

    with pytest.raises(WireError, match=r"Liar cannot be sent"):
        Encoder().encode(Liar())


def nested(depth: int, wrap: Any) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = wrap(value)
    return value


@pytest.mark.parametrize("wrap", [lambda v: [v], lambda v: (v,), lambda v: {"k": v}, lambda v: frozenset({v})])
def test_nesting_ends_at_32_levels(wrap):
    assert same(arrive(nested(32, wrap)), nested(32, wrap))
    with pytest.raises(WireError, match="deeper than 32"):
        Encoder().encode(nested(33, wrap))


def test_values_that_contain_themselves():
    lists: list[Any] = []
    lists.append(lists)
    dicts: dict[str, Any] = {}
    dicts["self"] = [(dicts,)]
    for value in (lists, dicts):
        with pytest.raises(WireError, match="deeper than 32"):
            Encoder().encode(value)


def test_items_end_at_100_000():
    doubling: list[Any] = [1]
    for _ in range(30):
        doubling = [doubling, doubling]
    for value in ([None] * 100_001, dict.fromkeys(range(50_001)), doubling):
        with pytest.raises(WireError, match="more than 100000 items"):
            Encoder().encode(value)
    assert len(arrive([None] * 99_999)) == 99_999
    assert len(arrive(dict.fromkeys(range(49_999)))) == 49_999


LONG_KEYS = {
    "a long text": "k" * 1001,
    "long bytes": b"k" * 1001,
    "a tensor": torch.ones(1),
    "a tensor in a tuple": (1, (torch.ones(1),) * 3),
    "a generator": torch.Generator(),
}


@pytest.mark.parametrize("name", LONG_KEYS)
def test_a_key_that_takes_long_to_tell_is_refused_by_both_sides(name, monkeypatch):
    """Who shows or sorts the keys of a dict would spell out all that is in them."""
    value = {LONG_KEYS[name]: 1}
    with pytest.raises(WireError, match="a dict with a key of"):
        arrive(value)
    monkeypatch.setattr(encoding, "need_plain_key", lambda _key: None)
    with pytest.raises(WireError, match="a dict with a key of"):
        arrive(value)


def test_a_key_of_some_length_arrives():
    value = {"k" * 1000: 1, (None, ("layer", 3), frozenset({1.5})): 2}
    assert arrive(value) == value


def test_an_int_of_too_many_bits():
    with pytest.raises(WireError, match="an int of more than 4096 bits"):
        Encoder().encode([2**4096])


def test_texts_that_do_not_fit_a_header_are_refused_before_they_are_sent():
    with pytest.raises(WireError, match=r"header of \d+ bytes is over the limit"):
        cross({"x": ["\u4e2d" * 4000] * 200})


class Handle:
    """Something that lives outside the wire."""

    def __init__(self, number: int, inner: object = None) -> None:
        self.number = number
        self.inner = inner


def send_handle(encoder: Encoder, value: object) -> Any:
    return tagged("handle", [value.number, encoder.encode(value.inner)]) if isinstance(value, Handle) else None


def make_handle(decoder: Any, payload: Any) -> Handle:
    number, inner = payload
    return Handle(decoder.decode(number), decoder.decode(inner))


class TestSpecial:
    def test_both_sides_may_add_what_lives_outside(self):
        tensor = torch.arange(3.0)
        value = {"h": Handle(4, [Handle(5), tensor]), "again": tensor}
        arrived = arrive(value, encoder=Encoder(send_handle), special={"handle": make_handle})
        assert arrived["h"].number == 4
        assert arrived["h"].inner[0].number == 5
        assert arrived["h"].inner[1] is arrived["again"]

    def test_it_is_asked_about_all_but_plain_scalars_and_exact_tensors(self):
        asked = []
        encoder = Encoder(lambda _encoder, value: asked.append(type(value).__name__))
        encoder.encode([None, True, 1, 1.0, "s", b"b", torch.zeros(1), torch.nn.Parameter(torch.zeros(1)), Colour.RED])
        encoder.encode(((), {}, torch.Size([1])))
        assert asked == ["list", "Parameter", "Colour", "tuple", "tuple", "dict", "Size"]

    def test_it_comes_before_the_built_in_kinds(self):
        encoder = Encoder(lambda _encoder, value: tagged("point", list(value)) if type(value) is Point else None)
        arrived = arrive(Point(1, 2), encoder=encoder, special={"point": lambda _decoder, pair: Point(*pair)})
        assert same(arrived, Point(1, 2))

    def test_its_depth_counts(self):
        chain = Handle(0)
        for _ in range(40):
            chain = Handle(0, chain)
        with pytest.raises(WireError, match="deeper than 32"):
            Encoder(send_handle).encode(chain)

    def test_it_knows_where_it_is(self):
        seen = []

        def special(encoder: Encoder, value: object) -> Any:
            if isinstance(value, Handle):
                seen.append(encoder.path)
                return tagged("handle", encoder.encode(torch.zeros(value.number)))
            return None

        def make(decoder: Any, payload: Any) -> Any:
            seen.append(decoder.path)
            return decoder.decode(payload)

        encoder = Encoder(special)
        _, decoder = cross({"cache": {"k": [0, Handle(2)]}}, encoder=encoder, special={"handle": make})
        assert seen == ['cache["k"][1]'] * 2
        assert encoder.paths == decoder.paths == ['cache["k"][1]']

    def test_a_tag_that_nobody_knows(self):
        with pytest.raises(WireError, match="unknown tag"):
            arrive(Handle(1), encoder=Encoder(send_handle), special={})

    def test_what_its_function_raises_is_the_frames_fault(self):
        with pytest.raises(WireError, match="not well formed"):
            arrive(Handle(1), encoder=Encoder(send_handle), special={"handle": lambda _decoder, payload: payload[9]})

    def test_what_the_senders_function_raises_is_the_values_fault(self):
        def special(_encoder: Encoder, _value: object) -> Any:
            raise RuntimeError("not ready")

        with pytest.raises(WireError, match="not ready"):
            Encoder(special).encode([])


class TestPaths:
    def test_tensors_are_named_by_where_they_first_appear(self):
        a, b, c, d, e = (torch.full((2,), float(number)) for number in range(5))
        encoder = Encoder()
        x = Encoded(encoder.encode(a, path="x"))
        weights = Encoded(encoder.encode([a, 1, b], path="weights"))
        rest = Encoded(encoder.encode({"k": c, 5: (d,), ("t",): e, 'qu"ote': a}, path="cache"))
        message, decoder = cross({"args": [x, weights], "kwargs": {"cache": rest}}, encoder=encoder)
        assert encoder.paths == ["x", "weights[2]", 'cache["k"]', "cache[5][0]", "cache[...]"]
        assert [tensor.tolist() for tensor in decoder.tensors] == [[n, n] for n in range(5)]
        assert [sent is kept for sent, kept in zip([a, b, c, d, e], encoder.tensors, strict=True)] == [True] * 5
        assert decoder.paths[:3] == ["args[0]", "args[1][2]", 'kwargs["cache"]["k"]']
        assert message["args"][1][2] is decoder.tensors[1]

    def test_without_a_name_the_messages_key_is_the_name(self):
        encoder = Encoder()
        cross({"args": (torch.zeros(1),), "y": torch.zeros(1)}, encoder=encoder)
        assert encoder.paths == ["args[0]", "y"]
