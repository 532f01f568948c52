"""What a cohort takes, beside nbgrader's own autograde: one run, one table.

    python bench/cohort.py [--submissions 20] [--workers-on 60]
    python bench/cohort.py --many 1000 10000 [--questions]

The same honest notebooks (right answers in several styles, and some unfinished) are graded three times:

nbgrader, plain tests        its own serial `autograde`: a kernel each, a few lines of asserts in each test cell
nbgrader, the same checks    the same with the exercise's own checks in the test cells, in the student's kernel
course grade                 `practice course grade`, confined

Submissions a second are counted from the first submission done to the last, so that neither pays for its start; whole
is what the command took, and times is beside course grade. The marks must be the same. Then the same cohort on one and
on two Dask workers, beside what a loop that only computes gains from a second process here, at that moment: on a
machine with other work, that is the limit.

--many: the coordinator's memory with a cheap exercise, or with a question alone, which takes a worker milliseconds.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import nbformat
import psutil
from nbformat import NotebookNode
from nbgrader.api import Gradebook

from grader.content import Catalogue, builtin_root, scaffold
from grader.course.course import Course
from grader.course.notebooks import exercise_notebook, grade_id
from grader.course.results import Results

BIN = Path(sys.executable).parent
EXERCISE = "self_attention"
NAME = "ps1"
UNFINISHED = 4  # one submission in so many

PLAIN_TEST = """\
import torch
torch.manual_seed({seed})
for _ in range(20):
    B, T, D = (int(torch.randint(1, 6, ())) for _ in range(3))
    x, w_q, w_k, w_v = torch.randn(B, T, D), torch.randn(D, 4), torch.randn(D, 4), torch.randn(D, 3)
    for causal in (False, True):
        q, k, v = x @ w_q, x @ w_k, x @ w_v
        expected = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal)
        torch.testing.assert_close(self_attention(x, w_q, w_k, w_v, causal=causal), expected, rtol=1e-4, atol=1e-4)
