"""The layers `capabilities`, `dumpable` and `no_new_privs`: what the process may become, and who may look into it."""

from __future__ import annotations

import ctypes
import errno
import struct

from grader.confine import kernel
from grader.errors import ConfinementError

_CAPABILITY_VERSION_3 = 0x20080522
_HEADER = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
_CAP_SETPCAP = 8
# two words each of effective, permitted, inheritable
_SETS = struct.Struct("=6I")


def _capabilities() -> tuple[int, ...]:
    """The six words of capget(2)."""
    data = ctypes.create_string_buffer(_SETS.size)
    kernel.syscall("capget", _HEADER, data)
    return tuple(_SETS.unpack(data.raw))


def holds_no_capability() -> bool:
    """Whether the effective, permitted and inheritable sets are empty."""
    return not any(_capabilities())


def _empty_bounding_set() -> None:
    for capability in range(64):
        try:
            kernel.prctl(kernel.PR_CAPBSET_DROP, capability)
        except OSError as error:
            if error.errno == errno.EINVAL:  # past the last capability that this kernel knows
                return
            raise


def drop_capabilities() -> None:
    """Give up every capability in every set: from here on root is an ordinary user who owns root's files."""
    # Without CAP_SETPCAP the bounding set cannot shrink; then it bounds nothing either, for
    # with no_new_privs no capability can be gained from a file.
    if _capabilities()[0] >> _CAP_SETPCAP & 1:
        _empty_bounding_set()
    kernel.prctl(kernel.PR_CAP_AMBIENT, kernel.PR_CAP_AMBIENT_CLEAR_ALL)
    kernel.syscall("capset", _HEADER, _SETS.pack(0, 0, 0, 0, 0, 0))
    if not holds_no_capability():
        raise ConfinementError("capabilities remain after capset", "report this: the kernel accepted the call")


def forbid_inspection() -> None:
    """No other process of this user may trace it or read its memory; /proc/self/mem and its like belong to root."""
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)


def forbid_new_privileges() -> None:
    """No set-user-id file gives anything from here on; Landlock and seccomp ask for this of ordinary users."""
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
