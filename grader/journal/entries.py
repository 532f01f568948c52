"""What the journal is made of: attempts, notes, answers and disputes.

An entry has one plain form, JSON-able and checked by `read_entry`: so it waits in the inbox, so it stands in a table,
and so it is exported. Its id is drawn when it happens: the same entry met twice is still one.

Named tuples and not dataclasses: those take three times as long to be made, and a verdict waits for it.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, TypeAlias

from grader.verdict import Verdict, unpack

State = Literal["passed", "started"]
NoteKind = Literal["hint", "gave_up", "reset"]
AnswerOutcome = Literal["adequate", "partial", "inadequate"]
# the name of an exercise or a question, which becomes part of a file's name
_SUBJECT = re.compile(r"\w[\w.-]*")
_CONTROL = re.compile(r"[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Attempt(NamedTuple):
    """One submission with its time and its verdict. `packed` is the verdict as `grader.verdict.pack` wrote it."""

    id: str
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


class Note(NamedTuple):
    """Something else that happened at an exercise."""

    id: str
    time: datetime
    kind: NoteKind
    exercise: str


class Answer(NamedTuple):
    """An answer to a question, and what came of it. `grade` is the whole grade, packed by whoever graded it."""

    id: str
    time: datetime
    question: str
    language: str
    text: str
    score: float
    outcome: AnswerOutcome
    grade: dict[str, Any]


class Dispute(NamedTuple):
    """'Count this as covered': a candidate's word on one point of one answer, for the author to see."""

    id: str
    time: datetime
    question: str
    point: str
    answer: str  # the id of the answer


Entry: TypeAlias = Attempt | Note | Answer | Dispute
TABLES: dict[str, type[Entry]] = {"attempts": Attempt, "notes": Note, "answers": Answer, "disputes": Dispute}
_NAMES = {kind: name for name, kind in TABLES.items()}


def new_id() -> str:
    """A random UUID, without the module's import, which a verdict would wait for."""
    raw = bytearray(os.urandom(16))
    raw[6], raw[8] = raw[6] & 0x0F | 0x40, raw[8] & 0x3F | 0x80
    text = raw.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def now() -> datetime:
    return datetime.now(UTC)


def table_of(kind: type[Entry]) -> str:
    """Where entries of this kind stand."""
    return _NAMES[kind]


def plain(entry: Entry) -> dict[str, Any]:
    """As JSON-able values."""
    found = entry._asdict()
    found["time"] = entry.time.astimezone(UTC).isoformat(timespec="microseconds")
    return found


def read_entry(table: str, values: object) -> Entry:
    """The entry that `plain` wrote. ValueError, naming the key, for anything else."""
    kind = TABLES[table]
    if not isinstance(values, Mapping):
        raise ValueError("is no object")
    names = kind._fields
    if more := sorted(str(key) for key in values.keys() - set(names)):
        raise ValueError(f"{more[0]}: is not known")
    found = {}
    for name in names:
        if name not in values:
            raise ValueError(f"{name}: is missing")
        try:
            found[name] = _READERS[name](values[name])
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
            raise ValueError(f"{name}: is not what it should be") from None
    if kind is Note and found["kind"] not in ("hint", "gave_up", "reset"):
        raise ValueError("kind: is not known")
    return kind(**found)


def clean(text: str) -> str:
    """Without what a database cannot hold, NUL and half a character, and what a terminal would obey."""
    return _CONTROL.sub("\ufffd", text).encode("utf-8", "replace").decode("utf-8")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return clean(value)


def _name(value: object) -> str:
    if not _text(value):
        raise ValueError
    return _text(value)


def _subject(value: object) -> str:
    if not _SUBJECT.fullmatch(_text(value)):
        raise ValueError
    return _text(value)


def _id(value: object) -> str:
    if not _UUID.fullmatch(_text(value)):
        raise ValueError
    return _text(value)


def _time(value: object) -> datetime:
    found = datetime.fromisoformat(_text(value))
    if found.tzinfo is None:
        raise ValueError
    return found.astimezone(UTC)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError
    return float(value)


def _share(value: object) -> float:
    if not 0 <= _number(value) <= 1:
        raise ValueError
    return _number(value)


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError
    json.dumps(value, allow_nan=False)
    return value


def _packed(value: object) -> dict[str, Any]:
    found = _object(value)
    unpack(found)  # read once, so that nobody meets a verdict later that cannot be
    return found


_READERS: dict[str, Callable[[object], Any]] = {
    "id": _id,
    "time": _time,
    "exercise": _subject,
    "sha256": _text,
    "outcome": _name,
    "points": _number,
    "max_points": _number,
    "packed": _packed,
    "kind": _name,
    "question": _subject,
    "language": _name,
    "text": _text,
    "score": _share,
    "grade": _object,
    "point": _name,
    "answer": _id,
}