"""

SAME_CHECK = """\
import inspect, types
from grader.content import Catalogue, builtin_root
from grader.exam import modules
from grader.exam.local import LocalCandidate
from grader.exam.reference import Reference
exercise = Catalogue([builtin_root()]).get("{exercise}")
check = modules.load(exercise.checks_file, exercise.id).{check}
candidate = LocalCandidate(exercise, types.SimpleNamespace({exercise}={exercise}))
fixtures = {{"candidate": candidate, "reference": Reference(exercise)}}
check(**{{name: fixtures[name] for name in inspect.signature(check).parameters}})
"""


@dataclass(frozen=True)
class Ran:
    """One command: seconds in all, and submissions a second once it was under way."""

    seconds: float
    rate: float


class World:
    """Courses with the same submissions: one of ours, and two as ordinary courses of nbgrader."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ours, self.plain, self.same = root / "ours", root / "plain", root / "same"
        self.content = root / "content"
        for half in ("exercises", "solutions"):
            (self.content / half).mkdir(parents=True)
        scaffold("scale", self.content)
        (root / "run").mkdir(mode=0o700)
        self.environment = {
            **os.environ,
            "HOME": str(root),
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",  # nbgrader calls alembic
            "PRACTICE_RUNTIME_DIR": str(root / "run"),
            "JUPYTER_PLATFORM_DIRS": "1",
        }
        self.practice("course", "init", str(self.ours), "--content", str(self.content))

    def practice(self, *words: str, cwd: Path | None = None) -> str:
        return self.command([str(BIN / "practice"), *words], cwd or self.root)

    def command(self, words: list[str], cwd: Path) -> str:
        done = subprocess.run(words, cwd=cwd, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def release(self, **parts: str) -> None:
        words = [word for option, ids in parts.items() for word in (f"--{option}", ids)]
        self.practice("course", "release", NAME, *words, "--no-exchange", cwd=self.ours)

    def grade(self, *words: str, count: int) -> Ran:
        began = time.perf_counter()
        self.practice("course", "grade", NAME, "--force", *words, cwd=self.ours)
        seconds = time.perf_counter() - began
        with Results.of(Course.open(self.ours)) as results:
            times = sorted(result.graded.timestamp() for result in results.all(NAME))[-count:]
        return Ran(seconds, (len(times) - 1) / (times[-1] - times[0]))

    def stop(self) -> None:
        self.practice("daemon", "stop")

    # -------------------------------------------------------------- nbgrader alone

    def release_with_tests(self, course: Path) -> None:
        """The same cells with tests in them: as nbgrader's own users write them, or the exercise's own checks."""
        exercise = Catalogue([builtin_root()]).get(EXERCISE)
        notebook = exercise_notebook(exercise, Course.open(self.ours).points(EXERCISE))
        for seed, cell in enumerate(notebook.cells):
            if cell.metadata.nbgrader.grade:
                words = {"seed": seed, "exercise": EXERCISE, "check": grade_id(cell)}
                cell.source = (SAME_CHECK if course == self.same else PLAIN_TEST).format(**words)
        folder = course / "source" / NAME
        folder.mkdir(parents=True)
        nbformat.write(notebook, folder / f"{EXERCISE}.ipynb")
        config = f"c = get_config()\nc.CourseDirectory.root = {str(course)!r}\n"
        (course / "nbgrader_config.py").write_text(config)
        self.command([sys.executable, "-m", "nbgrader", "generate_assignment", NAME], course)

    def autograde(self, course: Path) -> Ran:
        began = time.perf_counter()
        self.command([sys.executable, "-m", "nbgrader", "autograde", NAME], course)
        seconds = time.perf_counter() - began
        files = (course / "autograded").glob(f"*/{NAME}/*.ipynb")
        times = sorted(path.stat().st_mtime for path in files)
        return Ran(seconds, (len(times) - 1) / (times[-1] - times[0]))


def hand_in(course: Path, sources: dict[str, str]) -> None:
    for student, source in sources.items():
        notebook = nbformat.read(course / "release" / NAME / f"{EXERCISE}.ipynb", as_version=4)
        solution(notebook).source = source
        folder = course / "submitted" / student / NAME
        folder.mkdir(parents=True)
        nbformat.write(notebook, folder / f"{EXERCISE}.ipynb")


def solution(notebook: NotebookNode) -> NotebookNode:
    return next(cell for cell in notebook.cells if grade_id(cell) == EXERCISE)


def honest(count: int) -> dict[str, str]:
    """Right answers in turn, and every few a stub as it was handed out."""
    exercise = Catalogue([builtin_root()]).get(EXERCISE)
    right = [path.read_text() for path in (exercise.reference_file, *exercise.right_files)]
    stub = exercise.stub_file.read_text()
    return {
        f"s{number:05}": stub if number % UNFINISHED == UNFINISHED - 1 else right[number % len(right)]
        for number in range(count)
    }


def scores(course: Path) -> dict[str, float]:
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        return {each.student.id: each.score for each in book.assignment_submissions(NAME)}


def beside_nbgrader(world: World, count: int) -> None:
    world.release(exercises=EXERCISE)
    sources = honest(count)
    hand_in(world.ours, sources)
    for course in (world.plain, world.same):
        world.release_with_tests(course)
        hand_in(course, sources)
    world.grade("--student", "s0000[0-3]", count=4)  # the daemon is warm, as it is in any cohort
    plain, ours, same = world.autograde(world.plain), world.grade(count=count), world.autograde(world.same)
    marks = [scores(course) for course in (world.ours, world.plain, world.same)]
    agree = marks[0] == marks[1] == marks[2] and len(marks[0]) == count
    print(f"{count} submissions of {EXERCISE}; marks {'the same' if agree else 'DIFFER'}\n")
    print(f"{'':26}{'a second':>10}{'whole, s':>10}{'times':>8}")
    for name, ran in (("nbgrader, plain tests", plain), ("nbgrader, the same checks", same), ("course grade", ours)):
        print(f"{name:26}{ran.rate:10.2f}{ran.seconds:10.1f}{ours.rate / ran.rate:8.1f}")


def on_workers(world: World, count: int) -> None:
    """The same cohort on one and on two Dask workers, in turn."""
    shutil.rmtree(world.ours / "submitted")
    hand_in(world.ours, honest(count))
    before = computing()
    one, two = world.grade("--workers", "1", count=count), world.grade("--workers", "2", count=count)
    limit = (before + computing()) / 2
    print(f"\n{count} submissions on Dask\n")
    print(f"{'':24}{'a second':>10}{'whole, s':>10}{'times':>8}")
    print(f"{'1 worker':24}{one.rate:10.2f}{one.seconds:10.1f}{1:8.1f}")
    print(f"{'2 workers':24}{two.rate:10.2f}{two.seconds:10.1f}{two.rate / one.rate:8.2f}")
    print(f"{'a loop that computes':24}{'':20}{limit:8.2f}")


def computing() -> float:
    """What two processes get done in the time of one, where each only computes."""
    loop = [sys.executable, "-c", "sum(i * i for i in range(20_000_000))"]
    seconds = []
    for count in (1, 2):
        began = time.perf_counter()
        for process in [subprocess.Popen(loop) for _ in range(count)]:
            process.wait()
        seconds.append(time.perf_counter() - began)
    return 2 * seconds[0] / seconds[1]


def many(world: World, counts: list[int], questions: bool) -> None:
    part, suffix = ("gan", "md") if questions else ("scale", "py")
    world.release(**{"questions" if questions else "exercises": part})
    text = "A generator and a discriminator." if questions else "def scale(x, *, factor):\n    return x * factor\n"
    print(f"submissions of {part} on 2 Dask workers\n")
    print(f"{'submissions':>12}{'a second':>10}{'whole, s':>10}{'peak MB':>10}")
    for count in counts:
        shutil.rmtree(world.ours / "submitted", ignore_errors=True)
        for number in range(count):
            folder = world.ours / "submitted" / f"s{number:07}" / NAME
            folder.mkdir(parents=True)
            (folder / f"{part}.{suffix}").write_text(text)
        peak, seconds = coordinator(world)
        print(f"{count:12}{count / seconds:10.1f}{seconds:10.1f}{peak / 1e6:10.1f}", flush=True)


def coordinator(world: World) -> tuple[int, float]:
    """The largest resident memory of the process that hands out the work, and the seconds that it took."""
    words = [str(BIN / "practice"), "course", "grade", NAME, "--force", "--workers", "2"]
    began, peak = time.perf_counter(), 0
    process = subprocess.Popen(words, cwd=world.ours, env=world.environment, stdout=subprocess.DEVNULL)
    watched = psutil.Process(process.pid)
    while process.poll() is None:
        try:
            peak = max(peak, watched.memory_info().rss)
        except psutil.Error:
            break
        time.sleep(0.1)
    if process.wait():
        raise SystemExit("the run failed")
    return peak, time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--submissions", type=int, default=20)
    parser.add_argument("--workers-on", type=int, default=60)
    parser.add_argument("--many", type=int, nargs="+")
    parser.add_argument("--questions", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="practice-cohort-") as root:
        world = World(Path(root))
        try:
            if options.many:
                many(world, options.many, options.questions)
            else:
                beside_nbgrader(world, options.submissions)
                if options.workers_on:
                    on_workers(world, options.workers_on)
        finally:
            world.stop()


if __name__ == "__main__":
    main()
