"""Keeps an examiner and its worker on one processor.

They take turns: while one computes, the other waits for it. On one processor a turn passes in ten microseconds; to
another one that has gone idle it takes a hundred and more, and two that are busy half of the time run slower than one
that is busy.

The kernel may not move a pair that is held to a processor. So one that does not get nearly all of its time, because
something else runs there, is let go for good.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

LEAST = 0.8  # of the time that has passed, for both together
SHORTEST_LOOK = 0.05  # seconds that tell something


def free_processor(taken: Iterable[int]) -> int | None:
    """A processor for a pair that is about to start, none of those that other pairs have. This process's own, where
    it can be: a host waits while its examiners work. None where there is no choice.
    """
    allowed = os.sched_getaffinity(0)
    free = allowed - set(taken)
    if not free or len(allowed) == 1:
        return None
    here = _here()
    return here if here in free else min(free)


def _here() -> int:
    try:
        found: int = ctypes.CDLL(None).sched_getcpu()
    except AttributeError:  # not every C library has it
        return -1
    return found


class Pairing:
    """This process and one worker. Without a `processor` it does nothing."""

    def __init__(self, processor: int | None) -> None:
        self.processor = processor
        self._before = os.sched_getaffinity(0)
        self._worker = ""
        self._since = 0.0
        self._ran = 0.0

    def hold(self, worker: str) -> None:
        """From now on both stay on the processor; `worker` is the worker's number in /proc."""
        self._worker = worker
        if self.processor is None:
            return
        try:
            for process in (int(worker), 0):
                os.sched_setaffinity(process, {self.processor})
            self._since, self._ran = time.monotonic(), self._both_ran()
        except (OSError, ValueError):  # it has ended, or this machine does not allow it, or does not count
            self.release()

    def look(self) -> None:
        """Let go where the two do not get the processor; asked now and then."""
        if self.processor is None or not self._worker:
            return
        passed = time.monotonic() - self._since
        if passed < SHORTEST_LOOK:
            return
        try:
            ran = self._both_ran()
        except (OSError, ValueError):
            return
        if ran - self._ran < LEAST * passed:
            self.release()
        self._since, self._ran = self._since + passed, ran

    def release(self) -> None:
        """The kernel's choice again, for this worker and those that follow."""
        if self.processor is None:
            return
        self.processor = None
        for process in ("0", self._worker):
            with suppress(OSError, ValueError):
                os.sched_setaffinity(int(process), self._before)

    def _both_ran(self) -> float:
        """Seconds of processor time, of both."""
        return sum(
            int(Path("/proc", process, "schedstat").read_text().split()[0]) / 1e9 for process in ("self", self._worker)
        )
