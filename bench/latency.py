"""What a candidate waits for, beside the limits that could be reached: one run, one table.

    python bench/latency.py [--exercise ID] [--rounds N]

import torch       `python -c 'import torch'`, what every other kit makes its users wait for
plain pytest       the same checks on the same file, in a fresh pytest, nothing confined
bare checks        the checks alone, in an interpreter that has run them before: the limit
no daemon          `practice run --no-daemon`, process start to exit
cold               `practice run`, which starts the daemon
warm               `practice run`, against the daemon

Rounds take turns, so that a machine whose speed drifts drifts for all rows. Medians, with the smallest and the largest.
Submissions a second with all cores stand beside what a loop that only computes gains from them here, at that moment:
on a machine with other work to do, that is the limit.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from proxy import Bare, run

from grader.content import Catalogue, Exercise, builtin_root
from grader.daemon import client
from grader.exam.link import Link, Submitted
from grader.exam.remote import RemoteCandidate
from grader.exam.supply import Supply

PRACTICE = str(Path(sys.executable).parent / "practice")

CONFTEST = """
import sys
from pathlib import Path

import pytest

sys.path.insert(0, {bench!r})
from proxy import Bare
from grader.content import Catalogue
from grader.exam import modules
from grader.exam.reference import Reference
exercise = Catalogue([Path({root!r})]).get({name!r})

@pytest.fixture
def candidate():
    return Bare(exercise)

@pytest.fixture
def reference():
    return Reference(exercise)
"""


class Bench:
    """A workspace, a runtime directory and a plain pytest project, all in one temporary folder."""

    def __init__(self, exercise: Exercise, folder: Path) -> None:
        self.exercise = exercise
        self.folder = folder
        self.submission = folder / "work" / "attempts" / f"{exercise.id}.py"
        self.submission.parent.mkdir(parents=True)
        self.submission.write_text(exercise.reference_file.read_text(encoding="utf-8"))
        plain = folder / "plain"
        plain.mkdir()
        bench = str(Path(__file__).resolve().parent)
        (plain / "conftest.py").write_text(CONFTEST.format(bench=bench, root=str(builtin_root()), name=exercise.id))
        (plain / "test_checks.py").write_text(exercise.checks_file.read_text(encoding="utf-8"))
        self.environment = {**os.environ, "PRACTICE_RUNTIME_DIR": str(folder / "run"), "NO_COLOR": "1"}
        os.environ["PRACTICE_RUNTIME_DIR"] = str(folder / "run")
        (folder / "run").mkdir()

    def timed(self, command: list[str], cwd: Path | None = None) -> float:
        began = time.perf_counter()
        done = subprocess.run(
            command, cwd=cwd or self.folder / "work", env=self.environment, capture_output=True, text=True, check=False
        )
        seconds = time.perf_counter() - began
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
        return seconds

    def import_torch(self) -> float:
        return self.timed([sys.executable, "-c", "import torch"])

    def plain_pytest(self) -> float:
        return self.timed([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], self.folder / "plain")

    def practice(self, *options: str) -> float:
        return self.timed([PRACTICE, "run", self.exercise.id, *options])

    def cold(self) -> float:
        self.timed([PRACTICE, "daemon", "stop"])
        return self.practice()

    def per_second(self, at_once: int, count: int) -> float:
        """Submissions graded in a second by the warm daemon, so many at a time."""
        request = client.Request(self.exercise.id, self.submission.read_text(), "submission.py")
        began = time.perf_counter()
        with ThreadPoolExecutor(at_once) as pool:
            verdicts = list(pool.map(lambda _number: client.run(request), range(count)))
        assert all(verdict.passed for verdict in verdicts)
        return count / (time.perf_counter() - began)


def computed_per_second(at_once: int) -> float:
    """Loops that only compute, done in a second, so many processes at a time."""
    began = time.perf_counter()
    pids = []
    for _ in range(at_once):
        pid = os.fork()
        if pid == 0:
            sum(number * number for number in range(6_000_000))
            os._exit(0)
        pids.append(pid)
    for pid in pids:
        os.waitpid(pid, 0)
    return at_once / (time.perf_counter() - began)


def private_megabytes(exercise: Exercise) -> float | None:
    """Memory that a worker does not share with the nursery after all checks; None where the kernel does not tell."""
    supply = Supply(forbidden=[exercise.public.parent, exercise.private.parent])
    link = Link(supply, exercise, Submitted(exercise.reference_file.read_text(encoding="utf-8"), "reference.py"))
    try:
        link.start()
        run(exercise, RemoteCandidate(link))
        newest = max(_below(supply.process.pid))
        fields = Path(f"/proc/{newest}/smaps_rollup").read_text()
    except OSError:
        return None
    finally:
        link.close()
        supply.close()
    return sum(int(line.split()[1]) for line in fields.splitlines() if line.startswith("Private_Dirty")) / 1024


def _below(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == pid:
                found += [int(entry.name), *_below(int(entry.name))]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exercise", default="self_attention")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(1)
    exercise = Catalogue([builtin_root()]).get(options.exercise)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(exercise, Path(folder))
        bare = Bare(exercise)
        rows: dict[str, Callable[[], float]] = {
            "import torch": bench.import_torch,
            "plain pytest": bench.plain_pytest,
            "bare checks": lambda: run(exercise, bare),
            "no daemon": lambda: bench.practice("--no-daemon"),
            "cold": bench.cold,
            "warm": bench.practice,
        }
        for _ in range(3):
            run(exercise, bare)
        bench.practice()
        time.sleep(5)  # the daemon's idle moment, in which it rehearses
        seconds: dict[str, list[float]] = {name: [] for name in rows}
        for _ in range(options.rounds):
            for name, row in rows.items():
                if name == "warm":
                    time.sleep(5)
                    row()
                seconds[name].append(row())
        report(exercise, seconds)
        cores = os.cpu_count() or 1
        graded, computed = [], []
        for _ in range(3):
            graded.append((bench.per_second(1, 10), bench.per_second(cores, 10 * cores)))
            computed.append((computed_per_second(1), computed_per_second(cores)))
        bench.timed([PRACTICE, "daemon", "stop"])
    one, many = (statistics.median(numbers) for numbers in zip(*graded, strict=True))
    gain = statistics.median(many / one for one, many in graded)
    limit = statistics.median(many / one for one, many in computed)
    print(f"submissions a second: {one:.1f} with one at a time, {many:.1f} with {cores}: {gain:.2f} times as many")
    print(f"a loop that only computes, with {cores} at a time: {limit:.2f} times as many")
    private = private_megabytes(exercise)
    print("memory private to a worker: " + ("not told by this kernel" if private is None else f"{private:.1f} MB"))


def report(exercise: Exercise, seconds: dict[str, list[float]]) -> None:
    print(f"{exercise.id}: {len(exercise.checks)} checks, {len(seconds['warm'])} rounds, {os.cpu_count()} cores")
    print(f"{'':<14}{'median ms':>10}{'min':>8}{'max':>8}")
    for name, values in seconds.items():
        middle, low, high = (1e3 * number for number in (statistics.median(values), min(values), max(values)))
        print(f"{name:<14}{middle:>10.0f}{low:>8.0f}{high:>8.0f}")
    warm, bare, plain = (statistics.median(seconds[name]) for name in ("warm", "bare checks", "plain pytest"))
    print(f"warm = {(warm - 0.15) / bare:.2f} x bare checks + 0.15 s; plain pytest takes {plain / warm:.1f} x warm")


if __name__ == "__main__":
    main()
