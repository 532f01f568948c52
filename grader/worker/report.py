"""A candidate's exception as plain text: what it was, what it said, and where in the candidate's own file.

Only names and text leave the worker. An exception object never does: pytest's Skipped, SystemExit, KeyboardInterrupt
and Hypothesis's own would otherwise steer the examiner. An exception's own code runs in one place only, its `__str__`:
all else is read past what a class or a metaclass may have put in its place.
"""

from __future__ import annotations

import builtins
import re
from types import CodeType, FrameType, TracebackType
from typing import Any

MESSAGE_LIMIT = 2000
FRAME_LIMIT = 5
CHAIN_LIMIT = 8

_name = type.__dict__["__name__"].__get__
_traceback = BaseException.__dict__["__traceback__"].__get__
_cause = BaseException.__dict__["__cause__"].__get__
_context = BaseException.__dict__["__context__"].__get__
_filename, _lineno = SyntaxError.__dict__["filename"].__get__, SyntaxError.__dict__["lineno"].__get__
_missing = ImportError.__dict__["name"].__get__


class BannedOperation(RuntimeError):
    """The submission called what the exercise forbids. `name` is the forbidden operation."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is not allowed in this exercise")
        self.name = name


_BAN = re.compile(r"BannedOperation: ([\w.]+) is not allowed in this exercise")


def describe_exception(error: BaseException, filename: str, source: list[str]) -> dict[str, Any]:
    """Plain values that tell of `error`; never raises, whatever the exception's own methods do."""
    kind = type(error)
    said = _said(error)
    missing = _missing(error) if kind is ModuleNotFoundError else ""
    return {
        "type": _cut(_name(kind)),
        "kinds": [_name(one) for one in type.mro(kind) if _is_builtin(one)],
        "message": said,
        "frames": _frames(error, filename, source),
        "banned": _banned(error, said),
        "missing_module": _cut(missing),
    }


def _is_builtin(kind: type) -> bool:
    return vars(builtins).get(_name(kind)) is kind and type.__subclasscheck__(BaseException, kind)


def _said(error: BaseException) -> str:
    try:
        return _cut(str(error))
    except BaseException:  # noqa: BLE001 - a candidate's __str__ may do anything
        return ""


def _cut(text: object) -> str:
    return text[:MESSAGE_LIMIT] if type(text) is str else ""


def _banned(error: BaseException | None, said: str) -> str:
    """The name of the ban behind `error`, also where torch has wrapped it, or kept no more than its text."""
    for _ in range(CHAIN_LIMIT):
        if error is None:
            break
        if type(error) is BannedOperation:
            return error.name
        error = _cause(error) or _context(error)
    found = _BAN.search(said)
    return found[1] if found else ""


def _frames(error: BaseException, filename: str, source: list[str]) -> list[tuple[int, str, str]]:
    """(line, function, source line) of the candidate's own frames, outermost first, the last few."""
    if type.__subclasscheck__(SyntaxError, type(error)) and _filename(error) == filename:
        line = _lineno(error)
        if type(line) is int:
            return [(line, "", _line(source, line))]
    found: list[tuple[int, str, str]] = []
    trace: TracebackType | None = _traceback(error)
    while trace is not None:
        frame: FrameType = trace.tb_frame
        code: CodeType = frame.f_code
        if code.co_filename == filename:
            found.append((trace.tb_lineno, code.co_name, _line(source, trace.tb_lineno)))
            found = found[-FRAME_LIMIT:]
        trace = trace.tb_next
    return found


def _line(source: list[str], number: int) -> str:
    return source[number - 1].strip()[:200] if 0 < number <= len(source) else ""
