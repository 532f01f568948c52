"""A person at a terminal: a real pseudo-terminal, what appears on it, and the keys that are pressed."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from practice_command import Practice

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
CLEARED = "\x1b[2J"


def _at_a_terminal() -> None:
    """In the child: the terminal is its own, and Ctrl-C is heard, which a shell's background jobs do not."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Terminal:
    """`practice` on a terminal. `screen` is everything since it was last cleared, without colours."""

    def __init__(self, practice: Practice, *words: str | Path, columns: int = 80, **environment: str) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        self.before = termios.tcgetattr(slave)
        self.process = subprocess.Popen(
            practice.command(*words),
            cwd=practice.folder,
            env={**practice.variables, "TERM": "xterm-256color", **environment},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=_at_a_terminal,
        )
        self._slave = slave
        self.raw = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._slave)
        os.close(self._master)

    @property
    def screen(self) -> str:
        return _ESCAPES.sub("", self.raw.rpartition(CLEARED)[2]).replace("\r\n", "\n")

    @property
    def settings(self) -> list[Any]:
        return termios.tcgetattr(self._slave)

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def until(self, words: str, *, seconds: float = 120) -> str:
        """The screen once the words are on it."""
        deadline = time.monotonic() + seconds
        while words not in self.screen:
            assert time.monotonic() < deadline, f"{words!r} did not appear on\n{self.screen}"
            self._read(0.05)
        return self.screen

    def quiet(self, seconds: float) -> str:
        """What comes within a time in which nothing should come."""
        before = len(self.raw)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._read(0.05)
        return self.raw[before:]

    def status(self) -> int:
        """The exit status, once it has ended."""
        deadline = time.monotonic() + 120
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"has not ended; on the screen:\n{self.screen}"
            self._read(0.05)
        self._read(0.05)
        return self.process.wait()

    def _read(self, seconds: float) -> None:
        ready, _, _ = select.select([self._master], [], [], seconds)
        if ready:
            self.raw += os.read(self._master, 1 << 16).decode("utf-8", "replace")
