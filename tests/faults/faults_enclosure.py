"""A place of its own for some commands, as they would find it on a machine in trouble: mounts that only they see."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

# Says so once everything is mounted, then holds the place until its input ends.
HOLD = "set -e; {mounts}; echo ready; read -r line || :"


class Enclosure:
    """A mount namespace. `inside(path)` is a file of it as it is seen from here."""

    def __init__(self, holder: int) -> None:
        self.holder = holder

    def wrapped(self, command: Sequence[str], folder: Path) -> list[str]:
        """The command, to be run inside, in this folder as it is there."""
        enter = ["nsenter", "--target", str(self.holder), "--mount"]
        if os.getuid():
            enter += ["--user", "--preserve-credentials"]
        return [*enter, "sh", "-c", 'cd "$0" && exec "$@"', str(folder), *command]

    def inside(self, path: Path) -> Path:
        return Path(f"/proc/{self.holder}/root{path}")


@contextmanager
def enclosure(*mounts: str) -> Iterator[Enclosure]:
    """With these commands of a shell having mounted something. Skips the test where nobody may mount."""
    if not shutil.which("unshare") or not shutil.which("nsenter"):
        pytest.skip("takes the programs unshare and nsenter")
    unshare = ["unshare", "--mount", *(["--map-root-user"] if os.getuid() else [])]
    if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no mount namespace may be made here")
    script = HOLD.format(mounts="; ".join(mounts))
    holder = subprocess.Popen(
        [*unshare, "sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        if holder.stdout.readline() != "ready\n":
            _, why = holder.communicate(timeout=60)
            pytest.skip(f"cannot be mounted here: {why.strip()}")
        yield Enclosure(holder.pid)
    finally:
        holder.communicate(timeout=60)


def small_disk(folder: Path, size: str = "64k") -> str:
    """The command that mounts one."""
    return f"mount -t tmpfs -o size={size} none '{folder}'"


def filled(folder: Path) -> Path:
    """Write until nothing fits any more; the file that takes the room."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            return ballast
    raise AssertionError("a disk without an end")


def open_to_all(folder: Path, aside: Path) -> list[str]:
    """The commands that let every user come to a folder, which may lie in somebody's home."""
    closed = [each for each in reversed(folder.parents) if not each.stat().st_mode & 0o001]
    if not closed:
        return ["true"]
    return [
        f"mkdir -p '{aside}'",
        f"mount --bind '{folder}' '{aside}'",
        f"mount -t tmpfs -o mode=755 none '{closed[0]}'",
        f"mkdir -p '{folder}'",
        f"mount --bind '{aside}' '{folder}'",
    ]
