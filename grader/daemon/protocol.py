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

import hashlib
import json
import socket
import sys
from functools import cache
from pathlib import Path
from typing import Any

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

    def read(self) -> Event | None:
        """The next object; None at the end of the stream, also where it ends in the middle of a line."""
        while True:
            line, newline, rest = self._buffer.partition(b"\n")
            if newline:
                self._buffer = rest
                if not line:
                    continue
                found: Event = json.loads(line)
                return found
            if len(self._buffer) > LINE_LIMIT:
                return None
            data = self._sock.recv(1 << 16)
            if not data:
                return None
            self._buffer += data


@cache
def code_version() -> str:
    """A digest of this package's files as they stand on disk: a daemon of another version must not answer."""
    package = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256(sys.version.encode())
    for path in sorted(package.rglob("*.py")):
        stat = path.stat()
        digest.update(f"{path.relative_to(package)}:{stat.st_size}:{stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]
