"""Frames over a stream socket whose other end is hostile.

A frame is 16 bytes (magic, header length, body length), a header, and a body of buffers each padded to 64 bytes.
Lengths are checked against the channel's limits before a byte of them is believed, and memory grows only as bytes
arrive: a claim costs the peer what it costs us. A deadline covers a whole frame, so a peer that dribbles one byte at
a time gains nothing.

A frame that broke off half way leaves no way to tell where the next one starts: after such an error the channel
refuses everything. A timeout before the first byte of a frame harms nothing, and waiting again is allowed.
"""

from __future__ import annotations

import math
import select
import socket
import struct
from collections.abc import Sequence
from time import monotonic
from typing import TypeAlias

from grader.errors import WireClosed, WireError, WireTimeout

Buffer: TypeAlias = bytes | bytearray | memoryview  # a memoryview of bytes: its length is its size

MAGIC = b"PRK1"
ALIGNMENT = 64
MAX_HEADER = 4 << 20
MAX_BODY = 512 << 20

_PREFIX = struct.Struct("<4sIQ")
_PADDING = tuple(bytes(size) for size in range(ALIGNMENT))
_SMALL = 64 << 10  # below it, one joined copy and one recv cost less than gathering
_FIRST_STEP = 1 << 20  # what a claim may cost us before its bytes have come
_LARGEST_STEP = 32 << 20
_GATHERED = 512  # buffers for one sendmsg; the kernel's limit is 1024
_LONGEST_WAIT = (1 << 31) - 1  # milliseconds; poll takes a C int


def padded(size: int) -> int:
    """The room that a buffer of `size` bytes takes in a body."""
    return size + -size % ALIGNMENT


