"""What one submission, or one exercise, could spoil for others: examples kept in memory, content in the wrong place, a
verdict that never comes.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from grader.content import Catalogue, Exercise, builtin_root, scaffold
from grader.daemon.client import Request, run
from grader.errors import GraderFault, UsageError
from grader.exam.calls import Call, Log
from grader.exam.counterexample import snippet
from grader.exam.diagnosis import Frequency, same
from grader.exam.examine import examine
from grader.exam.link import Link, LoadFailure, Submitted
from grader.exam.modules import load
from grader.exam.remote import RemoteObject
from grader.exam.supply import Supply
from grader.exam.warmth import rehearse

RIGHT = "def scale(x, *, factor):\n    return x * factor\n"
WRONG = "def scale(x, *, factor):\n    return x + factor\n"
# What comes back is of another size, the first time that values are looked at, and never again.
ODD_ONCE = """calls = 0
def scale(x, *, factor):
    global calls
    calls += 1
    return (x * factor)[:0] if calls == 2 else x * factor
"""


@pytest.fixture(scope="module")
def supply() -> Iterator[Supply]:
    made = Supply()
    yield made
    made.close()


def exercise_in(root: Path, *, old: str = "", new: str = "") -> Exercise:
    """The scaffold's exercise, `scale(x, *, factor)`, with `old` in its checks exchanged for `new`."""
    for folder in ("exercises", "solutions"):
        (root / folder).mkdir()
    scaffold("double", root)
    checks = root / "solutions/double/checks.py"
    text = checks.read_text()
    assert old in text
    checks.write_text(text.replace(old, new))
    return Catalogue([root]).get("double")


def test_an_odd_answer_to_a_remembered_example_is_not_forgotten(tmp_path: Path, supply: Supply) -> None:
    """It makes the check's own code fail, where a wrong answer would make a comparison fail."""
    value = "candidate.scale(x, factor=factor)"
    exercise = exercise_in(tmp_path, old=f"assert_close({value},", new=f"assert_close({value}.view(x.shape),")

    def outcomes() -> list[str]:
        verdict = examine(exercise, Submitted(ODD_ONCE, "double.py"), supply)
        return [check.outcome for check in verdict.checks]

    assert outcomes() == ["passed", "failed", "passed"]  # Hypothesis tells
    rehearse(exercise)
    assert load(exercise.checks_file, exercise.id).test_values.memory.known
    assert outcomes() == ["passed", "failed", "passed"]
    assert examine(exercise, Submitted(RIGHT, "double.py"), supply).passed


def test_an_example_that_cannot_be_run_again_costs_nobody_a_check(tmp_path: Path, supply: Supply) -> None:
    exercise = exercise_in(tmp_path, old="    x, factor = case\n", new="    x, factor = case\n    drawn_here(x)\n")
    old, new = (
        "return draw(tensors(rows, columns)),",
        "DRAWN.append(draw(tensors(rows, columns)))\n    return DRAWN[-1],",
    )
    text = exercise.checks_file.read_text().replace(old, new)
    known = "DRAWN = []\n\n\ndef drawn_here(x):\n    assert any(one is x for one in DRAWN)\n"
    exercise.checks_file.write_text(f"{text}\n\n{known}")
    rehearse(exercise)
    assert load(exercise.checks_file, exercise.id).test_values.memory.known
    assert examine(exercise, Submitted(RIGHT, "double.py"), supply).passed
    assert not examine(exercise, Submitted(WRONG, "double.py"), supply).passed


def test_a_diagnosis_that_fails_costs_no_verdict(tmp_path: Path, supply: Supply) -> None:
    exercise = exercise_in(tmp_path, old="return {", new="return {'odd': Odd(), ")
    with exercise.checks_file.open("a") as file:
        file.write("\n\nclass Odd:\n    def __eq__(self, other):\n        raise OSError('from a comparison')\n")
    verdict = examine(exercise, Submitted(WRONG, "double.py"), supply)
    assert verdict.outcome == "failed"
    assert verdict.diagnosis == ()


def test_an_examiner_that_cannot_go_on_lets_its_client_go(tmp_path: Path) -> None:
    """It once ended as if it had told its client everything, and the client waited for ever."""
    exercise = exercise_in(tmp_path, old="def test_runs(candidate):\n", new="def test_runs(candidate):\n    fault()\n")
    with exercise.checks_file.open("a") as file:
        file.write("\n\ndef fault():\n    import grader.exam.examine as examining\n")
        file.write("    examining.version = lambda exercise: open('/nonexistent/version')\n")
    program = f"""
from pathlib import Path
from grader.daemon.client import Request, run
from grader.errors import GraderFault
try:
    run(Request("double", {WRONG!r}, "double.py", (Path({str(tmp_path)!r}),)), daemon=False)
except GraderFault as error:
    print(error.message.en)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout == "The grader died before the verdict.\n", done.stderr


@pytest.fixture
def among_packages() -> Iterator[Path]:
    """A folder where every submission may read, for Python's own packages are there."""
    try:
        with tempfile.TemporaryDirectory(prefix="practice-test-", dir=sysconfig.get_path("purelib")) as folder:
            yield Path(folder)
    except PermissionError:
        pytest.skip("Python's packages cannot be written to here")


def test_hidden_content_is_not_kept_where_submissions_may_read(among_packages: Path, supply: Supply) -> None:
    exercise = exercise_in(among_packages)
    reads = f"raise ValueError(open({str(exercise.reference_file)!r}).read(30))\n"
    link = Link(supply, exercise, Submitted(reads, "double.py"))
    with pytest.raises(LoadFailure, match="import torch"):  # it is there to be read
        link.start()
    link.close()
    with pytest.raises(UsageError, match="submissions may read") as refused:
        run(Request("double", reads, "double.py", (among_packages,)), daemon=False)
    assert str(among_packages) in refused.value.message.en
    assert not isinstance(refused.value, GraderFault)


def test_more_hits_than_draws_are_like_no_frequency() -> None:
    """Of a submission that gives back three values for each draw: it once cost the verdict."""
    assert not same(Frequency(300, 100), Frequency(50, 100))
    assert same(Frequency(300, 100), Frequency(300, 100))


@pytest.mark.parametrize("room", range(4))
def test_without_descriptors_a_worker_is_asked_for_in_vain_and_the_next_is_had(supply: Supply, room: int) -> None:
    """`room` are the descriptors that are left; what was opened on the way is closed again."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    before = os.listdir("/proc/self/fd")
    taken = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, before)) + 1 + room, limits[1]))
        with suppress(OSError):  # EMFILE
            while True:
                taken.append(os.open("/dev/null", os.O_RDONLY))
        for _ in range(room):
            os.close(taken.pop())
        supply.order_ahead(1 << 28, 60)
        supply.leave_ahead()
        with pytest.raises(GraderFault, match="No process could be started"):
            supply.worker(1 << 28, 60)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for descriptor in taken:
            os.close(descriptor)
    assert os.listdir("/proc/self/fd") == before
    supply.worker(1 << 28, 60).kill()


def test_a_snippet_says_no_address() -> None:
    log = Log()
    log.calls.append(Call("step", (RemoteObject(None, 3, "submission.Cache"),), {}, "(cache)"))  # type: ignore[arg-type]
    shown = snippet(log, Catalogue([builtin_root()]).get("kv_cache"), None)
    assert "print(step(cache))" in shown
    assert " at 0x" not in shown
