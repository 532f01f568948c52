"""What `practice run` needs of the database, in small files beside it, so that it need not be opened.

`standing.json` says how every exercise stands, `last/ID.json` holds the last attempt at one. Both are derived: whoever
has moved entries into the database writes them again, and only then forgets the entries' files. Who reads looks into
the inbox first: then an entry is seen there, or here, or in both places, and `drained` tells that it is one.
"""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from grader.journal.entries import Attempt, plain, read_entry

FORMAT = 1


class Standing(NamedTuple):
    """One exercise: whether it was ever passed, when it was tried last, and the hints given since."""

    passed: bool
    time: datetime | None
    hints: int = 0


class Snapshot(NamedTuple):
    """How the exercises stand, and which entries that have yet to leave the inbox are counted in."""

    exercises: dict[str, Standing]
    drained: frozenset[str]


_NOTHING = Snapshot({}, frozenset())


class Snapshots:
    """The derived files below `folder`."""

    def __init__(self, folder: Path) -> None:
        self._standing = folder / "standing.json"
        self._last = folder / "last"

    @property
    def exists(self) -> bool:
        return self._standing.exists()

    def read(self) -> Snapshot:
        """Empty where there is none, or none that this version understands."""
        try:
            found = json.loads(self._standing.read_bytes())
            if found["format"] != FORMAT:
                return _NOTHING
            return Snapshot(
                {
                    id: Standing(bool(passed), _time(time), int(hints))
                    for id, (passed, time, hints) in found["exercises"].items()
                },
                frozenset(found["drained"]),
            )
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return _NOTHING

    def write(self, snapshot: Snapshot) -> None:
        """Whole or not at all. Raises OSError where it cannot be."""
        exercises = {
            id: [one.passed, one.time.isoformat() if one.time else None, one.hints]
            for id, one in snapshot.exercises.items()
        }
        _replace(self._standing, {"format": FORMAT, "drained": sorted(snapshot.drained), "exercises": exercises})

    def last(self, exercise: str) -> Attempt | None:
        """The last attempt that is in the database."""
        try:
            found = read_entry("attempts", json.loads((self._last / f"{exercise}.json").read_bytes()))
        except (OSError, ValueError, RecursionError):
            return None
        return found if isinstance(found, Attempt) else None

    def write_last(self, attempt: Attempt) -> None:
        """Raises OSError where it cannot be."""
        _replace(self._last / f"{attempt.exercise}.json", plain(attempt))


def _time(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value).astimezone(UTC) if value else None


def _replace(path: Path, content: dict[str, Any]) -> None:
    # One name for all, who hold the journal's lock: what a killed one leaves, the next writes over.
    temporary = path.with_name(f".{path.name}.new")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        temporary.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8", errors="replace")
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise
