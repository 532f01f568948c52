"""A rehearsed check runs the examples that Hypothesis would draw, and says the same of each submission."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from exam_ground import double_exercise
from hypothesis import strategies as st
from torch import nn

from grader.content import Exercise
from grader.errors import Text
from grader.exam import given, sizes, tensors
from grader.exam.calls import Log
from grader.exam.checks import seeded
from grader.exam.examine import examine
from grader.exam.failures import CheckFailure
from grader.exam.link import Submitted
from grader.exam.modules import load
from grader.exam.remembered import Copy, Unrepeatable
from grader.exam.supply import Supply
from grader.exam.warmth import rehearse
from grader.verdict import Verdict

SUBMISSIONS = {
    "right": "def scale(x, *, factor):\n    return x * factor\n",
    "adds": "def scale(x, *, factor):\n    return x + factor\n",
    "writes": "def scale(x, *, factor):\n    return x.mul_(factor)\n",
    "raises": "def scale(x, *, factor):\n    if len(x) > 1:\n        raise ValueError('no')\n    return x * factor\n",
    "not written": "def scale(x, *, factor):\n    print('called')\n    raise NotImplementedError\n",
    "no tensor": "def scale(x, *, factor):\n    return None\n",
    "dies": "import os\ndef scale(x, *, factor):\n    if len(x) > 2:\n        os._exit(3)\n    return x * factor\n",
    "prints": "def scale(x, *, factor):\n    print('so far')\n    return x * 2\n",
    "draws": "import torch\ndef scale(x, *, factor):\n    return x * factor + (torch.rand(()) > 0.9)\n",
}
MOODY = """calls = 0
def scale(x, *, factor):
    global calls
    calls += 1
    return x * factor + (calls == 4)
"""


class Candidate:
    """What `given` wants of one."""

    def __init__(self) -> None:
        self.log = Log()


def verdict_on(exercise: Exercise, supply: Supply, source: str) -> Verdict:
    verdict = examine(exercise, Submitted(source, "attempts/double.py"), supply)
    checks = tuple(dataclasses.replace(check, seconds=0.0) for check in verdict.checks)
    return dataclasses.replace(verdict, checks=checks, seconds=0.0)


def test_verdicts_are_those_of_an_exercise_that_was_not_rehearsed(tmp_path: Path, supply: Supply) -> None:
    exercise = double_exercise(tmp_path)
    before = {name: verdict_on(exercise, supply, source) for name, source in SUBMISSIONS.items()}
    rehearse(exercise)
    checks = load(exercise.checks_file, exercise.id)
    memories = [check.memory for check in vars(checks).values() if hasattr(check, "memory")]
    assert memories
    assert all(memory.known for memory in memories)
    assert {name: verdict_on(exercise, supply, source) for name, source in SUBMISSIONS.items()} == before
    assert before["right"].passed


def test_the_same_files_in_another_place_are_rehearsed_too(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        exercise = double_exercise(tmp_path / name)
        rehearse(exercise)
        checks = load(exercise.checks_file, exercise.id)
        assert any(check.memory.known for check in vars(checks).values() if hasattr(check, "memory"))


def test_a_submission_that_fails_only_once_does_not_pass(tmp_path: Path, supply: Supply) -> None:
    exercise = double_exercise(tmp_path)
    rehearse(exercise)
    verdict = verdict_on(exercise, supply, MOODY)
    [failed] = [check for check in verdict.checks if check.outcome == "failed"]
    assert failed.message.en.startswith("It gives different results for the same input")
    assert "scale(" in failed.counterexample.en


def recorded(**strategies: Any) -> tuple[Any, list[Any]]:
    """A check that keeps what it is given."""
    seen: list[Any] = []

    @given(examples=12, **strategies)
    def test_it(candidate: Any, case: Any) -> None:
        seen.append(copy.deepcopy(case))
        torch.rand(1)  # a check may draw, too

    return test_it, seen


def rehearsed(check: Any) -> None:
    with check.memory.learning():
        check(candidate=Candidate())


def test_the_same_examples_come_in_the_same_order() -> None:
    check, seen = recorded(case=st.tuples(sizes(1, 9), st.sampled_from("abc"), st.lists(st.floats(0, 1))))
    rehearsed(check)
    drawn = seen[:]
    seen.clear()
    check(candidate=Candidate())
    assert seen == drawn
    seen.clear()
    assert check.recall(candidate=Candidate())
    assert seen == drawn
    with seeded(1):
        assert not check.recall(candidate=Candidate())


def test_examples_are_those_of_the_seed_that_they_were_drawn_under() -> None:
    check, seen = recorded(case=st.tuples(sizes(1, 9), st.lists(st.floats(0, 1))))
    check(candidate=Candidate())
    usual = seen[:]
    seen.clear()
    with seeded(7), check.memory.learning(7):
        check(candidate=Candidate())
    drawn = seen[:]
    assert drawn != usual
    seen.clear()
    assert not check.recall(candidate=Candidate()), "the usual ones are forgotten"
    with seeded(8):
        assert not check.recall(candidate=Candidate())
    assert seen == []
    with seeded(7):
        assert check.recall(candidate=Candidate())
    assert seen == drawn


def test_what_a_check_does_to_an_example_is_not_kept() -> None:
    @given(case=tensors(2, 3), examples=4)
    def test_it(candidate: Any, case: torch.Tensor) -> None:
        sums.append(case.sum().item())
        case.zero_()

    sums: list[float] = []
    rehearsed(test_it)
    drawn = sums[:]
    for _ in range(2):
        sums.clear()
        test_it.recall(candidate=Candidate())  # type: ignore[attr-defined]
        assert sums == drawn


def test_a_check_that_fails_teaches_nothing() -> None:
    @given(case=sizes(0, 9))
    def test_it(candidate: Any, case: int) -> None:
        if case > 2:
            raise AssertionError

    with pytest.raises(AssertionError):
        rehearsed(test_it)
    assert not test_it.memory.known  # type: ignore[attr-defined]
    assert not test_it.recall(candidate=Candidate())  # type: ignore[attr-defined]


@st.composite
def drawn_from_the_global_generator(draw: Any) -> torch.Tensor:
    return torch.rand(draw(sizes(1, 3)))


@pytest.mark.parametrize("strategy", [st.data(), drawn_from_the_global_generator(), st.builds(object)])
def test_what_cannot_be_made_again_is_drawn_each_time(strategy: Any) -> None:
    @given(case=strategy)
    def test_it(candidate: Any, case: Any) -> None:
        pass

    rehearsed(test_it)
    assert not test_it.memory.known  # type: ignore[attr-defined]


def test_a_failure_under_memory_comes_out() -> None:
    wrong: list[bool] = []

    @given(case=sizes(0, 9))
    def test_it(candidate: Any, case: int) -> None:
        if wrong and case > 2:
            raise CheckFailure(Text.same("wrong"))

    rehearsed(test_it)
    wrong.append(True)
    candidate = Candidate()
    with pytest.raises(CheckFailure):
        test_it.recall(candidate=candidate)  # type: ignore[attr-defined]
    assert candidate.log.failed is not None


def test_copies_are_true() -> None:
    base = torch.arange(12.0).reshape(3, 4)
    told = base.clone()
    told.recipe = "torch.arange(12.0)"  # type: ignore[attr-defined]
    generator = torch.Generator().manual_seed(5)
    value: dict[Any, Any] = {
        "base": base,
        "view": base[1:, ::2],
        "turned": base.T,
        "expanded": torch.ones(1, 3).expand(2, 3),
        "leaf": torch.ones(2, requires_grad=True),
        "empty": torch.empty(0, 3),
        "told": told,
        "whole": torch.tensor([True, False]),
        "twice": [base, base],
        "generator": generator,
        ("a", 1): (None, 2.5, "text", torch.float64, slice(1, 2), {1, 2}),
    }
    made = Copy().of(value)
    assert made.keys() == value.keys()
    assert made[("a", 1)] == value[("a", 1)]
    for name in ("base", "view", "turned", "expanded", "leaf", "empty", "told", "whole"):
        one, other = made[name], value[name]
        assert torch.equal(one, other)
        assert one.stride() == other.stride()
        assert one.requires_grad == other.requires_grad
    assert made["told"].recipe == "torch.arange(12.0)"
    assert made["twice"][0] is made["twice"][1] is made["base"] is not base
    made["base"][1, 0] = 99
    assert made["view"][0, 0] == made["turned"][0, 1] == 99
    assert base[1, 0] == 4
    assert made["generator"] is not generator
    assert torch.equal(made["generator"].get_state(), generator.get_state())


def changed(module: nn.Module) -> nn.Module:
    """With an attribute that a module of its class does not have."""
    module.mine = 1  # type: ignore[assignment]  # any value can be put there
    return module


class Own(nn.Linear):
    """A class that is not torch's."""


