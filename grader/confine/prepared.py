"""All layers together: what is costly once, in the nursery; the rest in each worker, in about a millisecond."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.confine import kernel, landlock, privileges, rlimits, seccomp
from grader.confine.isolation import REQUIRED, Isolation, Limits
from grader.confine.readable import check, default_readable
from grader.errors import ConfinementError


@dataclass(frozen=True, slots=True)
class Prepared:
    """Confinement ready to be put on. Each of `program` and `ruleset` is None where `missing` says why.

    `ruleset` is an open descriptor, to be kept by `close_other_descriptors`; `dropped` are the paths that would have
    been readable but touch hidden content.
    """

    program: bytes | None
    ruleset: int | None
    missing: tuple[tuple[str, str], ...]
    readable: tuple[Path, ...]
    dropped: tuple[tuple[Path, str], ...]

    @property
    def descriptors(self) -> frozenset[int]:
        """What must stay open between `prepare` and `apply`."""
        return frozenset() if self.ruleset is None else frozenset({self.ruleset})

    def close(self) -> None:
        """Let go of the ruleset, where no further worker will be confined."""
        for descriptor in self.descriptors:
            os.close(descriptor)

    def apply(self, limits: Limits) -> Isolation:
        """Confine this process for good: the layers that hold and those that do not. For a freshly forked worker.

        A layer that cannot be had is recorded and the rest goes on: whether that is enough is the caller's to say.
        `ConfinementError` if the process has more than one thread, for most layers would then miss the others.
        """
        if (count := kernel.threads()) > 1:
            raise ConfinementError(f"{count} threads in a process about to be confined", "confine right after a fork")
        missing = list(self.missing)
        absent = {layer for layer, _ in missing}
        held = []
        for layer, put_on in self._steps(limits):
            if layer in absent:
                continue
            if why := _refusal(put_on):
                missing.append((layer, why))
            else:
                held.append(layer)
        return Isolation.of(held, missing)

    def _steps(self, limits: Limits) -> Iterator[tuple[str, Callable[[], None]]]:
        """In the order that works: /proc is read before it is closed, Landlock and seccomp need no_new_privs."""
        yield "rlimits", lambda: rlimits.apply(limits)
        yield "capabilities", privileges.drop_capabilities
        yield "dumpable", privileges.forbid_inspection
        yield "no_new_privs", privileges.forbid_new_privileges
        if (ruleset := self.ruleset) is not None:
            yield "landlock", lambda: landlock.restrict(ruleset)
        if (program := self.program) is not None:
            yield "seccomp", lambda: seccomp.install(program)


def _one_line(error: ConfinementError | OSError) -> str:
    if isinstance(error, ConfinementError):
        return ": ".join(part for part in (error.message.en, error.remedy.en) if part)
    return str(error)


def _refusal(put_on: Callable[[], None]) -> str:
    """Run one step: '' or the reason why it failed."""
    try:
        put_on()
    except (ConfinementError, OSError) as error:
        return _one_line(error)
    return ""


def prepare(readable: Sequence[Path] | None = None, *, forbidden: Sequence[Path] = ()) -> Prepared:
    """Do the costly work once: compile the filter, resolve the readable paths (default: Python and system libraries).

    `forbidden` are the content roots: a readable path that is one, lies in one or contains one is dropped.
    """
    kept, dropped = check(default_readable() if readable is None else readable, forbidden)
    if not kernel.supported():
        why = "not on this platform: use Linux on x86-64 or arm64"
        return Prepared(None, None, tuple((layer, why) for layer in REQUIRED), kept, dropped)
    missing: list[tuple[str, str]] = []
    program: bytes | None = None
    ruleset: int | None = None
    try:
        ruleset = landlock.create(kept)
    except (ConfinementError, OSError) as error:
        missing.append(("landlock", _one_line(error)))
    try:
        program = seccomp.compile_filter()
    except (ConfinementError, OSError) as error:
        missing.append(("seccomp", _one_line(error)))
    return Prepared(program, ruleset, tuple(missing), kept, dropped)
