"""A daemon of the tests' own, in a runtime directory of its own, and eyes for what processes it leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from grader.content import scaffold
from grader.daemon import address
from grader.daemon.protocol import LineReader, code_version, send_line

PRACTICE = str(Path(sys.executable).parent / "practice")
PATIENCE = 60.0


class World:
    """One user's machine: a runtime directory, a workspace, content with one exercise, `double`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.runtime = root / "run"
        self.workspace = root / "work"
        self.content = root / "content"
        for folder in (self.runtime, self.workspace, self.content / "exercises", self.content / "solutions"):
            folder.mkdir(parents=True)
        scaffold("double", self.content)
        self.environment = {**os.environ, "PRACTICE_RUNTIME_DIR": str(self.runtime), "LANG": "C.UTF-8", "NO_COLOR": "1"}
        self.environment.pop("PRACTICE_DEBUG", None)

    def reference(self) -> str:
        return (self.content / "solutions/double/reference.py").read_text()

    def write(self, source: str) -> Path:
        path = self.workspace / "attempts" / "double.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(source)
        return path

    def command(self, *words: str) -> list[str]:
        return [PRACTICE, *words, "--content", str(self.content)]

    def practice(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words), cwd=self.workspace, env=self.environment, capture_output=True, text=True, timeout=300
        )

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*words),
            cwd=self.workspace,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=hear_interrupts,
        )

    def status(self) -> dict[str, object] | None:
        """What the daemon says of itself; None where none runs."""
        before = os.environ.get("PRACTICE_RUNTIME_DIR")
        os.environ["PRACTICE_RUNTIME_DIR"] = str(self.runtime)
        try:
            sock = address.connect()
        finally:
            if before is None:
                del os.environ["PRACTICE_RUNTIME_DIR"]
            else:
                os.environ["PRACTICE_RUNTIME_DIR"] = before
        if sock is None:
            return None
        with sock:
            send_line(sock, {"op": "status", "version": code_version()})
            return LineReader(sock).read()

    def daemon(self) -> int:
        status = self.status()
        assert status is not None
        return int(str(status["pid"]))

    def nursery(self) -> int:
        """The process that forks workers: the last of the chain that the host started."""
        status = self.status()
        assert status is not None
        pid = int(str(status["nursery"]))
        inner = [child for child in children(pid) if "grader.worker.nursery" in command_of(child)]
        return inner[0] if inner else pid

    def examiner(self) -> int:
        """The process at work on a submission."""
        daemon, nursery = self.daemon(), self.status()
        assert nursery is not None
        return wait_for(lambda: next((p for p in children(daemon) if p != nursery["nursery"]), 0))

    def worker(self) -> int:
        def look() -> int:
            found = next(iter(children(self.nursery())), 0)
            return found if found != self.nursery() else 0  # the nursery itself was only about to start

        return wait_for(look)

    def stop(self) -> None:
        self.practice_daemon("stop")

    def practice_daemon(self, word: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PRACTICE, "daemon", word], env=self.environment, capture_output=True, text=True, timeout=60
        )


def hear_interrupts() -> None:
    """A shell starts its background jobs deaf to Ctrl-C, and that is inherited: a user's command is not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_for(look: Callable[[], int]) -> int:
    """What `look` finds, when it finds something."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("nothing came")


def gone(pids: list[int]) -> bool:
    """Whether all these processes end within the patience."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if not any(alive(pid) for pid in pids):
            return True
        time.sleep(0.05)
    return False


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X")


def children(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == pid:
                found.append(int(entry.name))
    return found


def family(pid: int) -> list[int]:
    """The process and all below it."""
    return [pid, *(below for child in children(pid) for below in family(child))]


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


# Never returns, wherever it is called.
HANGING = """
import time

def {name}(*arguments, **named):
    time.sleep(3600)
"""