def hooked() -> nn.Module:
    module = nn.Linear(1, 1)
    module.register_forward_hook(lambda *_: None)
    return module


def test_a_module_of_torch_is_copied_whole() -> None:
    linear = nn.Linear(3, 2, bias=False, dtype=torch.float64).eval()
    linear.weight.requires_grad_(False)
    module = nn.Sequential(linear, nn.ReLU(), linear, nn.LayerNorm(3))
    state = torch.get_rng_state()
    copy = Copy().of((module, linear.weight))[0]
    assert torch.equal(torch.get_rng_state(), state)
    assert str(copy) == str(module)
    assert copy[0] is copy[2]
    assert not copy[0].weight.requires_grad
    assert copy[3].weight.requires_grad
    assert [one.training for one in copy.modules()] == [one.training for one in module.modules()]
    for (name, one), (_, other) in zip(copy.named_parameters(), module.named_parameters(), strict=True):
        assert torch.equal(one, other), name
        assert one.data_ptr() != other.data_ptr(), name


def test_modules_are_remembered() -> None:
    def linear(weight: torch.Tensor) -> nn.Module:
        module = nn.utils.skip_init(nn.Linear, 3, 2, bias=False)
        with torch.no_grad():
            module.weight.copy_(weight)
        return module

    check, seen = recorded(case=tensors(2, 3).map(linear))
    rehearsed(check)
    drawn = [case.weight for case in seen]
    seen.clear()
    assert check.recall(candidate=Candidate())
    assert len(drawn) == 12
    assert all(torch.equal(case.weight, weight) for case, weight in zip(seen, drawn, strict=True))


@pytest.mark.parametrize(
    "value",
    [torch.ones(2, requires_grad=True) * 2, Own(1, 1), changed(nn.Linear(1, 1)), hooked(), object(), [object()]],
)
def test_what_has_a_history_or_is_unknown_is_not_copied(value: Any) -> None:
    with pytest.raises(Unrepeatable):
        Copy().of(value)
