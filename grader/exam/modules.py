"""Loads an exercise's own Python files, each under a name of its own, so that two `checks.py` live in one process.

Compiled code is kept by the file's bytes: a daemon pays for compiling once, and sees an author's edit at the next run.
"""

from __future__ import annotations

import hashlib
import linecache
import sys
from pathlib import Path
from types import CodeType, ModuleType

from grader.errors import ContentError, Text

_compiled: dict[tuple[str, bytes], CodeType] = {}


def compiled(path: Path) -> CodeType:
    """The file's code. Raises ContentError with file and line when it does not compile."""
    try:
        source = path.read_bytes()
    except OSError as error:
        raise ContentError(f"{path}: {error.strerror or error}", "restore the file") from error
    key = (str(path), hashlib.sha256(source).digest())
    if key not in _compiled:
        try:
            _compiled[key] = compile(source, str(path), "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None) or 1
            raise ContentError(f"{path}:{line}: {error}", "correct the file") from error
    return _compiled[key]


def load(path: Path, exercise_id: str) -> ModuleType:
    """A fresh module of this file. Raises ContentError when it does not run."""
    name = f"practice_content.{exercise_id}.{path.stem}"
    module = ModuleType(name)
    module.__file__ = str(path)
    code = compiled(path)
    linecache.checkcache(str(path))
    sys.modules[name] = module
    try:
        exec(code, module.__dict__)
    except Exception as error:
        line = _line_of(error, str(path))
        message = f"{path}:{line}: {type(error).__name__}: {error}"
        raise ContentError(Text.same(message), "correct the file") from error
    return module


def _line_of(error: BaseException, filename: str) -> int:
    line, trace = 1, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == filename:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
