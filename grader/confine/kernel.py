"""System calls that Python has no function for, through the C library already in the process.

`ctypes.util.find_library` is avoided on purpose: it starts ldconfig and a compiler, and takes longer than all layers
together.
"""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache

# name -> (x86-64, arm64): the kernel's numbers, which never change
_NUMBERS = {
    "capget": (125, 90),
    "capset": (126, 91),
    "seccomp": (317, 277),
    "landlock_create_ruleset": (444, 444),
    "landlock_add_rule": (445, 445),
    "landlock_restrict_self": (446, 446),
}
_COLUMN = {"x86_64": 0, "aarch64": 1}

PR_SET_PDEATHSIG = 1
PR_GET_DUMPABLE = 3
PR_SET_DUMPABLE = 4
PR_CAPBSET_READ = 23
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_GET_NO_NEW_PRIVS = 39
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4


def machine() -> str:
    """The architecture whose system call numbers this process uses, 'x86_64' or 'aarch64', or '' for any other."""
    name = os.uname().machine
    return name if name in _COLUMN and sys.maxsize > 2**32 else ""


def supported() -> bool:
    """Whether the layers made of raw system calls are written for this platform."""
    return sys.platform == "linux" and bool(machine())


@cache
def libc() -> ctypes.CDLL:
    """The C library this process runs on."""
    library = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    # declared, so that plain integers go as whole registers, and without an object each: it is called 50 times
    library.prctl.argtypes = (ctypes.c_int, *[ctypes.c_ulong] * 4)
    return library


def _checked(result: int, call: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")
    return result


def syscall(name: str, *args: int | bytes | ctypes.Array[ctypes.c_char] | None) -> int:
    """One raw system call; `bytes` and buffers go as pointers. `OSError` when the kernel refuses."""
    # a variadic function is told nothing of its arguments' width: every integer goes as a whole register
    passed = [ctypes.c_long(arg) if isinstance(arg, int) else arg for arg in args]
    number = ctypes.c_long(_NUMBERS[name][_COLUMN[machine()]])
    return _checked(libc().syscall(number, *passed), name)


def prctl(option: int, *args: int) -> int:
    """prctl(2), its unused arguments zero as newer options demand. `OSError` when the kernel refuses."""
    return _checked(libc().prctl(option, *(*args, 0, 0, 0, 0)[:4]), "prctl")


def unshare(flags: int) -> None:
    """unshare(2). `OSError` when the kernel refuses."""
    _checked(libc().unshare(ctypes.c_int(flags)), "unshare")


def mount(target: bytes, flags: int) -> None:
    """mount(2) with neither source nor type: changes of propagation only. `OSError` when the kernel refuses."""
    _checked(libc().mount(None, target, None, ctypes.c_ulong(flags), None), "mount")


def threads() -> int:
    """How many threads this process has; 1 where /proc cannot be read, as after every fork."""
    try:
        return len(os.listdir("/proc/self/task"))  # noqa: PTH208 - names only, and this is on the millisecond path
    except OSError:
        return 1
