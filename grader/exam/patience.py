"""How much of this process a submission's values may take: processor time for each check, and memory.

The worker's limits end where its reply begins. What came back is looked at here: a small reply can stand for a lot of
work (a key that takes minutes to spell out, two vectors that broadcast to a matrix of gigabytes).
"""

from __future__ import annotations

import resource
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from grader.errors import Text
from grader.exam.failures import TooSlow

CHECK_SECONDS = 60.0  # of processor time; the slowest check of the built-in exercises takes three
SHORTENED = 0.1  # after the first check that is too slow: it may be so in every check
AGAIN_SECONDS = 2.0
MEMORY = 6 << 30  # beside what the process has when it begins: a few copies of what a check's calls may give back


class Patience:
    """One submission's: `with patience.for_a_check(): ...` raises TooSlow inside once it is used up."""

    def __init__(self, seconds: float = CHECK_SECONDS) -> None:
        self._seconds = seconds

    @contextmanager
    def for_a_check(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield  # signals are the main thread's
            return
        before = signal.signal(signal.SIGPROF, self._used_up)
        signal.setitimer(signal.ITIMER_PROF, self._seconds, AGAIN_SECONDS)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.signal(signal.SIGPROF, before)

    def _used_up(self, _number: int, _frame: Any) -> None:
        limit, self._seconds = self._seconds, min(self._seconds, CHECK_SECONDS * SHORTENED)
        raise TooSlow(
            Text(
                f"What came back takes too long to look at: more than {limit:g} s in this check.",
                f"返回的东西看起来太费时：这项检查里超过了 {limit:g} 秒。",
            )
        )


def limit_memory() -> None:
    """Of this process, for good. Who runs out of it in a check has failed the check."""
    with suppress(OSError, ValueError):
        status = Path("/proc/self/status").read_text(encoding="ascii")
        held = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmData:")) * 1024
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        soft = held + MEMORY
        resource.setrlimit(resource.RLIMIT_DATA, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))