class Channel:
    """One end of a stream socket, sending and receiving whole frames; it owns the socket."""

    def __init__(self, sock: socket.socket, *, max_header: int = MAX_HEADER, max_body: int = MAX_BODY) -> None:
        # Non-blocking, with poll for the deadline: settimeout() would cost two more system calls for each frame.
        sock.setblocking(False)
        self._socket = sock
        self._max_header = max_header
        self._max_body = max_body
        self._readable = select.poll()
        self._readable.register(sock, select.POLLIN)
        self._writable = select.poll()
        self._writable.register(sock, select.POLLOUT)
        self._spare = bytearray(_SMALL)  # bytes that came and are not yet taken: [start, end)
        self._view = memoryview(self._spare)
        self._start = 0
        self._end = 0
        self._lost = ""  # why no further frame can be told apart

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        """Closes the socket; whatever is asked of the channel afterwards is a WireClosed."""
        self._lost = self._lost or "the channel is closed"
        self._socket.close()

    def send(self, header: bytes, buffers: Sequence[Buffer], *, timeout: float) -> None:
        """Sends one frame within `timeout` seconds: WireTimeout, WireClosed, or WireError if it is over the limits."""
        deadline = monotonic() + timeout
        body = 0
        parts: list[Buffer] = [b"", header]
        for buffer in buffers:
            size = len(buffer)
            padding = -size % ALIGNMENT
            body += size + padding
            parts += (buffer, _PADDING[padding]) if padding else (buffer,)
        self._within_limits(len(header), body)
        if self._lost:
            raise WireClosed(self._lost)
        parts[0] = _PREFIX.pack(MAGIC, len(header), body)
        total = _PREFIX.size + len(header) + body
        if total <= _SMALL:
            parts = [b"".join(parts)]
        sent = self._send_some(parts)
        if sent < total:
            self._send_rest(parts, sent, deadline)

    def receive(self, *, timeout: float) -> tuple[bytes, memoryview]:
        """The next frame's header and body, the body writable and in memory of its own."""
        deadline = monotonic() + timeout
        if self._lost:
            raise WireClosed(self._lost)
        self._fill_prefix(deadline)
        magic, header_length, body_length = _PREFIX.unpack_from(self._spare, self._start)
        if magic != MAGIC:
            raise self._lose(WireError("the peer sent something that is not a frame"))
        try:
            self._within_limits(header_length, body_length)
        except WireError as error:
            raise self._lose(error) from None
        start = self._start + _PREFIX.size
        middle = start + header_length
        stop = middle + body_length
        if stop <= self._end:
            self._start = stop
            return bytes(self._spare[start:middle]), memoryview(self._spare[middle:stop])
        self._start = start
        header = bytes(self._take(header_length, deadline))
        return header, memoryview(self._take(body_length, deadline))

    def _within_limits(self, header: int, body: int) -> None:
        if header > self._max_header:
            raise WireError(f"a frame's header of {header} bytes is over the limit of {self._max_header}")
        if body > self._max_body:
            raise WireError(f"a frame's body of {body} bytes is over the limit of {self._max_body}")

    def _lose(self, error: WireError) -> WireError:
        self._lost = error.message.en if isinstance(error, WireClosed) else f"an earlier frame broke off: {error}"
        return error

    def _send_rest(self, parts: list[Buffer], sent: int, deadline: float) -> None:
        rest = [memoryview(part) for part in parts if len(part)]
        begun = waited = False
        while True:
            begun = begun or sent > 0
            done = 0
            while done < len(rest) and sent >= len(rest[done]):
                sent -= len(rest[done])
                done += 1
            del rest[:done]
            if not rest:
                return
            rest[0] = rest[0][sent:]
            self._await(self._writable, deadline, "the peer takes nothing", begun=begun, strict=begun or waited)
            waited = True
            sent = self._send_some(rest)

    def _send_some(self, parts: Sequence[Buffer]) -> int:
        """Bytes taken by the socket; 0 where it is full."""
        try:
            if len(parts) == 1:
                return self._socket.send(parts[0])
            return self._socket.sendmsg(parts[:_GATHERED])
        except BlockingIOError:
            return 0
        except (BrokenPipeError, ConnectionError):
            raise self._lose(WireClosed("the peer has closed its end")) from None
        except OSError as error:
            raise self._lose(WireError(f"could not send to the peer: {error}")) from None

    def _fill_prefix(self, deadline: float) -> None:
        """Bytes into the spare buffer until a prefix lies there whole; often the rest of the frame comes along."""
        have = self._end - self._start
        if have >= _PREFIX.size:
            return
        self._spare[:have] = self._spare[self._start : self._end]
        self._start, self._end = 0, have
        while self._end < _PREFIX.size:
            self._end += self._read_into(self._view[self._end :], deadline, begun=self._end > 0)

    def _take(self, size: int, deadline: float) -> bytearray:
        """Exactly `size` bytes, first those that wait in the spare buffer."""
        stop = min(self._start + size, self._end)
        taken = bytearray(self._view[self._start : stop])
        self._start = stop
        filled = len(taken)
        while filled < size:
            room = min(size, max(_FIRST_STEP, 2 * filled), filled + _LARGEST_STEP)
            taken.extend(bytes(room - filled))
            with memoryview(taken) as view:
                while filled < room:
                    filled += self._read_into(view[filled:], deadline, begun=True)
        return taken

    def _read_into(self, room: memoryview, deadline: float, *, begun: bool) -> int:
        strict = begun
        while True:
            self._await(self._readable, deadline, "the peer sends nothing", begun=begun, strict=strict)
            try:
                count = self._socket.recv_into(room)
            except BlockingIOError:
                strict = True
                continue
            except ConnectionError:
                count = 0
            except OSError as error:
                raise self._lose(WireError(f"could not receive from the peer: {error}")) from None
            if not count:
                raise self._lose(WireClosed("the peer has closed its end"))
            return count

    def _await(self, poller: select.poll, deadline: float, what: str, *, begun: bool, strict: bool) -> None:
        """Waits until the socket is ready; a `strict` deadline ends the wait even if it is."""
        left = deadline - monotonic()
        wait = math.ceil(min(max(left, 0) * 1000, _LONGEST_WAIT))
        if (strict and left <= 0) or not poller.poll(wait):
            error = WireTimeout(f"{what}: the deadline has passed")
            raise self._lose(error) if begun else error
