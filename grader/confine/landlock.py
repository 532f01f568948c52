"""The layer `landlock`: which files can be read; no file written, no port bound or reached, no signal sent out.

The rules name inodes, not paths, so the ruleset is made once and put on by every worker, and a mount namespace changes
nothing. Not covered by any ABI so far: stat, readlink, access and chdir. A worker can learn that a path exists, not
what it holds.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

from grader.confine import kernel
from grader.errors import ConfinementError

_LOWEST_DESCRIPTOR = 16
_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1

_WRITE_FILE = 1 << 1
_READ_FILE = 1 << 2
_READ_DIR = 1 << 3

# the first ABI that has it -> bits: 13 rights at first, then REFER, TRUNCATE, IOCTL_DEV
_FILESYSTEM = {1: (1 << 13) - 1, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
_NETWORK = {4: 0b11}  # bind and connect TCP
_SCOPES = {6: 0b11}  # abstract unix sockets, signals

# EXECUTE is granted nowhere: loading a shared library needs READ_FILE only, and a worker starts no program.
READ_TREE = _READ_FILE | _READ_DIR
DEVICES = {
    Path("/dev/null"): _READ_FILE | _WRITE_FILE,
    Path("/dev/urandom"): _READ_FILE,
    Path("/dev/random"): _READ_FILE,
}

_ABSENT = {
    errno.ENOSYS: ("the kernel has no Landlock", "use Linux 5.13 or newer"),
    errno.EOPNOTSUPP: ("Landlock is switched off", "add landlock to lsm= on the kernel command line"),
    errno.EPERM: ("Landlock is refused here", "allow landlock_* in the container's seccomp profile"),
}


def abi() -> int:
    """The Landlock ABI of the running kernel. `ConfinementError` where there is none."""
    try:
        return kernel.syscall("landlock_create_ruleset", None, 0, _CREATE_RULESET_VERSION)
    except OSError as error:
        raise ConfinementError(*_ABSENT.get(error.errno or 0, (str(error), ""))) from error


def _bits(table: dict[int, int], version: int) -> int:
    return sum(bits for first, bits in table.items() if first <= version)


def attributes(version: int) -> bytes:
    """`struct landlock_ruleset_attr` handling all that this ABI knows, and no longer than it knows."""
    words = [_bits(_FILESYSTEM, version)]
    if version >= 4:
        words.append(_bits(_NETWORK, version))
    if version >= 6:
        words.append(_bits(_SCOPES, version))
    return struct.pack(f"={len(words)}Q", *words)


def _ruleset(version: int) -> int:
    """A new ruleset's descriptor, stepping down where a kernel claims an ABI whose rights it lacks (RHEL 9 does)."""
    for candidate in range(version, 0, -1):
        attr = attributes(candidate)
        try:
            return kernel.syscall("landlock_create_ruleset", attr, len(attr), 0)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
    raise ConfinementError("the kernel takes no Landlock ruleset", "update the kernel")


def _rules(readable: Sequence[Path]) -> Iterator[tuple[Path, int]]:
    yield from ((path, READ_TREE) for path in readable)
    yield from DEVICES.items()


def _allow(ruleset: int, path: Path, rights: int) -> None:
    """Add one rule; a path that is not there, or that this user cannot reach, needs none."""
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            rights &= ~_READ_DIR  # EINVAL for anything but a directory
        rule = struct.pack("=Qi", rights, descriptor)
        kernel.syscall("landlock_add_rule", ruleset, _RULE_PATH_BENEATH, rule, 0)
    finally:
        os.close(descriptor)


def _raised(descriptor: int) -> int:
    """The same open file under a number that no caller hands out by hand for a standard stream or a socket."""
    try:
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _LOWEST_DESCRIPTOR)
    finally:
        os.close(descriptor)


def create(readable: Sequence[Path]) -> int:
    """A ruleset under which only `readable` (files and whole trees) can be read: its descriptor."""
    ruleset = _raised(_ruleset(abi()))
    try:
        for path, rights in _rules(readable):
            _allow(ruleset, path, rights)
    except BaseException:
        os.close(ruleset)
        raise
    return ruleset


def restrict(ruleset: int) -> None:
    """Put this ruleset on the calling thread, for good, and close the descriptor. Needs no_new_privs."""
    try:
        kernel.syscall("landlock_restrict_self", ruleset, 0)
    finally:
        os.close(ruleset)
