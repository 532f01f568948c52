"""Hostile frames: each one is a WireError or a sound value, in bounded time and memory."""

from __future__ import annotations

import copy
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from wire_ends import frame, message_frame, receive_bytes

from grader.errors import WireError
from grader.wire import Channel, Decoder, Encoder, receive_message, send_message, tagged

HERE = Path(__file__).parent
SPECIAL = {"box": lambda decoder, payload: ("box", decoder.decode(payload))}


def sound(value: Any, depth: int = 0) -> None:
    """Walks all of a value that was let in, and reads every byte of its tensors."""
    assert depth <= 100
    if isinstance(value, torch.Tensor):
        assert type(value) in (torch.Tensor, torch.nn.Parameter)
        assert value.numel() * value.element_size() <= 512 << 20
        reach = 1 + sum((size - 1) * stride for size, stride in zip(value.shape, value.stride(), strict=True))
        if value.numel():
            assert (value.storage_offset() + reach) * value.element_size() <= value.untyped_storage().nbytes()
        value.detach().clone()
    elif isinstance(value, torch.Generator):
        torch.rand(2000, generator=value)
    elif isinstance(value, dict):
        for key, item in value.items():
            sound(key, depth + 1)
            sound(item, depth + 1)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            sound(item, depth + 1)
    else:
        kinds = (type(None), bool, int, float, str, bytes, torch.dtype, torch.device)
        assert type(value) in kinds


def judge(content: bytes) -> None:
    """A frame's only two ends."""
    refused = ""
    try:
        message, decoder = receive_bytes(content, special=SPECIAL)
    except WireError as error:
        refused = str(error)
    assert refused.isprintable()
    if not refused:
        sound(message)
        sound(decoder.tensors)
        sound(decoder.generators)
        assert all(type(path) is str for path in decoder.paths)


def record(message: dict[str, Any], special: Any = None) -> tuple[Any, bytes]:
    """A true message's header, parsed, and its body, as they cross a socket."""
    ours, theirs = socket.socketpair()
    send_message(Channel(ours), message, encoder=Encoder(special), timeout=30)
    content = theirs.recv(1 << 20)
    length = int.from_bytes(content[4:8], "little")
    return json.loads(content[16 : 16 + length]), content[16 + length :]


def rich_message() -> tuple[Any, bytes]:
    base = torch.arange(12.0).reshape(3, 4)
    boxed = object()
    message = {
        "op": "call",
        "numbers": [1, -2.5, float("nan"), 2**100, True, None],
        "texts": ["plain", "\ud800", b"bytes", ("tuple",)],
        "tensors": {"lone": torch.ones(2, 3), "bool": torch.tensor([True, False]), ("k", 1): torch.ones(3).bfloat16()},
        "views": [base, base[1:], base.T, base[0, 1:3]],
        "parameters": [torch.nn.Parameter(torch.ones(2)), torch.ones(2, requires_grad=True), torch.empty(0, 4)],
        "generators": [torch.Generator()],
        "rest": [torch.float16, torch.device("cpu"), torch.Size([1, 2]), {1, 2}, frozenset({"a"})],
        "special": boxed,
    }
    return record(message, lambda encoder, value: tagged("box", encoder.encode([1])) if value is boxed else None)


HEADER, BODY = rich_message()
VALID = frame(json.dumps(HEADER).encode(), BODY)


def test_the_frame_that_the_others_are_made_from_is_valid():
    message, decoder = receive_bytes(VALID, special=SPECIAL)
    sound(message)
    assert message["special"] == ("box", [1])
    assert len(decoder.tensors) == 10
    assert len(decoder.generators) == 1


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300))
def test_arbitrary_bytes(content):
    judge(content)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=200))
def test_arbitrary_headers_and_bodies(header, body):
    judge(frame(header, body))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(VALID) - 1), st.integers(0, 7)), min_size=1, max_size=4))
def test_flipped_bits(flips):
    content = bytearray(VALID)
    for place, bit in flips:
        content[place] ^= 1 << bit
    judge(bytes(content))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(json.dumps(HEADER)) + 15), st.integers(0, 7))
def test_flipped_bits_of_the_header(place, bit):
    content = bytearray(VALID)
    content[place] ^= 1 << bit
    judge(bytes(content))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(VALID) - 1))
