"""Frames: their bytes, their limits, and peers that stall, dribble, flood or leave."""

from __future__ import annotations

import math
import socket
import struct
import threading
import time
import tracemalloc
from contextlib import suppress

import pytest
from wire_ends import GENEROUS, frame, two_channels

from grader.errors import WireClosed, WireError, WireTimeout
from grader.wire import Channel


def test_the_bytes_of_a_frame_are_those_of_the_contract():
    ours, theirs = socket.socketpair()
    Channel(ours).send(b"{}", [b"abc", memoryview(bytearray(64)), b""], timeout=GENEROUS)
    expected = b"PRK1" + struct.pack("<I", 2) + struct.pack("<Q", 128) + b"{}" + b"abc" + bytes(61) + bytes(64)
    assert theirs.recv(1000) == expected


def test_a_frame_arrives_with_its_buffers_padded():
    with two_channels() as (left, right):
        left.send(b"header", [b"a" * 65, b"b"], timeout=GENEROUS)
        header, body = right.receive(timeout=GENEROUS)
    assert header == b"header"
    assert body == b"a" * 65 + bytes(63) + b"b" + bytes(63)


def test_the_body_is_writable_memory_of_its_own():
    with two_channels() as (left, right):
        left.send(b"", [b"first"], timeout=GENEROUS)
        left.send(b"", [b"other"], timeout=GENEROUS)
        _, first = right.receive(timeout=GENEROUS)
        first[:5] = b"FIRST"
        _, second = right.receive(timeout=GENEROUS)
    assert bytes(first[:5]) == b"FIRST"
    assert bytes(second[:5]) == b"other"


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 65_000, 65_536, 70_000, 1_000_000, 5_000_000])
def test_bodies_of_every_size_come_through_whole(size):
    content = (b"0123456789abcdefg" * (size // 17 + 1))[:size]
    with two_channels() as (left, right):
        sender = threading.Thread(target=left.send, args=(b"h", [content]), kwargs={"timeout": GENEROUS})
        sender.start()
        header, body = right.receive(timeout=GENEROUS)
        sender.join()
    assert header == b"h"
    assert bytes(body[:size]) == content
    assert len(body) == math.ceil(size / 64) * 64


def test_more_buffers_than_one_system_call_takes():
    buffers = [bytes([number % 251]) * 100 for number in range(3000)]
    with two_channels() as (left, right):
        sender = threading.Thread(target=left.send, args=(b"", buffers), kwargs={"timeout": GENEROUS})
        sender.start()
        _, body = right.receive(timeout=GENEROUS)
        sender.join()
    assert bytes(body) == b"".join(buffer + bytes(28) for buffer in buffers)


def test_frames_sent_together_are_received_apart():
    ours, theirs = socket.socketpair()
    frames = [frame(f"header {number}".encode(), bytes([number]) * 64 * number) for number in range(40)]
    theirs.sendall(b"".join(frames))
    channel = Channel(ours)
    for number in range(40):
        header, body = channel.receive(timeout=GENEROUS)
        assert (header, bytes(body)) == (f"header {number}".encode(), bytes([number]) * 64 * number)


def test_a_prefix_may_come_in_two_reads():
    """A read takes 64 KiB: after one frame of 17 bytes, every later end of a read cuts a prefix of 16 in two."""
    ours, theirs = socket.socketpair()
    frames = frame(b"h") + frame(b"") * 9000
    sender = threading.Thread(target=theirs.sendall, args=(frames,))
    sender.start()
    channel = Channel(ours)
    assert channel.receive(timeout=GENEROUS)[0] == b"h"
    for _ in range(9000):
        assert channel.receive(timeout=GENEROUS) == (b"", b"")
    sender.join()


@pytest.mark.parametrize("piece", [1, 5, 16, 17, 63])
def test_a_frame_may_come_in_pieces(piece):
    ours, theirs = socket.socketpair()
    content = frame(b'{"a":1}', bytes(range(64)) * 2)

    def dribble() -> None:
        for start in range(0, len(content), piece):
            theirs.sendall(content[start : start + piece])
            time.sleep(0.0005)

    feeder = threading.Thread(target=dribble)
    feeder.start()
    assert Channel(ours).receive(timeout=GENEROUS) == (b'{"a":1}', bytes(range(64)) * 2)
    feeder.join()


def fill(channel: Channel) -> int:
    """Sends frames until the socket takes no more: how many went."""
    sent = 0
    with suppress(WireTimeout):
        while True:
            channel.send(b"h" * 1000, [], timeout=0)
            sent += 1
    return sent


class TestLimits:
    def test_a_header_over_the_limit_is_refused_on_both_sides(self):
        ours, theirs = socket.socketpair()
        with pytest.raises(WireError, match=r"header of 101 bytes is over the limit of 100"):
            Channel(ours, max_header=100).send(b"h" * 101, [], timeout=GENEROUS)
        theirs.sendall(b"PRK1" + struct.pack("<IQ", 101, 0))
        with pytest.raises(WireError, match=r"header of 101 bytes is over the limit of 100"):
            Channel(ours, max_header=100).receive(timeout=GENEROUS)

    def test_a_body_over_the_limit_is_refused_on_both_sides(self):
        ours, theirs = socket.socketpair()
        with pytest.raises(WireError, match=r"body of 128 bytes is over the limit of 100"):
            Channel(ours, max_body=100).send(b"h", [b"b" * 65], timeout=GENEROUS)
        theirs.sendall(b"PRK1" + struct.pack("<IQ", 0, 2**63))
        with pytest.raises(WireError, match=r"is over the limit of 100"):
            Channel(ours, max_body=100).receive(timeout=GENEROUS)

    def test_what_was_refused_before_sending_leaves_the_channel_in_use(self):
        with two_channels() as (left, right):
            with pytest.raises(WireError, match="over the limit"):
                left.send(b"h" * (5 << 20), [], timeout=GENEROUS)
            left.send(b"small", [], timeout=GENEROUS)
            assert right.receive(timeout=GENEROUS)[0] == b"small"

    def test_a_limit_is_within_the_limit(self):
        ours, theirs = socket.socketpair()
        theirs.sendall(frame(b"h" * 100, bytes(128)))
        assert len(Channel(ours, max_header=100, max_body=128).receive(timeout=GENEROUS)[1]) == 128

    @pytest.mark.parametrize("come", [0, 1000, 100_000])
    def test_a_claim_of_512_mib_costs_no_more_than_what_has_come(self, come):
        ours, theirs = socket.socketpair()
        theirs.sendall(b"PRK1" + struct.pack("<IQ", 2, 512 << 20) + b"{}" + bytes(come))
        theirs.shutdown(socket.SHUT_WR)
        channel = Channel(ours)
        tracemalloc.start()
        try:
            with pytest.raises(WireClosed):
                channel.receive(timeout=GENEROUS)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 8 << 20

    def test_memory_stays_near_the_size_of_a_large_body(self):
        with two_channels() as (left, right):
            content = bytes(48 << 20)
            sender = threading.Thread(target=left.send, args=(b"", [content]), kwargs={"timeout": GENEROUS})
            sender.start()
            tracemalloc.start()
            try:
                _, body = right.receive(timeout=GENEROUS)
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
            sender.join()
        assert len(body) == 48 << 20
        assert peak < 2.5 * (48 << 20)


class TestDeadlines:
    def test_a_silent_peer_times_out_and_may_be_waited_for_again(self):
        with two_channels() as (left, right):
            with pytest.raises(WireTimeout, match="sends nothing"):
                right.receive(timeout=0.01)
            left.send(b"late", [], timeout=GENEROUS)
            assert right.receive(timeout=GENEROUS)[0] == b"late"

    def test_a_timeout_of_zero_takes_what_is_there(self):
        with two_channels() as (left, right):
            with pytest.raises(WireTimeout):
                right.receive(timeout=0)
            left.send(b"there", [], timeout=GENEROUS)
            assert right.receive(timeout=0)[0] == b"there"

    def test_a_peer_that_floods_gains_no_time(self):
        """All of it is there at once, in more than one read: the deadline ends it all the same."""
        ours, theirs = socket.socketpair()
        theirs.sendall(frame(b"h", bytes(100_032)))
        with pytest.raises(WireTimeout):
            Channel(ours).receive(timeout=0)

    def test_a_timeout_may_be_infinite(self):
        with two_channels() as (left, right):
            left.send(b"h", [], timeout=math.inf)
            assert right.receive(timeout=math.inf)[0] == b"h"

    @pytest.mark.parametrize(
        "begin",
        [b"", b"PRK1" + struct.pack("<IQ", 1000, 0), b"PRK1" + struct.pack("<IQ", 0, 1 << 20)],
        ids=["before the prefix", "in the header", "in the body"],
    )
    def test_a_peer_that_dribbles_gains_no_time(self, begin):
        ours, theirs = socket.socketpair()
        over = threading.Event()

        def dribble() -> None:
            theirs.sendall(begin)
            rest = iter(frame(b"h" * 1000)) if not begin else iter(bytes(1 << 20))
            while not over.wait(0.02):
                theirs.send(bytes([next(rest)]))

        feeder = threading.Thread(target=dribble)
        feeder.start()
        started = time.monotonic()
        try:
            with pytest.raises(WireTimeout):
                Channel(ours).receive(timeout=0.15)
            # All of it would take the dribbler 20 seconds at the least.
            assert time.monotonic() - started < 10
        finally:
            over.set()
            feeder.join()

    def test_a_peer_that_never_reads(self):
        with two_channels() as (left, _right), pytest.raises(WireTimeout, match="takes nothing"):
            left.send(b"", [bytes(4 << 20)], timeout=0.05)

    def test_a_peer_that_reads_too_slowly(self):
        ours, theirs = socket.socketpair()
        over = threading.Event()

        def sip() -> None:
            while not over.wait(0.02):
                theirs.recv(2000)

        reader = threading.Thread(target=sip)
        reader.start()
        try:
            with pytest.raises(WireTimeout):
                Channel(ours).send(b"", [bytes(64 << 20)], timeout=0.2)
        finally:
            over.set()
            reader.join()

    def test_a_small_frame_that_finds_the_socket_full_waits_for_room(self):
        with two_channels() as (left, right):
            sent = fill(left)
            assert sent > 10
            for _ in range(sent):
                assert right.receive(timeout=GENEROUS)[0] == b"h" * 1000


class TestLostChannels:
    def test_after_a_frame_broke_off_nothing_is_believed(self):
        ours, theirs = socket.socketpair()
        theirs.sendall(b"PRK1" + struct.pack("<IQ", 50, 0) + b"only this")
        channel = Channel(ours)
        with pytest.raises(WireTimeout):
            channel.receive(timeout=0.01)
        theirs.sendall(b"x" * 41 + frame(b"the next"))
        with pytest.raises(WireClosed, match="broke off"):
            channel.receive(timeout=GENEROUS)
        with pytest.raises(WireClosed, match="broke off"):
            channel.send(b"", [], timeout=GENEROUS)

    def test_after_half_a_frame_was_sent_nothing_more_is(self):
        with two_channels() as (left, _right):
            with pytest.raises(WireTimeout):
                left.send(b"", [bytes(4 << 20)], timeout=0.01)
            with pytest.raises(WireClosed, match="broke off"):
                left.send(b"", [], timeout=GENEROUS)

    @pytest.mark.parametrize("content", [b"GET / HTTP/1.1\r\n\r\n", b"PRK2" + bytes(12), bytes(16)])
    def test_something_else_than_a_frame(self, content):
        ours, theirs = socket.socketpair()
        theirs.sendall(content)
        with pytest.raises(WireError, match="not a frame"):
            Channel(ours).receive(timeout=GENEROUS)

    @pytest.mark.parametrize("kept", [0, 1, 15, 16, 20, 22, 85])
    def test_a_peer_that_leaves(self, kept):
        ours, theirs = socket.socketpair()
        whole = frame(b"header", bytes(64))
        assert len(whole) == 86
        theirs.sendall(whole[:kept])
        theirs.close()
        channel = Channel(ours)
        with pytest.raises(WireClosed, match="closed its end"):
            channel.receive(timeout=GENEROUS)
        with pytest.raises(WireClosed):
            channel.receive(timeout=GENEROUS)

    def test_sending_to_a_peer_that_has_left(self):
        with two_channels() as (left, right):
            right.close()
            with pytest.raises(WireClosed, match="closed its end"):
                left.send(b"h", [], timeout=GENEROUS)

    def test_a_peer_that_leaves_with_bytes_unread(self):
        with two_channels() as (left, right):
            left.send(b"unread", [], timeout=GENEROUS)
            right.close()
            with pytest.raises(WireClosed):
                left.receive(timeout=GENEROUS)

    def test_a_closed_channel_says_so(self):
        with two_channels() as (left, _right):
            left.close()
            assert left.fileno() == -1
            with pytest.raises(WireClosed, match="is closed"):
                left.send(b"", [], timeout=GENEROUS)
            with pytest.raises(WireClosed, match="is closed"):
                left.receive(timeout=GENEROUS)
