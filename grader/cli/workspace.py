"""Where a candidate works: `attempts/ID.py`, and the backups below `attempts/backup`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from grader.content.place import shown
from grader.errors import Text, UsageError

ATTEMPTS = "attempts"


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folder that holds `attempts`. An attempt is never overwritten but by `reset`, which keeps it."""

    root: Path

    @classmethod
    def find(cls) -> Workspace:
        """The nearest of the working directory and its parents that has attempts; else the working directory."""
        here = _working_directory()
        for folder in (here, *here.parents):
            if (folder / ATTEMPTS).is_dir():
                return cls(folder)
        return cls(here)

    @property
    def attempts(self) -> Path:
        return self.root / ATTEMPTS

    @property
    def exists(self) -> bool:
        """Whether anything was handed out here."""
        return self.attempts.is_dir()

    def attempt(self, id: str) -> Path:
        """The file that a candidate edits."""
        return self.attempts / f"{id}.py"

    def started(self, id: str) -> bool:
        return os.path.lexists(self.attempt(id))  # a link that leads nowhere is the candidate's, too

    def hand_out(self, id: str, stub: bytes) -> Path:
        """Write the stub where nothing is yet."""
        path = self.attempt(id)
        with _writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_new(path, stub)
        return path

    def reset(self, id: str, stub: bytes) -> Path | None:
        """Put the stub back. Where the attempt was kept; None when it was the stub."""
        path = self.attempt(id)
        with _writing(path):
            old = path.read_bytes()
            if old == stub:
                return None
            backup = self._keep(id, old)
            temporary = path.with_name(f".{path.name}.{os.getpid()}")
            try:
                _write_new(temporary, stub)
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
        return backup

    def _keep(self, id: str, old: bytes) -> Path:
        folder = self.attempts / "backup"
        folder.mkdir(exist_ok=True)
        stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
        for number in range(1, 1000):
            more = "" if number == 1 else f"-{number}"
            backup = folder / f"{id}-{stamp}{more}.py"
            try:
                _write_new(backup, old)
            except FileExistsError:
                continue
            return backup
        raise FileExistsError(17, "too many backups of one second", str(folder))


def _write_new(path: Path, data: bytes) -> None:
    """Write a file that must not be there yet, whole or not at all."""
    with path.open("xb") as file:
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            path.unlink(missing_ok=True)
            raise


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """A file that cannot be written is for the user to mend, not for us."""
    try:
        yield
    except OSError as error:
        why = error.strerror or type(error).__name__
        where = shown(Path(str(error.filename))) if error.filename else shown(path)
        raise UsageError(
            Text(f"{where} cannot be written: {why}", f"无法写入 {where}：{why}"),
            Text("your attempts are as they were", "你的作答没有变化"),
        ) from None


def _working_directory() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise UsageError(
            Text("the folder that you are in was removed", "当前所在的文件夹已被删除"),
            Text("change to another one", "请切换到别的文件夹"),
        ) from None
