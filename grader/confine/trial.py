"""What would hold on this machine, found by trying it in children that end at once."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from contextlib import suppress

from grader.confine import kernel, privileges
from grader.confine.isolation import Isolation, Limits
from grader.confine.namespaces import enter_namespaces
from grader.confine.prepared import Prepared, prepare
from grader.errors import ConfinementError

_LIMITS = Limits(memory_bytes=64 << 20, cpu_seconds=10)


def _refused(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except PermissionError:
        return True
    except OSError:
        return False
    return False


# A layer can be accepted and yet do nothing (an emulated kernel): each is asked for one thing that it alone forbids.
_PROOFS: dict[str, Callable[[], bool]] = {
    "capabilities": privileges.holds_no_capability,
    "dumpable": lambda: kernel.prctl(kernel.PR_GET_DUMPABLE) == 0,
    "no_new_privs": lambda: kernel.prctl(kernel.PR_GET_NO_NEW_PRIVS) == 1,
    "landlock": lambda: _refused(lambda: os.listdir("/proc")),  # noqa: PTH208 - nothing but the refusal matters
    "seccomp": lambda: _refused(socket.socket),
}


def _proven(isolation: Isolation) -> Isolation:
    void = [layer for layer in isolation.layers if layer in _PROOFS and not _PROOFS[layer]()]
    told = ((layer, "accepted by the kernel, without effect: report this") for layer in void)
    return Isolation.of(set(isolation.layers).difference(void), (*isolation.missing, *told))


def _in_child(work: Callable[[], object]) -> object:
    """What `work` returns in a forked child, by JSON over a pipe; None if the child died of it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            os.write(writing, json.dumps(work()).encode())
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as file:  # noqa: PTH123 - a descriptor, not a path
        answer = file.read()
    os.waitpid(child, 0)
    return json.loads(answer) if answer else None


def probe(prepared: Prepared | None = None) -> Isolation:
    """Try every layer, and the namespaces apart, in forked children: what holds here."""
    ready = prepare() if prepared is None else prepared

    def confined() -> object:
        isolation = _proven(ready.apply(_LIMITS))
        return [isolation.layers, isolation.missing]

    try:
        answer = _in_child(confined)
    finally:
        if prepared is None:
            ready.close()
    if not isinstance(answer, list):
        raise ConfinementError("the probe of the confinement ended without an answer", "run it under strace and report")
    layers, missing = answer
    isolation = Isolation.of(layers, tuple((layer, why) for layer, why in missing))
    entered = _in_child(enter_namespaces)
    holds, told = entered if isinstance(entered, list) else (False, "the probe ended without an answer")
    return isolation.with_namespaces(holds, told)