def test_truncated(size):
    with pytest.raises(WireError):
        receive_bytes(VALID[:size], special=SPECIAL)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1) | st.integers(0, 5000), st.integers(0, 2**64 - 1) | st.integers(0, 9000))
def test_other_lengths_in_the_prefix(header, body):
    judge(VALID[:4] + header.to_bytes(4, "little") + body.to_bytes(8, "little") + VALID[16:])


def places(tree: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [here] + [place for key, part in inner for place in places(part, (*here, key))]


PLACES = places(HEADER)
ints = st.sampled_from([0, 1, 2, 3, 5, 63, 64, 2**31, 2**32, 2**40, 2**62, 2**63, 2**64, 10**300]) | st.integers(-9, 99)
leaves = st.none() | st.booleans() | ints | ints.map(lambda n: -n) | st.floats() | st.text(max_size=3)
tags = st.sampled_from(
    ["tensor", "tuple", "dict", "set", "frozenset", "size", "bytes", "text", "generator", "dtype", "device", "special"]
)
json_values = st.recursive(
    leaves | st.sampled_from(["float32", "bool", "bfloat16", "cpu", "meta", "box"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(tags | st.text(max_size=3), inner, max_size=2),
    max_leaves=8,
)


def changed(tree: Any, place: tuple[Any, ...], change: Any) -> Any:
    """A copy with one node changed; `change` takes the node's parent and its key."""
    holder = [copy.deepcopy(tree)]
    node: Any = holder
    way = (0, *place)
    for key in way[:-1]:
        node = node[key]
    change(node, way[-1])
    return holder[0] if holder else None  # the whole may have been deleted


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_edited_headers(data):
    header = HEADER
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(places(header)))
        kind = data.draw(st.sampled_from(["replace", "nudge", "delete", "double", "graft"]))

        def change(node: Any, key: Any, kind: str = kind) -> None:
            if kind == "replace":
                node[key] = data.draw(json_values)
            elif kind == "nudge" and type(node[key]) is int:
                node[key] += data.draw(st.integers(-2, 2))
            elif kind == "delete":
                del node[key]
            elif kind == "double" and type(node) is list:
                node.insert(key, node[key])
            elif kind == "graft":
                other = data.draw(st.sampled_from(PLACES))
                graft = HEADER
                for step in other:
                    graft = graft[step]
                node[key] = copy.deepcopy(graft)

        header = changed(header, place, change)
    judge(frame(json.dumps(header).encode(), BODY))


@settings(max_examples=200, deadline=None)
@given(json_values, st.lists(st.lists(json_values, max_size=6), max_size=3), st.integers(0, 3))
@example({"tensor": 0}, [["float32", 4, 0, 0, 2, 2, 1, 1]], 1)
def test_made_up_trees_and_tables(tree, table, blocks):
    judge(message_frame({"x": tree}, table, bytes(64 * blocks)))


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["float32", "bool", "complex128", "bfloat16", "int64", "float4", ""]),
    st.integers(0, 40),
    st.lists(ints, max_size=8),
    st.integers(0, 2),
    st.lists(st.integers(0, 130), max_size=2),
)
def test_made_up_tensors(dtype, flags, numbers, blocks, sizes):
    judge(message_frame({"x": {"tensor": 0}}, [[[dtype, flags, *numbers]], [], sizes], bytes([255, 1]) * 32 * blocks))


