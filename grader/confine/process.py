"""How a nursery and its workers are started clean: environment, descriptors, and an end with their parent."""

from __future__ import annotations

import os
import signal
import site
import sys
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

from grader.confine import kernel

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def clean_environment() -> dict[str, str]:
    """What a nursery is started with: nothing of the user's own environment, where keys and tokens are kept."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "HOME": "/nonexistent",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        # libgomp ends the process when it cannot start a thread: set_num_threads(4) must stay a wish
        "OMP_THREAD_LIMIT": "1",
        # Every optimizer imports torch._dynamo, which makes sure of this directory or fails for want of a writable
        # one: a directory that is always there, and that nobody can fill.
        "TORCHINDUCTOR_CACHE_DIR": "/proc",
        **dict.fromkeys(_THREADS, "1"),
    }
    if site.ENABLE_USER_SITE:
        # found from HOME otherwise
        environment["PYTHONUSERBASE"] = site.getuserbase()
    return environment


def scrub_environment(extra: Mapping[str, str]) -> None:
    """Replace the environment of this process, in Python and in C, by a clean one and `extra`.

    What the process was started with stays in its memory: start a nursery with `clean_environment()` to begin with.
    """
    os.environ.clear()
    os.environ.update({**clean_environment(), **extra})


def die_with_parent(parent: int) -> None:
    """Let the kernel kill this process when the thread that forked it ends.

    `parent` is the parent's id as the parent knew it before the fork: if it is gone already, there is nothing to wait
    for. For the first process of a new namespace the parent's id reads 0, alive or not: pass 0, and watch a socket too.
    """
    if sys.platform == "linux":
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(128 + signal.SIGKILL)  # not a signal: the first process of a namespace is deaf to its own


def close_other_descriptors(keep: set[int]) -> None:
    """Close every descriptor but these: an inherited one is a way around every rule about opening."""
    edges = [-1, *sorted(keep), _highest_descriptor() + 1]
    for low, high in pairwise(edges):
        if low + 1 < high:  # an empty range that begins at 0 would close everything
            os.closerange(low + 1, high)


def _highest_descriptor() -> int:
    try:
        return max(int(entry.name) for entry in Path("/proc/self/fd").iterdir())
    except OSError:
        return os.sysconf("SC_OPEN_MAX")
