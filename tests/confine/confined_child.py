"""Runs a function in a forked child, where confinement may be put on for good, and brings back what became of it."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from grader.confine import kernel

NOBODY = 65534


@dataclass(frozen=True)
class Fate:
    """What became of a child: its answer, or its error, or neither and only the way it ended."""

    answer: Any = None
    error: str = ""
    errno: int | None = None
    told: str = ""
    ended: int = 0

    @property
    def succeeded(self) -> bool:
        return not self.error and self.ended == 0

    def value(self) -> Any:
        """The answer, or a failure of the test that shows what happened in the child."""
        assert self.succeeded, self
        return self.answer


def become_ordinary() -> None:
    """Stop being root, if that is who runs the tests."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        kernel.prctl(kernel.PR_SET_DUMPABLE, 1)  # as after a login: the change of user has cleared it


def _told(work: Callable[[], Any]) -> bytes:
    try:
        return json.dumps({"answer": work()}).encode()
    except BaseException as error:  # noqa: BLE001 - every end of the child is a result
        said = {"error": type(error).__name__, "errno": getattr(error, "errno", None), "told": traceback.format_exc()}
        return json.dumps(said).encode()


def in_child(work: Callable[[], Any]) -> Fate:
    """Fork, run `work`, and wait for the end. An exec in the child shows as no answer and the program's status."""
    reading, writing = os.pipe()
    gc.disable()  # a collection in the child would run finalizers of objects that are its parent's
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            os.write(writing, _told(work))
            os._exit(0)
        finally:
            os._exit(70)  # no room even to tell: never go on as a second pytest
    gc.enable()
    os.close(writing)
    with open(reading, "rb") as file:  # noqa: PTH123 - a descriptor, not a path
        said = file.read()
    _, status = os.waitpid(child, 0)
    return Fate(**(json.loads(said) if said else {}), ended=os.waitstatus_to_exitcode(status))


@contextlib.contextmanager
def victim(*, ordinary: bool = False) -> Iterator[int]:
    """A process outside of every confinement, for others to attack: its id."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            if ordinary:
                become_ordinary()
            kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)  # after the change of user, which clears it
            os.close(writing)
            while True:
                signal.pause()
        finally:
            os._exit(70)
    os.close(writing)
    os.read(reading, 1)  # the end of the pipe: it is who it shall be
    os.close(reading)
    try:
        yield child
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
