"""A host's clients, the examiners that work for them, and what comes of one that ends without a verdict."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from grader.daemon.grading import error_event
from grader.daemon.protocol import Event
from grader.daemon.record import Record
from grader.errors import TRY_AGAIN, GraderFault, PracticeError, Text

if TYPE_CHECKING:
    from grader.content import Exercise

# An examiner's checks have limits of their own, of processor time and of waiting for a worker, which end it before this
# does: whoever comes here has waited for something else, a processor most likely.
EXAMINER_SECONDS = 20 * 60.0


@dataclass(slots=True)
class Client:
    """One connection, what has come over it so far, and the examiner that works for it."""

    sock: socket.socket
    buffer: bytearray = field(default_factory=bytearray)
    examiner: int = 0
    processor: int | None = None  # where the examiner works
    waiting: Event | None = None
    exercise: Exercise | None = None
    filename: str = ""
    record: Record | None = None
    began: float = 0.0
    overdue: bool = False


def until_overdue(clients: Iterable[Client]) -> float | None:
    """Seconds until the first of their examiners has taken too long; None where none works."""
    begun = [client.began for client in clients if not client.overdue]
    return max(0.0, min(begun) + EXAMINER_SECONDS - time.monotonic()) if begun else None


def overdue(examiners: Mapping[int, Client]) -> list[int]:
    """The examiners that have taken too long since this was last asked."""
    now = time.monotonic()
    found = [pid for pid, client in examiners.items() if client.began + EXAMINER_SECONDS <= now and not client.overdue]
    for pid in found:
        examiners[pid].overdue = True
    return found


def after_death(client: Client, code: int) -> Event:
    """What comes of an examiner that died: whose fault it was."""
    from grader.exam.patience import used_up
    from grader.verdict import pack

    if client.exercise is not None and client.record is not None and used_up(code):
        seconds = time.monotonic() - client.began
        with contextlib.suppress(PracticeError, ValueError):
            verdict = client.record.verdict(client.exercise, client.filename, seconds)
            if verdict is not None:
                return {"event": "verdict", "verdict": pack(verdict)}
    if client.overdue:
        minutes = f"{EXAMINER_SECONDS / 60:g}"
        words = Text(f"There was no verdict within {minutes} minutes.", f"{minutes} 分钟内没有得出结果。")
        return error_event(GraderFault(words, TRY_AGAIN))
    how = f"signal {-code}" if code < 0 else f"status {code}"
    died = Text(f"The examiner died ({how}).", f"评分进程意外结束（{how}）。")
    return error_event(GraderFault(died, TRY_AGAIN))
