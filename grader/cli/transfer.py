"""`practice journal`: the journal as a file, to keep or to take to another machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from grader.cli.common import Invocation
from grader.content.place import shown
from grader.errors import Text, UsageError

STREAM = Path("-")


def export_to(invocation: Invocation, file: Path) -> int:
    """Write all of it, or nothing."""
    text = invocation.journal.export()
    if file == STREAM:
        invocation.out.write(text)
        return 0
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(file)
    except (OSError, ValueError) as error:
        temporary.unlink(missing_ok=True)
        raise _unusable(file, error) from None
    invocation.out.line(Text(f"The journal is in {shown(file)}.", f"日志已写入 {shown(file)}。"))
    return 0


def import_from(invocation: Invocation, file: Path) -> int:
    """Take in what is new, all of it or nothing."""
    try:
        data = sys.stdin.buffer.read() if file == STREAM else file.read_bytes()
        text = data.decode("utf-8")
    except (OSError, ValueError) as error:
        raise _unusable(file, error) from None
    new, count = invocation.journal.import_(text, shown(file) if file != STREAM else "stdin")
    known = count - new
    invocation.out.line(Text(f"{new} new, {known} there already.", f"新增 {new} 条，已有 {known} 条。"))
    return 0


def _unusable(file: Path, error: Exception) -> UsageError:
    if isinstance(error, UnicodeDecodeError):
        return UsageError(Text(f"{shown(file)} is not text", f"{shown(file)} 不是文本"))
    why = (error.strerror if isinstance(error, OSError) else "") or str(error)
    return UsageError(Text(f"{shown(file)}: {why}", f"{shown(file)}：{why}"))
