"""An examiner and its worker on one processor, and off it again where something else runs there."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from exam_ground import double_exercise

from grader.exam.link import Link, Submitted
from grader.exam.pairing import Pairing, free_processor
from grader.exam.supply import Supply

ALLOWED = os.sched_getaffinity(0)

pytestmark = pytest.mark.skipif(len(ALLOWED) < 2, reason="one processor leaves no choice")


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    os.sched_setaffinity(0, ALLOWED)


@pytest.fixture
def other() -> Iterator[subprocess.Popen[str]]:
    """A process that computes as long as it is sent lines."""
    code = "import sys\nfor line in sys.stdin:\n    sum(range(1_000_000))\n    print(flush=True)\n"
    with subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1, text=True) as process:
        yield process
        process.kill()


def turns(process: subprocess.Popen[str], pairing: Pairing, seconds: float) -> None:
    """This process and the other compute in turn."""
    assert process.stdin is not None
    assert process.stdout is not None
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        process.stdin.write("\n")
        process.stdin.flush()
        process.stdout.readline()
        sum(range(1_000_000))
        pairing.look()


def test_both_stay_on_the_processor(other: subprocess.Popen[str]) -> None:
    processor = max(ALLOWED)
    pairing = Pairing(processor)
    pairing.hold(str(other.pid))
    assert os.sched_getaffinity(0) == os.sched_getaffinity(other.pid) == {processor}
    pairing.release()
    assert os.sched_getaffinity(0) == os.sched_getaffinity(other.pid) == ALLOWED


def test_a_pair_that_does_not_get_its_processor_is_let_go(other: subprocess.Popen[str]) -> None:
    processor = max(ALLOWED)
    code = f"import os\nos.sched_setaffinity(0, {{{processor}}})\nwhile True: pass"
    pairing = Pairing(processor)
    pairing.hold(str(other.pid))
    with subprocess.Popen([sys.executable, "-c", code]) as hog:
        for _ in range(50):
            turns(other, pairing, 0.2)
            if pairing.processor is None:
                break
        hog.kill()
    assert os.sched_getaffinity(0) == os.sched_getaffinity(other.pid) == ALLOWED


def test_a_worker_that_has_ended_is_no_error() -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    pairing = Pairing(max(ALLOWED))
    pairing.hold(str(process.pid))
    assert os.sched_getaffinity(0) == ALLOWED


def test_a_link_holds_its_worker(tmp_path: Path, supply: Supply) -> None:
    processor = max(ALLOWED)
    submitted = Submitted("def scale(x, *, factor):\n    return x * factor\n", "it.py")
    link = Link(supply, double_exercise(tmp_path), submitted, processor=processor)
    link.start()
    assert link.worker is not None
    held = os.sched_getaffinity(0), os.sched_getaffinity(int(link.worker.process))
    link.close()
    assert held == ({processor}, {processor})
    assert os.sched_getaffinity(0) == ALLOWED


def test_pairs_get_processors_of_their_own() -> None:
    taken: list[int] = []
    for _ in ALLOWED:
        found = free_processor(taken)
        assert found is not None
        taken.append(found)
    assert set(taken) == ALLOWED
    assert free_processor(taken) is None