def tensor_frame(*entry: Any, body: bytes = bytes(64), sizes: tuple[int, ...] = ()) -> bytes:
    return message_frame({"x": {"tensor": 0}}, [[list(entry)], [], list(sizes)], body)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (tensor_frame("float32", 0, 17), "more bytes than it has"),
        (tensor_frame("float32", 0, 16, body=bytes(128)), "do not fill"),
        (tensor_frame("float32", 0, body=b""), "more bytes than it has"),
        (tensor_frame("float32", 0, 2**40, 2**40), "out of range"),
        (tensor_frame("float32", 0, 0, 2**40, 2**40, body=b""), "out of range"),
        (tensor_frame("float32", 0, *[1] * 65), "out of range"),
        (tensor_frame("float32", 0, -1), "out of range"),
        (tensor_frame("float32", 0, 1.0), "out of range"),
        (tensor_frame("float32", 0, True), "out of range"),
        (tensor_frame("float32", 0, "4"), "out of range"),
        (tensor_frame("float33", 0, 4), "unknown dtype"),
        (tensor_frame("qint8", 0, 4), "unknown dtype"),
        (tensor_frame("float32", 32, 4), "unknown flags"),
        (tensor_frame("float32", None, 4), "unknown flags"),
        (tensor_frame("int64", 1, 4), "flags do not fit"),
        (tensor_frame("int64", 3, 4), "flags do not fit"),
        (tensor_frame("float32", 4, 0, 0, 4, 4, sizes=(64,)), None),  # sixteen elements: the last is the 13th
        (tensor_frame("float32", 4, 0, 0, 4, 6, sizes=(64,)), "beyond its storage"),
        (tensor_frame("float32", 4, 0, 16, 1, 1, sizes=(64,)), "beyond its storage"),
        (tensor_frame("float32", 4, 0, 0, 17, 1, sizes=(64,)), "beyond its storage"),
        (tensor_frame("float32", 4, 1, 0, 1, 1, sizes=(64,)), "not there"),
        (tensor_frame("float32", 4, 0, 0, 2**40, 0, sizes=(64,)), "than the limit"),
        (tensor_frame("float32", 4, 0, 0, 0, 1, sizes=(64,)), "shares nothing"),
        (tensor_frame("float32", 4, 0, 0, 4, sizes=(64,)), "wrong form"),
        (tensor_frame("float32", 4, 0, sizes=(64,)), "wrong form"),
        (tensor_frame("bool", 4, 0, 0, 2, 1, sizes=(64,), body=b"\1\2" + bytes(62)), "neither 0 nor 1"),
        (tensor_frame("float32", 0, 16, sizes=(65,)), "size is out of range"),
        (tensor_frame("float32", 0, 16, sizes=(-1,)), "size is out of range"),
        (message_frame({"x": {"tensor": 1}}), "a tensor that is not there"),
        (message_frame({"x": {"tensor": -1}}), "a tensor that is not there"),
        (message_frame({"x": {"generator": 0}}), "a generator that is not there"),
        (message_frame({"x": {"bytes": 0}}), "a buffer that is not there"),
        (message_frame({"x": {"text": 0}}, [[], [], [1]], b"\xff" + bytes(63)), "not well formed"),
        (message_frame({"x": {"dtype": "Tensor"}}), "not well formed"),
        (message_frame({"x": {"dtype": []}}), "not well formed"),
        (message_frame({"x": {"device": "\x1b[31mred"}}), "not well formed"),
        (message_frame({"x": {"device": "cpu" * 20}}), "wrong form"),
        (message_frame({"x": {"size": ["a"]}}), "something else than sizes"),
        (message_frame({"x": {"size": [2**70]}}), "something else than sizes"),
        (message_frame({"x": {"dict": [1]}}), "wrong form"),
        (message_frame({"x": {"dict": [[], 1]}}), "not well formed"),
        (message_frame({"x": {"dict": ["a", 1, "a", 2]}}), "comes twice"),
        (message_frame({"x": {"set": [1, True]}}), "comes twice"),
        (message_frame({"x": {"set": [{"dict": []}]}}), "not well formed"),
        (message_frame({"x": {"tuple": 3}}), "wrong form"),
        (message_frame({"x": {}}), "wrong form"),
        (message_frame({"x": {"a": 1, "b": 2}}), "wrong form"),
        (message_frame({"x": {"eval": "1"}}), "unknown kind"),
        (message_frame({"x": {"special": ["other", 1]}}), "unknown tag"),
        (message_frame({"x": {"special": 1}}), "wrong form"),
        (message_frame({"x": 2**4096}), "more than 4096 bits"),
        (message_frame([], None), "wrong form"),
        (message_frame({"x": 1}, [[], []]), "wrong form"),
        (message_frame({"x": 1}, [[], [], {}]), "wrong form"),
        (message_frame({"x": 1}, [[], [0], []]), "a buffer that is not there"),
        (message_frame({str(n): 1 for n in range(65)}), "wrong form"),
        (message_frame({"x": 1}, body=bytes(64)), "do not fill"),
        (frame(b""), "not JSON"),
        (frame(b"[{}, [[], [], []]] x"), "not JSON"),
        (frame("[{\"é\": 1}, [[], [], []]]".encode()), "not JSON"),
        (frame(b"[" * 4_000_000), "not JSON"),
        (frame(b'[{"x":' + b"9" * 5000 + b"},[[],[],[]]]"), "not JSON"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_is_wrong_is_said(content, message):
    if message is None:
        receive_bytes(content)
    else:
        with pytest.raises(WireError, match=message) as caught:
            receive_bytes(content, special=SPECIAL)
        assert str(caught.value).isprintable()


@pytest.mark.parametrize("size", [1.0, True])
def test_a_size_that_equals_one_seen_before_is_looked_at_by_its_type(size):
    """1 == 1.0 == True, and the layouts that were seen are kept."""
    receive_bytes(tensor_frame("float32", 0, 1))
    with pytest.raises(WireError, match="out of range"):
        receive_bytes(tensor_frame("float32", 0, size))


def test_a_bool_of_any_byte_arrives_as_true_or_false():
    message, _ = receive_bytes(tensor_frame("bool", 0, 4, body=bytes([0, 1, 2, 255]) + bytes(60)))
    assert message["x"].view(torch.uint8).tolist() == [0, 1, 1, 1]


def test_two_tensors_never_share_without_saying_so():
    table = [[["uint8", 0, 64], ["uint8", 0, 64]], [], []]
    message, _ = receive_bytes(message_frame({"x": [{"tensor": 0}, {"tensor": 1}]}, table, bytes(128)))
    message["x"][0].fill_(1)
    assert message["x"][1].sum() == 0


@pytest.mark.parametrize("kind", ["dict", "set"])
def test_keys_made_to_collide(kind):
    """Python's hash of an int is its remainder by 2**61 - 1: fifty thousand of these took a minute to put in a dict."""
    keys = [number * (2**61 - 1) for number in range(1, 40_000)]
    tree = {"dict": [part for key in keys for part in (key, 0)]} if kind == "dict" else {"set": keys}
    with pytest.raises(WireError, match="one hash"):
        receive_bytes(message_frame({"x": tree}))


def test_a_decoder_takes_read_only_bytes():
    decoder = Decoder(memoryview(bytes(64)), [[["float32", 0, 2]], [], []])
    decoder.tensors[0].add_(1)
    assert decoder.decode({"tensor": 0}).tolist() == [1, 1]


def test_nesting_is_counted_through_special_nodes():
    tree: Any = 1
    for _ in range(40):
        tree = {"special": ["box", tree]}
    with pytest.raises(WireError, match="deeper than 32"):
        receive_bytes(message_frame({"x": tree}), special=SPECIAL)


def test_a_body_is_not_multiplied():
    """One megabyte named 20,000 times would be 20 GB of bytes."""
    table = [[], [], [1 << 20]]
    with pytest.raises(WireError, match="over the limit"):
        receive_bytes(message_frame({"x": [{"bytes": 0}] * 20_000}, table, bytes(1 << 20)))


@pytest.mark.skipif(sys.platform != "linux", reason="limits on address space are Linux's")
def test_hostile_frames_are_refused_in_little_memory():
    """In a process that may take 300 MB more than it has, each of them is still a WireError, and soon."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": f"{HERE}:{HERE.parents[1]}"}
    done = subprocess.run(
        [sys.executable, str(HERE / "starved.py")],
        env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    outcomes = done.stdout.splitlines()
    assert len(outcomes) == 12
    assert all(line.startswith("WireError") for line in outcomes), done.stdout


def test_one_channel_serves_a_true_conversation():
    """The same ends, back and forth, as examiner and worker use them."""
    left, right = (Channel(end) for end in socket.socketpair())

    def serve() -> None:
        for _ in range(50):
            request, _ = receive_message(right, timeout=30)
            send_message(right, {"sum": request["x"] + request["y"]}, timeout=30)

    server = threading.Thread(target=serve)
    server.start()
    for number in range(50):
        send_message(left, {"x": torch.full((3,), float(number)), "y": torch.ones(3)}, timeout=30)
        assert receive_message(left, timeout=30)[0]["sum"].tolist() == [number + 1.0] * 3
    server.join()
