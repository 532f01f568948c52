"""A line that says what is running, on a terminal, once it has taken a second."""

from __future__ import annotations

import threading

from grader.cli.terminal import Screen, shortened

PATIENCE_SECONDS = 1.0


class Waiting:
    """`begin` what may take long and `end` it before anything else is written."""

    def __init__(self, out: Screen) -> None:
        self._out = out
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._visible = False

    def begin(self, what: str) -> None:
        self.end()
        if not self._out.terminal:
            return
        timer = threading.Timer(PATIENCE_SECONDS, lambda: self._show(timer, what))
        timer.daemon = True
        self._timer = timer
        timer.start()

    def end(self) -> None:
        """Take the line away."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if self._visible:
                self._visible = False
                self._out.write("\r\x1b[2K")

    def _show(self, timer: threading.Timer, what: str) -> None:
        with self._lock:
            if self._timer is timer:  # else it ended while this was about to be shown
                self._visible = True
                self._out.write(self._out.styled(shortened(f"… {what}", self._out.width - 1), "dim"))
