"""What a worker may read: Python, its packages, the system's libraries.

Never derived from sys.path: an editable install puts a repository there, hidden content and all.
"""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

_SYSTEM = (
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/local/lib64",
    "/etc/ld.so.cache", "/etc/localtime", "/usr/share/zoneinfo", "/usr/share/locale",
)  # fmt: skip


def _candidates() -> Iterator[str]:
    for name in ("stdlib", "platstdlib", "purelib", "platlib"):
        yield sysconfig.get_path(name)
    for prefix in (sys.base_prefix, sys.base_exec_prefix):
        yield str(Path(prefix, "lib", f"python{sys.version_info.major}.{sys.version_info.minor}"))
        # Conda and the like keep their shared libraries here
        yield str(Path(prefix, "lib"))
    if site.ENABLE_USER_SITE:
        yield site.getusersitepackages()
    yield from _SYSTEM


def default_readable() -> tuple[Path, ...]:
    """The interpreter's own trees and the system's shared libraries, those that are there."""
    return tuple(Path(name) for name in dict.fromkeys(_candidates()) if os.path.exists(name))  # noqa: PTH110 - strings


def _overlap(path: Path, forbidden: Iterable[Path]) -> str:
    """Why `path` may not be readable, or ''. Both sides are resolved."""
    for root in forbidden:
        if path == root or path.is_relative_to(root):
            return f"inside the content root {root}"
        if root.is_relative_to(path):
            return f"contains the content root {root}"
    return ""


def check(readable: Sequence[Path], forbidden: Sequence[Path]) -> tuple[tuple[Path, ...], tuple[tuple[Path, str], ...]]:
    """Split `readable` into resolved paths that are clear of every forbidden root, and those that are not, with why."""
    roots = [root.resolve() for root in forbidden]
    kept: dict[Path, None] = {}
    dropped: dict[Path, str] = {}
    for path in readable:
        resolved = path.resolve()
        if why := _overlap(resolved, roots):
            dropped[resolved] = why
        else:
            kept[resolved] = None
    return tuple(kept), tuple(dropped.items())
