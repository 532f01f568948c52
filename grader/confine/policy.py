"""Which system calls a worker may make: torch, numpy, lazy imports, and one socket that is already open.

Everything not named here fails with EPERM: no process or thread is made, no program started, no socket made, no signal
sent, no file created, changed or removed, no limit raised. Names that an architecture does not have are skipped, so one
list serves both.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Argument:
    """A condition on one argument: `argument & mask == value`."""

    index: int
    mask: int
    value: int


_INT = 0xFFFF_FFFF  # the kernel looks at the low half of an int argument only: so must the filter
_WHOLE = 0xFFFF_FFFF_FFFF_FFFF

_DESCRIPTORS = (
    "read", "readv", "pread64", "preadv", "preadv2", "write", "writev", "pwrite64", "lseek", "fadvise64",
    "close", "close_range", "dup", "dup2", "dup3", "poll", "ppoll", "select", "pselect6",
    "shutdown", "getsockopt", "getsockname", "getpeername",
)  # fmt: skip
# reads of names: Landlock decides about contents; openat2 hides its flags behind a pointer, so it is not here
_NAMES = (
    "stat", "lstat", "fstat", "newfstatat", "statx", "access", "faccessat", "faccessat2",
    "readlink", "readlinkat", "getdents64", "getcwd",
)  # fmt: skip
_MEMORY = ("munmap", "mremap", "mprotect", "madvise", "brk", "membarrier")
_THREAD = ("set_robust_list", "rseq", "restart_syscall", "exit", "exit_group", "sched_yield", "getcpu")
_SIGNALS = ("rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack")
_TIME = ("clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "times")
_WHO = (
    "getpid", "getppid", "gettid", "getuid", "geteuid", "getgid", "getegid", "getgroups", "getresuid", "getresgid",
    "uname", "sysinfo", "getrlimit", "getrusage", "sched_getaffinity", "getrandom", "capget",
)  # fmt: skip

ALLOWED = (*_DESCRIPTORS, *_NAMES, *_MEMORY, *_THREAD, *_SIGNALS, *_TIME, *_WHO)

# access mode, O_CREAT, O_TRUNC, O_PATH, __O_TMPFILE: the same bits on both architectures
_NOT_PLAIN_READING = 0o3 | 0o100 | 0o1000 | 0o10000000 | 0o20000000
# MSG_WAITALL, MSG_DONTWAIT, MSG_NOSIGNAL, MSG_CMSG_CLOEXEC: not MSG_OOB, which nobody needs and sandboxes were left by
_NOT_PLAIN_MESSAGES = _INT & ~(0x100 | 0x40 | 0x4000 | 0x40000000)
_MAP_HUGETLB = 0x40000  # huge pages come from a pool that the whole machine shares

# WAIT, WAKE, REQUEUE, CMP_REQUEUE, WAKE_OP, WAIT_BITSET, WAKE_BITSET: not those that lend priority, the kernel's most
# delicate and of no use to one thread
_FUTEX = (0, 1, 3, 4, 5, 9, 10)
_FUTEX_COMMAND = 0x7F  # the other bits are flags
# DUPFD, GETFD, SETFD, GETFL, SETFL, DUPFD_CLOEXEC: not SETOWN, whose signals go anywhere
_FCNTL = (0, 1, 2, 3, 4, 1030)
_IOCTL = (
    0x5401,  # TCGETS: isatty
    0x802C542A,  # TCGETS2: isatty in newer C libraries
    0x5413,  # TIOCGWINSZ
    0x5421,  # FIONBIO: a socket's timeout
    0x541B,  # FIONREAD
    0x5450,  # FIONCLEX
    0x5451,  # FIOCLEX
)
_PRCTL = (
    3,  # PR_GET_DUMPABLE
    15,  # PR_SET_NAME
    16,  # PR_GET_NAME
    21,  # PR_GET_SECCOMP
    39,  # PR_GET_NO_NEW_PRIVS
    0x53564D41,  # PR_SET_VMA: malloc names its arenas
)

# call -> ways in which it is allowed; each way is a set of conditions that all hold
CONDITIONAL: dict[str, tuple[tuple[Argument, ...], ...]] = {
    "open": ((Argument(1, _NOT_PLAIN_READING, 0),),),
    "openat": ((Argument(2, _NOT_PLAIN_READING, 0),),),
    # An address is for sockets that are not connected; there is none. No recvmsg: it is how descriptors are received.
    "sendto": ((Argument(3, _NOT_PLAIN_MESSAGES, 0), Argument(4, _WHOLE, 0)),),
    "sendmsg": ((Argument(2, _NOT_PLAIN_MESSAGES, 0),),),
    "recvfrom": ((Argument(3, _NOT_PLAIN_MESSAGES, 0),),),
    "mmap": ((Argument(3, _MAP_HUGETLB, 0),),),
    "futex": tuple((Argument(1, _FUTEX_COMMAND, command),) for command in _FUTEX),
    "fcntl": tuple((Argument(1, _INT, command),) for command in _FCNTL),
    "ioctl": tuple((Argument(1, _INT, request),) for request in _IOCTL),
    "prctl": tuple((Argument(0, _INT, option),) for option in _PRCTL),
    # own limits, and only to read them
    "prlimit64": ((Argument(0, _INT, 0), Argument(2, _WHOLE, 0)),),
}

# The C library has another way for these when told that the kernel is too old for them, and gives up when told EPERM.
# For clone3 the other way is clone, which is refused: the caller then sees an ordinary 'cannot start a thread'.
UNKNOWN_TO_THE_CALLER = ("clone3", "openat2", "epoll_pwait2", "fchmodat2")
