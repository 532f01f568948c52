"""Two ends of a socket for the tests, and frames written by hand, byte by byte, from the words of the contract."""

from __future__ import annotations

import json
import math
import socket
import struct
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import torch

from grader.wire import Channel, Decoder, Encoder, receive_message, send_message

GENEROUS = 30.0  # seconds: long enough that no test fails for being slow


@contextmanager
def two_channels() -> Iterator[tuple[Channel, Channel]]:
    left, right = (Channel(end) for end in socket.socketpair())
    try:
        yield left, right
    finally:
        left.close()
        right.close()


def cross(
    message: dict[str, object], encoder: Encoder | None = None, special: Any = None
) -> tuple[dict[str, Any], Decoder]:
    """The message as it arrives; it is sent from a thread, since a large one needs a reader meanwhile."""
    with two_channels() as (left, right), ThreadPoolExecutor(1) as pool:
        sent = pool.submit(send_message, left, message, encoder=encoder, timeout=GENEROUS)
        # What could not be encoded never comes: the reader would wait for it in vain.
        sent.add_done_callback(lambda done: left.close() if done.exception() else None)
        try:
            return receive_message(right, special=special, timeout=GENEROUS)
        finally:
            sent.result()


def arrive(value: object, **options: Any) -> Any:
    """One value after its way through a socket."""
    return cross({"x": value}, **options)[0]["x"]


def frame(header: bytes, body: bytes = b"") -> bytes:
    return b"PRK1" + struct.pack("<IQ", len(header), len(body)) + header + body


def message_frame(trees: Any, table: Any = None, body: bytes = b"") -> bytes:
    return frame(json.dumps([trees, [[], [], []] if table is None else table]).encode(), body)


def receive_bytes(content: bytes, special: Any = None, timeout: float = GENEROUS) -> tuple[dict[str, Any], Decoder]:
    """What the receiver makes of these bytes, after which the peer is gone."""
    ours, theirs = socket.socketpair()

    def feed() -> None:
        with theirs, suppress(OSError):  # the receiver may have seen enough
            theirs.sendall(content)

    feeder = threading.Thread(target=feed) if len(content) > 50_000 else None
    if feeder is None:
        feed()
    else:
        feeder.start()
    channel = Channel(ours)
    try:
        return receive_message(channel, special=special, timeout=timeout)
    finally:
        channel.close()
        if feeder is not None:
            feeder.join()


def same(left: Any, right: Any) -> bool:
    """Equal in value and in type, bit for bit, all the way down."""
    if type(left) is not type(right):
        return False
    if isinstance(left, torch.Tensor):
        return (
            left.dtype == right.dtype
            and left.shape == right.shape
            and left.requires_grad == right.requires_grad
            and bits(left) == bits(right)
        )
    if isinstance(left, float):
        return struct.pack("d", left) == struct.pack("d", right) or (math.isnan(left) and math.isnan(right))
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, set | frozenset):
        return len(left) == len(right) and all(any(same(one, other) for other in right) for one in left)
    if isinstance(left, dict):
        return same(list(left.keys()), list(right.keys())) and same(list(left.values()), list(right.values()))
    return bool(left == right)


def bits(tensor: torch.Tensor) -> bytes:
    """The elements' bytes in row-major order, by torch alone: the code under test goes by numpy."""
    flat = tensor.detach().resolve_conj().resolve_neg().contiguous().reshape(-1)
    return bytes(flat.view(torch.uint8).tolist()) if flat.numel() else b""
