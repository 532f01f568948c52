"""When a file was saved: once a save, however the editor goes about it.

Editors write in place, in several writes, or write another file and rename it. So the folder is watched and not the
file, what comes is not believed until the file has been at rest for a moment, and what is as before is no save.
"""

from __future__ import annotations

import ast
import contextlib
import os
import threading
import time
from pathlib import Path
from typing import Self

REST_SECONDS = 0.08
# how long a file that is empty or does not parse is taken to be half written
PATIENCE_SECONDS = 1.0
_STEP_MILLISECONDS = 20


class Saves:
    """Watches one file until closed: `fileno` becomes readable when something happened to it."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.graded: str | None = None
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._reading, False)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=5)
        os.close(self._reading)
        os.close(self._writing)

    def fileno(self) -> int:
        return self._reading

    def take(self) -> bool:
        """Whether there is something new to grade; waits until the file is at rest."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self._reading, 4096):
                pass
        source = at_rest(self.file)
        if source is None or source == self.graded:
            return False
        self.graded = source
        return True

    def _watch(self) -> None:
        import watchfiles

        files = {self.file.absolute(), self.file.resolve()}  # two where the attempt is a link to elsewhere
        names = {file.name for file in files}
        folders = {file.parent for file in files if file.parent.is_dir()}
        for _ in watchfiles.watch(
            *folders,
            watch_filter=lambda _change, path: Path(path).name in names,
            debounce=2 * _STEP_MILLISECONDS,
            step=_STEP_MILLISECONDS,
            stop_event=self._stop,
            recursive=False,
            raise_interrupt=False,
        ):
            os.write(self._writing, b"!")


def at_rest(file: Path) -> str | None:
    """The text of a file once nobody writes it; None when it is gone or stays empty.

    A syntax error that stays is the candidate's, and is given back to be told.
    """
    began = time.monotonic()
    while True:
        before = _stamp(file)
        time.sleep(REST_SECONDS)
        patient = time.monotonic() - began < PATIENCE_SECONDS
        if before is not None and before == _stamp(file):
            text = _text(file)
            if text and (_parses(text) or not patient):
                return text
        if not patient:
            return None


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _text(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8", "replace").strip()
    except OSError:
        return ""


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    except (ValueError, RecursionError, MemoryError):
        return True  # nothing that waiting would mend
    return True
