"""The layer `rlimits`: what the kernel counts and cuts off."""

from __future__ import annotations

import os
import resource
import signal

from grader.confine.isolation import Limits
from grader.errors import ConfinementError


def address_space() -> int:
    """The bytes of address space in use (VmSize): 0.6 GB with a CPU build of torch, many times that with CUDA."""
    try:
        descriptor = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
        try:
            pages = int(os.read(descriptor, 256).split()[0])
        finally:
            os.close(descriptor)
    except (OSError, ValueError, IndexError) as error:
        raise ConfinementError(f"memory is not limited: /proc/self/statm: {error}", "mount /proc") from error
    return pages * os.sysconf("SC_PAGE_SIZE")


def _wanted(limits: Limits) -> dict[int, int]:
    return {
        resource.RLIMIT_AS: address_space() + limits.memory_bytes,
        # soft = hard: the kernel then sends SIGKILL, which no handler can put off as it could SIGXCPU
        resource.RLIMIT_CPU: limits.cpu_seconds,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: limits.open_files,
        resource.RLIMIT_CORE: 0,
        # not enforced for root, whose forks seccomp stops
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_SIGPENDING: 0,
        resource.RLIMIT_NICE: 0,
        resource.RLIMIT_RTPRIO: 0,
    }


def apply(limits: Limits) -> None:
    """Set every limit, soft and hard, never above the hard limit that is there already. The stack stays as it is."""
    # a write beyond RLIMIT_FSIZE is then an error (EFBIG) instead of a death
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    for name, value in _wanted(limits).items():
        _, hard = resource.getrlimit(name)
        bounded = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(name, (bounded, bounded))
