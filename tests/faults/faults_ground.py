"""A user's machine of the tests' own, submissions that behave in every way, and what must hold after a fault."""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "daemon"))  # pytest adds it only when those tests are collected too

from daemon_world import PRACTICE, World, command_of
from faults_enclosure import Enclosure, enclosure

from grader.journal import Home, Journal
from grader.journal.entries import Attempt, read_entry

PATIENCE = 60.0
PR_SET_CHILD_SUBREAPER = 36
Verdict = dict[str, Any]

RIGHT = """\
def scale(x, *, factor):
    return x * factor
"""
WRONG = """\
def scale(x, *, factor):
    return x / factor
"""
# A second of its life, and then right.
SLEEPS = """\
import time

slept = []

def scale(x, *, factor):
    if not slept:
        slept.append(time.sleep(0.7))
    return x * factor
"""
FLOODS = """\
import torch

def scale(x, *, factor):
    print("x" * 100_000)
    return torch.zeros(4_000_000)
"""
CRASHES = """\
import os

def scale(x, *, factor):
    os.abort()
"""
SUBMISSIONS = {"right": RIGHT, "wrong": WRONG, "sleeps": SLEEPS, "floods": FLOODS, "crashes": CRASHES}


class Broken(AssertionError):
    """An invariant does not hold."""


class Ground(World):
    """One user's machine, with a home and a folder for temporary files of its own, and one exercise, `double`.

    To be closed: its runtime directory lies elsewhere, since the path of a socket may have a hundred characters.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.home, self.temporary = root / "home", root / "tmp"
        self.runtime.rmdir()
        self.runtime = Path(tempfile.mkdtemp(prefix="practice-faults-", dir="/tmp"))
        for folder in (self.home, self.temporary):
            folder.mkdir()
        for name in ("XDG_DATA_HOME", "XDG_RUNTIME_DIR", "PRACTICE_DATABASE_URL", "PRACTICE_LANG"):
            self.environment.pop(name, None)
        self.environment |= {"HOME": str(self.home), "TMPDIR": str(self.temporary)}
        self.environment["PRACTICE_RUNTIME_DIR"] = str(self.runtime)
        self.place: Enclosure | None = None
        self.before: list[str] = []  # a program that starts each command
        self.write(RIGHT)

    def close(self) -> None:
        """Its daemon stopped, its runtime directory gone."""
        self.practice_daemon("stop")
        shutil.rmtree(self.runtime)

    @contextmanager
    def within(self, *mounts: str) -> Iterator[None]:
        """Every command runs where these have mounted something, and so does a daemon, which ends there."""
        with enclosure(*mounts) as self.place:
            try:
                yield
            finally:
                self.practice_daemon("stop")
                self.place = None

    def command(self, *words: str) -> list[str]:
        """As `World`; inside of the enclosure, where there is one."""
        return self.placed(super().command(*words))

    def placed(self, command: list[str]) -> list[str]:
        command = [*self.before, *command]
        return self.place.wrapped(command, self.workspace) if self.place else command

    def seen(self, path: Path) -> Path:
        """A file as the commands have it."""
        return self.place.inside(path) if self.place else path

    def practice_daemon(self, word: str) -> subprocess.CompletedProcess[str]:
        command = self.placed([PRACTICE, "daemon", word])
        return subprocess.run(
            command, cwd=self.workspace, env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )

    def told_daemon(self) -> int:
        """Its process, as `practice daemon status` says; 0 where none runs."""
        found = re.search(r"pid (\d+)", self.practice_daemon("status").stdout)
        return int(found[1]) if found else 0

    @property
    def journal_folder(self) -> Path:
        return self.home / ".local/share/practice"

    def attempts(self) -> list[Attempt]:
        """Everything that the journal holds, by way of its database."""
        if self.place:  # SQLite follows no path into a place that only others see
            done = self.practice("journal", "export", "-")
            assert done.returncode == 0, done.stderr
            return [read_entry("attempts", each) for each in json.loads(done.stdout)["attempts"]]  # type: ignore[misc]
        journal = Journal(Home(self.journal_folder))
        try:
            return journal.attempts() if journal.begun else []
        finally:
            journal.close()

    def run(self, source: str, **more: Any) -> Verdict:
        """The verdict on it, as `practice run --json` prints it. Broken where there is none."""
        self.write(source)
        return verdict_of(self.practice("run", "double", "--json", **more))


def verdict_of(done: subprocess.CompletedProcess[str]) -> Verdict:
    """The one object that was printed."""
    try:
        found: Verdict = json.loads(done.stdout)
    except ValueError:
        raise Broken(f"no verdict, exit status {done.returncode}: {done.stdout!r} {done.stderr!r}") from None
    expected = {"passed": 0, "failed": 1, "broken": 3}[found["outcome"]]
    if done.returncode != expected:
        raise Broken(f"exit status {done.returncode} for the outcome {found['outcome']!r}")
    return found


def timeless(verdict: Verdict) -> Verdict:
    """Without what differs from run to run."""
    checks = [{key: value for key, value in check.items() if key != "seconds"} for check in verdict["checks"]]
    return {**{key: value for key, value in verdict.items() if key != "seconds"}, "checks": checks}


def kept_as(attempt: Attempt) -> Verdict:
    """What `practice run --json` printed of an attempt, if the journal is right."""
    return attempt.verdict.to_json("en")


def plain_words(told: str, *, most: int) -> None:
    """Broken where a user would read a traceback, or more than so many lines."""
    lines = told.strip().splitlines()
    if "Traceback" in told or "internal error" in told or len(lines) > most:
        raise Broken(f"not {most} clear lines: {told!r}")


# ----------------------------------------------------------------------- processes


def adopt_orphans() -> None:
    """From now on, whoever below this process loses its parent becomes a child of it, whatever its session."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def below(pid: int) -> dict[int, int]:
    """Each living process below this one, with its parent. Of one look: a process may have gone since."""
    parents, states = {}, {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                state, parent = Path(entry.path, "stat").read_text().rpartition(")")[2].split()[:2]
            except (OSError, ValueError):
                continue
            parents[int(entry.name)], states[int(entry.name)] = int(parent), state
    found: dict[int, int] = {}
    waiting = [pid]
    while waiting:
        above = waiting.pop()
        for each, parent in parents.items():
            if parent == above:
                waiting.append(each)
                if states[each] not in "ZX":
                    found[each] = parent
    return found


def settles(look: Callable[[], object]) -> bool:
    """Whether `look` finds nothing any more, within the patience."""
    deadline = time.monotonic() + PATIENCE
    while look():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def shared_memory() -> set[str]:
    """What stands in /dev/shm that torch may have made for a process of ours: other programs use it too."""
    found = set()
    for path in Path("/dev/shm").glob("torch_*_*"):
        maker = int(path.name.split("_")[1]) if path.name.split("_")[1].isdigit() else 0
        family = maker in below(os.getpid())
        with suppress(FileNotFoundError):
            if path.stat().st_uid == os.getuid() and (family or not Path(f"/proc/{maker}").exists()):
                found.add(path.name)
    return found


def described(pids: dict[int, int]) -> str:
    return "; ".join(f"{pid} (below {parent}) {command_of(pid)}" for pid, parent in pids.items())


def is_free(lock: Path) -> bool:
    """Whether nobody holds the lock."""
    if not lock.exists():
        return True
    with lock.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


def end(pids: dict[int, int]) -> None:
    """Kill what is left, so that a test that failed leaves nothing."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
