"""Time: what a call may take, what the calls of a check may take together, and who is given more of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from exam_ground import double_exercise

from grader.content import Exercise, Limits
from grader.exam import link as link_module
from grader.exam.examine import examine
from grader.exam.failures import TooSlow, WorkerLost
from grader.exam.link import Link, Submitted
from grader.exam.remote import RemoteCandidate
from grader.exam.supply import Supply, Worker
from grader.verdict import Verdict

SLEEPING = "import time\ndef scale(x, *, factor):\n    time.sleep({seconds})\n    return x * factor{more}\n"


@pytest.fixture
def impatient(tmp_path: Path) -> Exercise:
    return replace(double_exercise(tmp_path), limits=Limits(call_seconds=0.3, memory_mb=512))


def graded(exercise: Exercise, supply: Supply, source: str, only: str) -> Verdict:
    return examine(exercise, Submitted(source, "double.py"), supply, only=[only], diagnosis=False)


class Clock:
    """How long a worker has waited for a processor, as a test says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, step: float) -> None:
        self.asked = 0
        self.step = step
        monkeypatch.setattr(Worker, "waited", lambda _worker: self.tick())

    def tick(self) -> float:
        self.asked += 1
        return self.asked * self.step


@pytest.fixture
def link(impatient: Exercise, supply: Supply) -> Iterator[Link]:
    source = SLEEPING.format(seconds=0.9, more="")
    made = Link(supply, impatient, Submitted(source, "double.py"))
    yield made
    made.close()


def test_a_worker_that_waits_for_a_processor_is_given_time(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    Clock(monkeypatch, step=1.0)
    monkeypatch.setattr(link_module, "PATIENCE", 100)
    candidate = RemoteCandidate(link)
    assert torch.equal(candidate.scale(torch.ones(1), factor=2.0), torch.tensor([2.0]))


def test_a_worker_that_sleeps_is_given_none(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    clock = Clock(monkeypatch, step=0.0)
    monkeypatch.setattr(link_module, "PATIENCE", 100)
    with pytest.raises(WorkerLost, match=r"did not come back within 0\.3 s"):
        RemoteCandidate(link).scale(torch.ones(1), factor=2.0)
    assert clock.asked == 2, "one look was enough"


def test_patience_ends(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    Clock(monkeypatch, step=1.0)
    monkeypatch.setattr(link_module, "PATIENCE", 1)
    with pytest.raises(WorkerLost, match="did not come back"):
        RemoteCandidate(link).scale(torch.ones(1), factor=2.0)


def test_calls_that_are_slow_together_fail_the_check(impatient: Exercise, supply: Supply) -> None:
    """Each stays below the limit of one call; 30 of them do not stay below that of a check."""
    patient = replace(impatient, limits=Limits(call_seconds=10, memory_mb=512))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(link_module, "CHECK_SECONDS", 0.5)
        verdict = graded(patient, supply, SLEEPING.format(seconds=0.05, more=""), "test_values")
    assert verdict.outcome == "failed"
    assert "is too slow: the calls of this check took more than 0.5 s together" in verdict.checks[0].message.en
    assert "太慢" in verdict.checks[0].message.zh


def test_a_failure_found_before_the_time_was_over_is_what_is_told(impatient: Exercise, supply: Supply) -> None:
    """Making the counterexample small is what took the time."""
    patient = replace(impatient, limits=Limits(call_seconds=10, memory_mb=512))
    wrong = SLEEPING.format(seconds=0.08, more=" + (x.numel() > 1)") + "    print('seen')\n"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(link_module, "CHECK_SECONDS", 0.7)
        verdict = graded(patient, supply, wrong.replace("    return", "    print('seen')\n    return"), "test_values")
    check = verdict.checks[0]
    assert check.outcome == "failed"
    assert "is wrong at index" in check.message.en
    assert check.counterexample.en.startswith("scale(")
    assert "expected" in check.counterexample.en
    assert check.snippet.count("scale(") == 1
    assert check.output == "seen\n", "of that example, and of no other"


def test_a_check_that_was_too_slow_makes_the_next_ones_shorter(impatient: Exercise, supply: Supply) -> None:
    link = Link(supply, impatient, Submitted("def scale(x, *, factor): ...", "double.py"))
    whole = link.check_limit
    assert whole == 0.3 * link_module.CALLS_IN_A_CHECK
    with pytest.raises(TooSlow):
        link._spend(whole + 1, "scale")
    link.check_seconds = 0.0
    with pytest.raises(TooSlow):
        link._spend(whole * link_module.SHORTENED + 0.1, "scale")
