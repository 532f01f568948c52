"""A first light journal: JSON lines beside the attempts, only ever appended to.

One line is one object with `time`, `kind` and `exercise`; an attempt carries its verdict in both languages. A line that
is torn (a full disk, a killed process) or was written by a later version is passed over: nothing that stands in this
file may keep anyone from a verdict.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from grader.verdict import Verdict, pack, unpack

State = Literal["passed", "started"]
Note = Literal["hint", "gave_up", "reset"]
LOCK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Attempt:
    """One submission with its time and its verdict. `packed` is the verdict as `grader.verdict.pack` wrote it."""

    time: datetime
    exercise: str
    sha256: str
    outcome: str
    points: float
    max_points: float
    packed: dict[str, Any]

    @property
    def verdict(self) -> Verdict:
        return unpack(self.packed)


class Journal:
    """The journal in `file`, which comes to be with the first line."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def record(self, verdict: Verdict, source: str) -> None:
        """Append an attempt. Raises OSError where it cannot be written."""
        self._append(
            "attempt",
            verdict.exercise,
            {
                "sha256": digest(source),
                "outcome": verdict.outcome,
                "points": verdict.points,
                "max_points": verdict.max_points,
                "verdict": pack(verdict),
            },
        )

    def note(self, kind: Note, exercise: str) -> None:
        """Append that something else happened. Raises OSError where it cannot be written."""
        self._append(kind, exercise, {})

    def attempts(self, exercise: str | None = None) -> list[Attempt]:
        """The attempts at one exercise, or at all, oldest first."""
        lines = self._lines()
        return [found for line in lines if exercise in (None, line["exercise"]) and (found := _attempt(line))]

    def last(self, exercise: str | None = None) -> Attempt | None:
        """The latest attempt."""
        return next(iter(self.attempts(exercise)[-1:]), None)

    def state(self) -> dict[str, State]:
        """Every exercise that was tried: passed once is passed."""
        found: dict[str, State] = {}
        for attempt in self.attempts():
            if attempt.outcome == "passed":
                found[attempt.exercise] = "passed"
            else:
                found.setdefault(attempt.exercise, "started")
        return found

    def notes_since_last(self, kind: Note, exercise: str) -> int:
        """How often something was noted since the latest attempt at this exercise."""
        count = 0
        for line in self._lines():
            if line["exercise"] == exercise:
                count = 0 if line["kind"] == "attempt" else count + (line["kind"] == kind)
        return count

    def noted(self, kind: Note, exercise: str) -> list[datetime]:
        """When something was noted."""
        return [_time(line) for line in self._lines() if (line["kind"], line["exercise"]) == (kind, exercise)]

    def _lines(self) -> Iterator[dict[str, Any]]:
        try:
            data = self.file.read_bytes()
        except OSError:
            return
        for raw in data.splitlines():
            try:
                line = json.loads(raw)
                _time(line)
            except (ValueError, TypeError, KeyError):
                continue
            if isinstance(line.get("kind"), str) and isinstance(line.get("exercise"), str):
                yield line

    def _append(self, kind: str, exercise: str, more: dict[str, Any]) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = {"time": now, "kind": kind, "exercise": exercise, **more}
        data = json.dumps(line, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        self.file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            _lock(descriptor)
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                data = b"\n" + data  # the last line is torn: this one must not become part of it
            while data:
                data = data[os.write(descriptor, data) :]
        finally:
            os.close(descriptor)


def digest(source: str) -> str:
    """What tells two submissions apart."""
    import hashlib

    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()


def _lock(descriptor: int) -> None:
    """Alone in the file, or an OSError after a moment: a verdict does not wait for a journal."""
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _time(line: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(line["time"]).astimezone()


def _attempt(line: dict[str, Any]) -> Attempt | None:
    """None for a line of another kind, or one that this version does not understand."""
    if line["kind"] != "attempt":
        return None
    try:
        attempt = Attempt(
            time=_time(line),
            exercise=line["exercise"],
            sha256=line["sha256"],
            outcome=line["outcome"],
            points=line["points"],
            max_points=line["max_points"],
            packed=line["verdict"],
        )
        attempt.verdict  # noqa: B018 - read once, so that a caller never meets a verdict that cannot be
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return attempt
