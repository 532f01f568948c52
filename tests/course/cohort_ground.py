"""A cohort of students who each hand in something of their own, and runs over it that are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psutil
from course_ground import BIN, DIVIDES, IN_PLACE, RIGHT, Ground
from nbgrader.api import Gradebook

from grader.course.results import Results
from grader.daemon import address
from grader.daemon.protocol import LineReader, code_version, send_line

KINDS = (RIGHT, DIVIDES, IN_PLACE)
POINTS = {RIGHT: "passed", DIVIDES: "failed", IN_PLACE: "failed"}
PATIENCE = 240.0


def name_of(number: int) -> str:
    return f"student{number:03}"


def hand_in_all(ground: Ground, count: int, first: int = 0) -> dict[str, str]:
    """Each student's code: one of three kinds, with a line that is the student's own."""
    numbers = range(first, first + count)
    sources = {name_of(number): f"# by {name_of(number)}\n{KINDS[number % 3]}" for number in numbers}
    for student, source in sources.items():
        ground.hand_in(student, source)
    return sources


def results_of(ground: Ground) -> Results:
    return Results.of(ground.course)


def assert_whole(ground: Ground, sources: dict[str, str]) -> None:
    """Each student's own code has its one result, in the database, the gradebook and the notebook for feedback."""
    with results_of(ground) as results:
        found = {result.student: result for result in results.all("ps1") if result.part == "scale"}
        assert found.keys() == sources.keys(), "nothing is lost"
        assert set(results.times("ps1").values()) == {1}, "nothing counts twice"
        for student, source in sources.items():
            assert found[student].source.strip() == source.strip(), "nothing is mixed up"
            assert found[student].outcome == POINTS[source.split("\n", 1)[1]]
        assert list(results.unbooked("ps1")) == []
    with Gradebook(f"sqlite:///{ground.folder / 'gradebook.db'}", "course") as book:
        scores = {each.student.id: each.score for each in book.assignment_submissions("ps1")}
    assert scores == {student: result.points for student, result in found.items()}
    for student, source in sources.items():
        assert source.split("\n")[0] in (ground.folder / f"autograded/{student}/ps1/scale.ipynb").read_text()


@dataclass
class Started:
    """A run of `practice course grade` that is under way."""

    process: subprocess.Popen[str]
    ground: Ground

    def wait_for(self, count: int) -> bool:
        """Until so many parts have a result; False where the run ended before."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with results_of(self.ground) as results:
                if sum(results.counts("ps1").values()) >= count:
                    return True
            if self.process.poll() is not None:
                return False
            time.sleep(0.02)
        raise AssertionError("nothing comes")

    def workers(self) -> list[int]:
        """The processes that Dask works with."""
        try:
            below = psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []
        return [each.pid for each in below if "spawn_main" in " ".join(_words(each))]

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate(timeout=60)

    def ended(self) -> str:
        out, err = self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == 0, err
        return out


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def start(ground: Ground, *words: str) -> Started:
    command = [str(BIN / "practice"), "course", "grade", "ps1", *words]
    process = subprocess.Popen(
        command,
        cwd=ground.folder,
        env=ground.variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    return Started(process, ground)


@contextmanager
def _in_runtime(ground: Ground) -> Any:
    before = os.environ.get("PRACTICE_RUNTIME_DIR")
    os.environ["PRACTICE_RUNTIME_DIR"] = str(ground.runtime)
    try:
        yield
    finally:
        os.environ.pop("PRACTICE_RUNTIME_DIR")
        if before is not None:
            os.environ["PRACTICE_RUNTIME_DIR"] = before


def graded_by_daemon(ground: Ground) -> int:
    """How many submissions the daemon has graded since it began."""
    with _in_runtime(ground):
        sock = address.connect()
    assert sock is not None, "no daemon runs"
    with sock:
        send_line(sock, {"op": "status", "version": code_version()})
        status = LineReader(sock).read()
    assert status is not None
    return int(status["graded"])


def gone(pids: list[int]) -> bool:
    """Whether these processes end."""
    return _comes(lambda: not any(psutil.pid_exists(pid) and _running(pid) for pid in pids))


def _running(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _comes(look: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if look():
            return True
        time.sleep(0.05)
    return False
