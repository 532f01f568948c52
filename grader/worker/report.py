"""A candidate's exception as plain text: what it was, what it said, and where in the candidate's own file.

Only names and text leave the worker. An exception object never does: pytest's Skipped, SystemExit,
KeyboardInterrupt and Hypothesis's own would otherwise steer the examiner.
"""

from __future__ import annotations

import builtins
from types import TracebackType
from typing import Any, TypeGuard

MESSAGE_LIMIT = 2000
FRAME_LIMIT = 5


class BannedOperation(RuntimeError):
    """The submission called what the exercise forbids. `name` is the forbidden operation."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is not allowed in this exercise")
        self.name = name


def describe_exception(error: BaseException, filename: str, source: list[str]) -> dict[str, Any]:
    """Plain values that tell of `error`; never raises, whatever the exception's own methods do."""
    banned = _find_banned(error)
    return {
        "type": _text(lambda: type(error).__name__),
        "kinds": [kind.__name__ for kind in type.mro(type(error)) if _is_builtin(kind)],
        "message": _text(lambda: str(error.msg if _is_in_file(error, filename) else error)),
        "syntax": _is_in_file(error, filename),
        "frames": _frames(error, filename, source),
        "banned": banned.name if banned else "",
        "missing_module": error.name or "" if type(error) is ModuleNotFoundError else "",
    }


def _is_builtin(kind: type) -> bool:
    return getattr(builtins, kind.__name__, None) is kind and issubclass(kind, BaseException)


def _text(make: Any) -> str:
    try:
        text = make()
        return text[:MESSAGE_LIMIT] if type(text) is str else ""
    except BaseException:  # noqa: BLE001 - a candidate's __str__ may do anything
        return ""


def _find_banned(error: BaseException | None) -> BannedOperation | None:
    """The ban behind `error`, also where torch wrapped it."""
    for _ in range(8):
        if error is None:
            return None
        if type(error) is BannedOperation:
            return error
        error = error.__cause__ or error.__context__
    return None


def _frames(error: BaseException, filename: str, source: list[str]) -> list[tuple[int, str, str]]:
    """(line, function, source line) of the candidate's own frames, outermost first, the last few."""
    if _is_in_file(error, filename):
        line = error.lineno or 1
        return [(line, "", _line(source, line))]
    found: list[tuple[int, str, str]] = []
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename == filename:
            found.append((trace.tb_lineno, code.co_name, _line(source, trace.tb_lineno)))
            found = found[-FRAME_LIMIT:]
        trace = trace.tb_next
    return found


def _is_in_file(error: BaseException, filename: str) -> TypeGuard[SyntaxError]:
    """Whether the file itself could not be parsed, which it says by line."""
    return isinstance(error, SyntaxError) and error.filename == filename and bool(error.lineno)


def _line(source: list[str], number: int) -> str:
    return source[number - 1].strip()[:200] if 0 < number <= len(source) else ""
