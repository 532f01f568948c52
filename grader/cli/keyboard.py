"""Single keys from a terminal, which is given back as it was."""

from __future__ import annotations

import os
import signal
import sys
import termios
import tty
from types import FrameType
from typing import Any, Self

_TERMINATED = 128


class Keyboard:
    """Keys as they are pressed while the context lasts; none where stdin is no terminal. Ctrl-C stays an interrupt."""

    def __init__(self) -> None:
        self.descriptor = sys.stdin.fileno() if sys.stdin is not None and sys.stdin.isatty() else None
        self._before: list[Any] = []
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if self.descriptor is not None:
            self._before = termios.tcgetattr(self.descriptor)
            self._listen()
            # what ends the program must pass through __exit__; after Ctrl-Z the terminal has the shell's settings
            for number in (signal.SIGTERM, signal.SIGHUP):
                self._handlers[number] = signal.signal(number, _end)
            self._handlers[signal.SIGCONT] = signal.signal(signal.SIGCONT, lambda *_: self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        if self.descriptor is not None:
            for number, handler in self._handlers.items():
                signal.signal(number, handler)
            termios.tcsetattr(self.descriptor, termios.TCSADRAIN, self._before)

    def read(self) -> str:
        """What was pressed; empty at the end of the input."""
        assert self.descriptor is not None
        return os.read(self.descriptor, 64).decode("utf-8", "replace")

    def _listen(self) -> None:
        assert self.descriptor is not None
        tty.setcbreak(self.descriptor)


def _end(number: int, _frame: FrameType | None) -> None:
    sys.exit(_TERMINATED + number)
