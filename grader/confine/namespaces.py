"""The layer `namespaces`: no network, no foreign processes, nothing shared. More than `strict` asks for.

Called once by the nursery, before any thread exists. The namespace of processes takes effect for children only, and the
first child is its init: when the answer is True, **fork exactly once** and go on in the child. If the caller forked
workers directly, the first worker to end would end the namespace, and every later fork would fail. When the answer is
False, there is no such namespace, and nothing to do.
"""

from __future__ import annotations

import os
from pathlib import Path

from grader.confine import kernel

_USER = 0x10000000
_PID = 0x20000000
# name -> flag. Time is left out, for it changes nothing here; pid comes last and apart.
_ESSENTIAL = {"mount": 0x00020000, "ipc": 0x08000000, "net": 0x40000000}
_WELCOME = {"cgroup": 0x02000000, "uts": 0x04000000}
_MS_REC_PRIVATE = 0x4000 | 0x40000

_REMEDY = "allow user namespaces (user.max_user_namespaces, AppArmor, container profile)"


def _refusal(flags: int) -> str:
    """Leave these namespaces: '' or why not. The kernel does all of one call or nothing."""
    try:
        kernel.unshare(flags)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _map_ids(user: int, group: int) -> None:
    """Each id stands for itself. The kernel wants setgroups given up before the groups are mapped."""
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def _leave(entered: set[str]) -> str:
    """Enter all but pid, noting in `entered` what was: '' or why not."""
    user, group = os.geteuid(), os.getegid()
    # A user namespace gives everyone the right to make the others; root may do without.
    for first in (_USER, 0):
        for kinds in (_ESSENTIAL | _WELCOME, _ESSENTIAL):
            if why := _refusal(first | sum(kinds.values())):
                continue
            entered.update(kinds)
            if first:
                entered.add("user")
                _map_ids(user, group)
            return ""
    return why


def _enter(entered: set[str]) -> str:
    """Enter everything, noting in `entered` what was: '' or why the layer does not hold."""
    try:
        if why := _leave(entered):
            # Part of it is worth having; of the namespace of processes there is none without the rest.
            entered.update(name for name, flag in _ESSENTIAL.items() if not _refusal(flag))
            return why
        kernel.mount(b"/", _MS_REC_PRIVATE)
    except OSError as error:
        return error.strerror or str(error)
    # Last, so that 'there is a new namespace of processes' and 'the layer holds' are one and the same to the caller.
    if why := _refusal(_PID):
        return why
    entered.add("pid")
    return ""


def enter_namespaces() -> tuple[bool, str]:
    """Leave the host's namespaces as far as possible: whether the layer holds, and which were entered, or why not.

    Never fatal. After True the caller forks once and goes on in the child (see the module). Costs about 15 ms.
    """
    if not kernel.supported():
        return False, "no namespaces on this platform: use Linux on x86-64 or arm64"
    if kernel.threads() > 1:
        return False, "the process has threads: call this before any starts"
    entered: set[str] = set()
    why = _enter(entered)
    told = ", ".join(sorted(entered)) or "none"
    return (False, f"{told} ({why}): {_REMEDY}") if why else (True, told)
