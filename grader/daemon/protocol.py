"""What a client and a host say to each other: JSON, one object a line, over a unix socket.

Client:  {"op": "run", "version", "exercise", "roots", "source", "filename", "diagnosis"}
         {"op": "status", "version"}  {"op": "stop"}
Host:    {"event": "started", "id", "title": [en, zh]}    a check has begun
         {"event": "check", "result": {..}}               `verdict.pack` of a CheckResult
         {"event": "verdict", "verdict": {..}}            `verdict.pack` of a Verdict; the last line
         {"event": "error", "message": [en, zh], "remedy": [en, zh], "exit_status"}   the last line
         {"event": "stale"}                               the host is of another version and leaves
         {"event": "status", ..}

Both sides are trusted and of one user; a line has a limit all the same.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any
from zlib import crc32

LINE_LIMIT = 64 * 1024 * 1024
Event = dict[str, Any]


def send_line(sock: socket.socket, message: Event) -> None:
    """Send one object."""
    sock.sendall(json.dumps(message, ensure_ascii=True).encode() + b"\n")


class LineReader:
    """Whole lines from a stream socket, however they were cut on the way."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._buffer = bytearray()
        self._looked = 0  # where a line's end has been looked for in vain

    def read(self) -> Event | None:
        """The next object; None at the end of the stream, also where it ends in the middle of a line."""
        while True:
            end = self._buffer.find(b"\n", self._looked)
            if end >= 0:
                line = bytes(self._buffer[:end])
                del self._buffer[: end + 1]
                self._looked = 0
                if not line:
                    continue
                found: Event = json.loads(line)
                return found
            self._looked = len(self._buffer)
            if len(self._buffer) > LINE_LIMIT:
                return None
            data = self._sock.recv(1 << 16)
            if not data:
                return None
            self._buffer += data


@cache
def code_version() -> str:
    """A digest of the files that a host runs, as they stand on disk: a daemon of another version must not answer."""
    package = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))  # noqa: PTH120 - each command pays for this
    found = [line for folder in ("", *_HOSTED) for line in _files(os.path.join(package, folder))]  # noqa: PTH118
    return fingerprint("\n".join([sys.version, *sorted(found)]))


def fingerprint(text: str) -> str:
    """Tells the user's own files apart, and from those of an hour ago; 16 hex digits. Importing hashlib, and with it
    OpenSSL, would take a warm client longer than all that it sends.
    """
    data = os.fsencode(text)
    return f"{crc32(data):08x}{crc32(data[::-1]):08x}"


# What a host, its examiners and its workers import, beside the package's own modules.
_HOSTED = ("confine", "content", "daemon", "exam", "wire", "worker")


def _files(folder: str) -> Iterator[str]:
    """Each Python file in it, with what changes when it is edited."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".py"):
                stat = entry.stat()
                yield f"{entry.path}:{stat.st_size}:{stat.st_mtime_ns}"
