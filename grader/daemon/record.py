"""What an examiner has found so far, where its host can read it once the examiner is dead.

An examiner that computes on and on with what a submission gave back is ended by the kernel, with no word to anybody.
That is the submission's failure and no fault of the grader's: what was found before stands.
"""

from __future__ import annotations

import json
import mmap
from typing import TYPE_CHECKING

from grader.daemon.protocol import Event
from grader.errors import Text

if TYPE_CHECKING:
    from grader.content import Exercise
    from grader.verdict import Verdict

ROOM = 16 << 20  # of address space: the results of a verdict, as long as they may be
_ENDED = Text(
    "What came back takes too long to look at: the grader was ended while it looked.",
    "返回的东西看起来太费时：评分程序在查看时被终止了。",
)


class Record:
    """Memory that a process shares with its forks; one writes, the other reads afterwards."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, ROOM)

    def keep(self, event: Event) -> None:
        line = json.dumps(event, ensure_ascii=True).encode() + b"\n"
        if self._memory.tell() + len(line) < ROOM:
            self._memory.write(line)

    def close(self) -> None:
        self._memory.close()

    def _events(self) -> list[Event]:
        written = self._memory[: self._memory.rfind(b"\n", 0) + 1]
        return [json.loads(line) for line in written.splitlines()]

    def verdict(self, exercise: Exercise, filename: str, seconds: float) -> Verdict | None:
        """Of the examiner that was ended in the middle: the check that it was at has failed, later ones have not run.
        None where it had not begun. Raises ContentError when checks.py does not load.
        """
        from dataclasses import replace

        from grader.content import version
        from grader.exam.examine import not_run
        from grader.verdict import Verdict, unpack_check

        checks = {check.id: check for check in not_run(exercise)}
        isolation, at = None, ""
        for event in self._events():
            if event["event"] == "isolation":
                isolation = event
            elif event["event"] == "started":
                at = event["id"]
            else:
                found = unpack_check(event["result"])
                checks[found.id], at = found, ""
        if isolation is None:
            return None
        if at in checks:
            checks[at] = replace(checks[at], outcome="failed", message=_ENDED)
        return Verdict(
            exercise=exercise.id,
            submission=filename,
            checks=tuple(checks.values()),
            diagnosis=(),
            isolation=isolation["level"],
            layers=tuple(isolation["layers"]),
            content_version=version(exercise),
            seconds=seconds,
        )
