"""The layer `namespaces`: no network, no foreign processes, nothing shared. More than `strict` asks for.

Called once by the nursery, before any thread exists. The namespace of processes takes effect for children only, and the
first child is its init: **fork exactly once afterwards** and go on in the child. If the caller forked workers directly,
the first worker to end would end the namespace, and every later fork would fail.
"""

from __future__ import annotations

import os
from pathlib import Path

from grader.confine import kernel

_USER = 0x10000000
# name -> flag; time is left out: it changes nothing here
_KINDS = {
    "mount": 0x00020000,
    "cgroup": 0x02000000,
    "uts": 0x04000000,
    "ipc": 0x08000000,
    "pid": 0x20000000,
    "net": 0x40000000,
}
# what the layer stands for; the others are welcome
ESSENTIAL = frozenset({"mount", "ipc", "pid", "net"})
_MS_REC_PRIVATE = 0x4000 | 0x40000


def _unshare(flags: int) -> str:
    """'' or why not."""
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


def _enter() -> tuple[set[str], str]:
    """The kinds of namespace entered, and the last refusal."""
    user, group = os.geteuid(), os.getegid()
    everything = sum(_KINDS.values())
    # One call: the new user namespace gives the right to make the others, and a refusal leaves nothing half done.
    for names in (frozenset(_KINDS), ESSENTIAL):
        if not (why := _unshare(_USER | sum(_KINDS[name] for name in names))):
            try:
                _map_ids(user, group)
            except OSError as error:
                why = f"ids not mapped: {error.strerror}"
            return {"user", *names}, why
    # Without user namespaces root can still make the others, in one call or one by one.
    if not (refusal := _unshare(everything)):
        return set(_KINDS), ""
    return {name for name, flag in _KINDS.items() if not _unshare(flag)}, refusal or why


def enter_namespaces() -> tuple[bool, str]:
    """Leave the host's namespaces as far as possible: whether the essential ones hold, and which, or why not.

    Never fatal. The caller forks once and goes on in the child (see the module). Costs about 15 ms.
    """
    if not kernel.supported():
        return False, "no namespaces on this platform: use Linux on x86-64 or arm64"
    if kernel.threads() > 1:
        return False, "the process has threads: call this before any starts"
    entered, why = _enter()
    if "mount" in entered:
        try:
            kernel.mount(b"/", _MS_REC_PRIVATE)
        except OSError as error:
            why = error.strerror or str(error)
            entered.discard("mount")
    told = ", ".join(sorted(entered)) or "none"
    if entered >= ESSENTIAL:
        return True, told
    return False, f"{told} ({why}): allow user namespaces (user.max_user_namespaces, AppArmor, container profile)"
