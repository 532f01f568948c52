"""The layer `seccomp`: the policy compiled to a BPF program once, and installed by each worker.

libseccomp does the compiling, for x86-64 and arm64 alike on either machine; it also refuses the x32 and 32-bit ways
into the kernel.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from typing import Any

from grader.confine import kernel
from grader.confine.policy import ALLOWED, CONDITIONAL, UNKNOWN_TO_THE_CALLER, Argument
from grader.errors import ConfinementError

_SET_MODE_FILTER = 1
_FLAG_TSYNC = 1  # every thread of the process, should there be more than one
_INSTRUCTION = 8
_UNRESOLVED = -1


def _library() -> Any:
    """pyseccomp, whose import looks for the shared library by starting programs: never at our own import."""
    try:
        import pyseccomp
    except ImportError as error:
        raise ConfinementError("pyseccomp is not installed", "pip install pyseccomp") from error
    except (RuntimeError, OSError, AttributeError) as error:
        remedy = "apt install libseccomp2, or your system's package of that library"
        raise ConfinementError("libseccomp is not installed", remedy) from error
    return pyseccomp


def _filter(library: Any, machine: str) -> Any:
    """An empty filter for one architecture: EPERM for what no rule allows, death for another architecture's calls."""
    tokens = {"x86_64": library.Arch.X86_64, "aarch64": library.Arch.AARCH64}
    wanted = tokens[machine]
    rules = library.SyscallFilter(library.ERRNO(errno.EPERM))
    if wanted != library.system_arch():
        rules.add_arch(wanted)  # before the removal: a filter must never have no architecture
        rules.remove_arch(library.Arch.NATIVE)
    rules.set_attr(library.Attr.ACT_BADARCH, library.KILL_PROCESS)
    return rules


def _add(library: Any, rules: Any, action: int, name: str, way: tuple[Argument, ...] = ()) -> None:
    # libseccomp takes the native number, negative for a call that only the other architecture has, and translates
    number = library.resolve_syscall(library.Arch.NATIVE, name)
    if number == _UNRESOLVED:
        return  # older than the call: it falls to the default, EPERM
    rules.add_rule(action, number, *(library.Arg(a.index, library.MASKED_EQ, a.mask, a.value) for a in way))


def _exported(rules: Any) -> bytes:
    with open(os.memfd_create("filter"), "w+b") as file:  # noqa: PTH123 - a descriptor, not a path
        rules.export_bpf(file)
        file.seek(0)
        return file.read()


def compile_filter(machine: str | None = None) -> bytes:
    """The BPF program for 'x86_64' or 'aarch64' (default: this machine). `ConfinementError` without libseccomp."""
    library = _library()
    target = kernel.machine() if machine is None else machine
    if target not in ("x86_64", "aarch64"):
        raise ConfinementError(f"no system call filter for {target or os.uname().machine}", "use x86-64 or arm64")
    rules = _filter(library, target)
    for name in ALLOWED:
        _add(library, rules, library.ALLOW, name)
    for name, ways in CONDITIONAL.items():
        for way in ways:
            _add(library, rules, library.ALLOW, name, way)
    for name in UNKNOWN_TO_THE_CALLER:
        _add(library, rules, library.ERRNO(errno.ENOSYS), name)
    return _exported(rules)


def install(program: bytes) -> None:
    """Put the filter on this process, for good. Needs no_new_privs."""
    instructions = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: a count, padding, a pointer
    header = struct.pack("@HP", len(program) // _INSTRUCTION, ctypes.addressof(instructions))
    try:
        kernel.syscall("seccomp", _SET_MODE_FILTER, _FLAG_TSYNC, header)
    except OSError as error:
        raise ConfinementError(f"the kernel takes no filter ({error})", "enable CONFIG_SECCOMP_FILTER") from error
