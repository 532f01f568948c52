"""The layer `rlimits`: what the kernel counts and cuts off."""

from __future__ import annotations

import os
import resource
import signal

from grader.confine.isolation import Limits
from grader.errors import ConfinementError


def address_space() -> int:
    """The bytes of address space in use (VmSize): 0.6 GB with a CPU build of torch, many times that with CUDA."""
    # not pathlib, which takes longer than all the limits together in a process just forked
    descriptor = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return int(os.read(descriptor, 256).split()[0]) * os.sysconf("SC_PAGE_SIZE")
    finally:
        os.close(descriptor)


def _wanted(limits: Limits) -> dict[str, int]:
    """All limits but that of memory, which needs a measurement."""
    return {
        # soft = hard: the kernel then sends SIGKILL, which no handler can put off as it could SIGXCPU
        "RLIMIT_CPU": limits.cpu_seconds,
        "RLIMIT_FSIZE": 0,
        "RLIMIT_NOFILE": limits.open_files,
        "RLIMIT_CORE": 0,
        # not enforced for root, whose forks seccomp stops
        "RLIMIT_NPROC": 0,
        "RLIMIT_MEMLOCK": 0,
        "RLIMIT_MSGQUEUE": 0,
        "RLIMIT_SIGPENDING": 0,
        "RLIMIT_NICE": 0,
        "RLIMIT_RTPRIO": 0,
    }


def _set(name: str, value: int) -> None:
    """Set one limit, soft and hard, never above the hard limit that is there already."""
    limit = getattr(resource, name)
    _, hard = resource.getrlimit(limit)
    bounded = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(limit, (bounded, bounded))


def apply(limits: Limits) -> None:
    """Set every limit but the stack's; `ConfinementError` names those that could not be set, the rest being set."""
    # a write beyond RLIMIT_FSIZE is then an error (EFBIG) instead of a death
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    unset = []
    try:
        _set("RLIMIT_AS", address_space() + limits.memory_bytes)
    except (OSError, ValueError, IndexError, OverflowError) as error:
        unset.append(f"RLIMIT_AS ({error})")
    for name, value in _wanted(limits).items():
        try:
            _set(name, value)
        except (OSError, ValueError, OverflowError) as error:
            unset.append(f"{name} ({error})")
    if unset:
        raise ConfinementError(f"not limited: {', '.join(unset)}", "mount /proc, and let the container set limits")
