"""Loads an exercise's own Python files, each under a name of its own, so that two `checks.py` live in one process.

Modules are kept by the file's bytes: a daemon loads them once, its forks inherit them, and an author's edit is seen at
the next run.
"""

from __future__ import annotations

import hashlib
import linecache
import sys
from pathlib import Path
from types import ModuleType

from grader.errors import ContentError, Text

_loaded: dict[tuple[str, bytes], ModuleType] = {}


def load(path: Path, exercise_id: str) -> ModuleType:
    """The module of this file as it stands on disk. Raises ContentError, with file and line, when it does not
    compile or run.
    """
    try:
        source = path.read_bytes()
    except OSError as error:
        raise ContentError(f"{path}: {error.strerror or error}", "restore the file") from error
    key = (str(path), hashlib.sha256(source).digest())
    if key not in _loaded:
        _loaded[key] = _run(path, source, f"practice_content.{exercise_id}.{path.stem}")
    return _loaded[key]


def _run(path: Path, source: bytes, name: str) -> ModuleType:
    module = ModuleType(name)
    module.__file__ = str(path)
    linecache.checkcache(str(path))
    sys.modules[name] = module
    try:
        exec(compile(source, str(path), "exec", dont_inherit=True), module.__dict__)
    except Exception as error:
        line = error.lineno if isinstance(error, SyntaxError) and error.lineno else _line_of(error, str(path))
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
