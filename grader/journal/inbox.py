"""What has happened and is not in the database yet: one small file an entry.

A verdict must neither wait for a database nor depend on one, so this is all that `practice run` writes. A file comes
to be whole, under its last name, or not at all, and nobody waits for another. Who writes holds its unfinished file
locked: one that is not locked is of a process that was killed. Its name says what a look at the folder needs:

    0001795448112345678.attempt.self_attention.failed.0b6c…-….json
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from grader.journal.entries import Answer, Attempt, Dispute, Entry, Note, plain, read_entry, table_of

FORMAT = 1
SUFFIX = ".json"
UNREADABLE = ".unreadable"
_TRIES = 3


class Waiting(NamedTuple):
    """An entry's file, by its name. `kind` is attempt, answer, dispute, or that of a note."""

    stamp: str
    kind: str
    subject: str
    outcome: str
    id: str
    name: str

    @property
    def time(self) -> datetime:
        return datetime.fromtimestamp(int(self.stamp) / 1e9, UTC)


class Inbox:
    """The files in `folder`, which comes to be with the first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, entry: Entry) -> None:
        """Keep an entry, also through a loss of power. Raises OSError where that cannot be."""
        line = {"format": FORMAT, "table": table_of(type(entry)), "entry": plain(entry)}
        try:
            data = json.dumps(line, ensure_ascii=False, allow_nan=False)
        except (ValueError, TypeError) as error:
            raise OSError(errno.EINVAL, str(error)) from None
        path, temporary = self.folder / _name(entry), self.folder / f".{entry.id}.tmp"
        for number in range(_TRIES):
            try:
                _write(path, temporary, data.encode("utf-8", "replace"))
                return
            except FileNotFoundError:  # no folder yet; or taken for abandoned in the moment before it was locked
                if number == _TRIES - 1:
                    raise
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def waiting(self) -> list[Waiting]:
        """What waits, oldest first. No file is read."""
        try:
            names = os.listdir(self.folder)  # noqa: PTH208 - names are all that is needed
        except OSError:
            return []
        return sorted(found for name in names if (found := _parsed(name)))

    def read(self, waiting: Waiting) -> Entry | None:
        """The entry; None where the file is gone, or is none that this version understands."""
        try:
            return _entry((self.folder / waiting.name).read_bytes())
        except (OSError, ValueError, RecursionError):
            return None

    def entries(self) -> Iterator[tuple[Waiting, Entry]]:
        """What can be read of all that waits. What cannot, and was not written by a later version, is put aside."""
        for waiting in self.waiting():
            path = self.folder / waiting.name
            try:
                entry = _entry(path.read_bytes())
            except FileNotFoundError:
                continue
            except (ValueError, RecursionError):
                with contextlib.suppress(OSError):
                    path.rename(path.with_name(path.name + UNREADABLE))
                continue
            if entry is not None:
                yield waiting, entry

    def remove(self, done: Iterable[Waiting]) -> None:
        """Forget what is in the database, and what was never finished."""
        for waiting in done:
            (self.folder / waiting.name).unlink(missing_ok=True)
        for path in self.folder.glob(".*.tmp"):
            with contextlib.suppress(OSError), path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()


def _write(path: Path, temporary: Path, data: bytes) -> None:
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            with contextlib.suppress(OSError):  # a file system without locks: there nobody else can lock it either
                fcntl.flock(file, fcntl.LOCK_EX)
            rest = memoryview(data)
            while rest:
                rest = rest[file.write(rest) :]
            os.fsync(file.fileno())
            os.rename(temporary, path)  # noqa: PTH104 - pathlib's is slower by a stat
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _name(entry: Entry) -> str:
    match entry:
        case Attempt():
            what = f"attempt.{entry.exercise}.{entry.outcome}"
        case Note():
            what = f"{entry.kind}.{entry.exercise}."
        case Answer():
            what = f"answer.{entry.question}.{entry.outcome}"
        case Dispute():
            what = f"dispute.{entry.question}."
    return f"{round(entry.time.timestamp() * 1e6) * 1000:019d}.{what}.{entry.id}{SUFFIX}"


def _parsed(name: str) -> Waiting | None:
    parts = name.removesuffix(SUFFIX).split(".")
    if not name.endswith(SUFFIX) or len(parts) < 5 or not (parts[0].isascii() and parts[0].isdigit()):
        return None
    stamp, kind, *subject, outcome, id = parts
    return Waiting(stamp, kind, ".".join(subject), outcome, id, name)


def _entry(data: bytes) -> Entry | None:
    """None for a later version's. ValueError for what is none."""
    found: Any = json.loads(data)
    if not isinstance(found, dict) or not isinstance(found.get("format"), int):
        raise ValueError
    if found["format"] > FORMAT:
        return None
    if found.get("table") not in ("attempts", "notes", "answers", "disputes"):
        raise ValueError
    return read_entry(found["table"], found.get("entry"))
