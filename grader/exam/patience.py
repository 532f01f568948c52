"""How much of this process a submission's values may take: processor time for each check, and memory.

The worker's limits end where its reply begins. What came back is looked at here: a small reply can stand for a lot of
work (a comparison that takes minutes, two vectors that broadcast to a matrix of gigabytes).
"""

from __future__ import annotations

import resource
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from grader.errors import Text
from grader.exam.failures import TooSlow

CHECK_SECONDS = 60.0  # of processor time; the slowest check of the built-in exercises takes three
CHECKS_SECONDS = 180.0  # of all checks together: from there on each has the shortened limit
SHORTENED = 0.1  # after the first check that is too slow: it may be so in every check
AGAIN_SECONDS = 2.0
# Seconds that one of torch's kernels, in which no signal is heard, may go on for beyond the limit
GRACE_SECONDS = 30
# Beside what the process has when it begins. A frame of 512 MiB stands here three times while it is read; 256 MiB
# of earlier ones are compared in a type twice as wide; the widest right answer known takes 2.1 GiB, a usual one 40 MiB.
MEMORY = 3 << 30


_NO_MEMORY = ("can't allocate memory", "not enough memory", "std::bad_alloc")


class _Process:
    """Whether this process is an examiner, which may be ended for what a submission does to it."""

    expendable = False
    memory: int | None = None  # its own limit


class Patience:
    """One submission's: `with patience.for_a_check(): ...` raises TooSlow inside once it is used up."""

    def __init__(self, seconds: float | None = None) -> None:
        self._seconds = CHECK_SECONDS if seconds is None else seconds
        self._used = 0.0

    @contextmanager
    def for_a_check(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield  # signals are the main thread's
            return
        if self._used > CHECKS_SECONDS:
            self._shorten()
        began = time.process_time()
        before = signal.signal(signal.SIGPROF, self._used_up)
        signal.setitimer(signal.ITIMER_PROF, self._seconds, AGAIN_SECONDS)
        _end_after(self._seconds + GRACE_SECONDS)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.signal(signal.SIGPROF, before)
            _end_after(None)
            self._used += time.process_time() - began

    def _shorten(self) -> None:
        self._seconds = min(self._seconds, CHECK_SECONDS * SHORTENED)

    def _used_up(self, _number: int, _frame: Any) -> None:
        limit = self._seconds
        self._shorten()
        raise TooSlow(
            Text(
                f"What came back takes too long to look at: more than {limit:g} s in this check.",
                f"返回的东西看起来太费时：这项检查里超过了 {limit:g} 秒。",
            )
        )


def _end_after(seconds: float | None) -> None:
    """Have the kernel end this process once it has used so much more processor time, whatever it is at; with None,
    not any more.
    """
    if _Process.expendable:
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        soft = hard if seconds is None else int(time.process_time() + seconds) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def limit_this_process() -> None:
    """It is an examiner, for good: who runs out of its memory in a check has failed the check, and SIGXCPU ends it
    where it hears nothing else.
    """
    _Process.expendable = True
    with suppress(OSError, ValueError):
        # No core of it is ever written, nor piped to anybody: a byte is what says so to the kernel.
        _, hard = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (1 if hard == resource.RLIM_INFINITY else min(1, hard), hard))
        status = Path("/proc/self/status").read_text(encoding="ascii")
        held = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmData:")) * 1024
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        soft = held + MEMORY
        if hard == resource.RLIM_INFINITY or soft < hard:
            resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
            _Process.memory = soft


@contextmanager
def for_our_own() -> Iterator[None]:
    """Within it, nothing that a submission holds here is in the way: what is run is ours alone."""
    if _Process.memory is None:
        yield
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (_Process.memory, hard))


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether Python or torch said that there is no memory for something."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in _NO_MEMORY)
    )


def used_up(status: int) -> bool:
    """Whether an examiner that ended with this exit code had used up its processor time."""
    return status == -signal.SIGXCPU
