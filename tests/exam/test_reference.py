"""The reference beside a candidate: called directly, and not called again for what it has answered in a rehearsal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from exam_ground import double_exercise

from grader.exam.reference import Reference

COUNTING = """import torch
calls = []

def scale(x, *, factor):
    calls.append(x)
    if isinstance(factor, float) and factor < 0:
        return x * torch.rand(())
    return x * factor
"""


@pytest.fixture
def reference(tmp_path: Path) -> Reference:
    exercise = double_exercise(tmp_path)
    exercise.reference_file.write_text(COUNTING)
    return Reference(exercise)


def calls(reference: Reference) -> list[Any]:
    found: list[Any] = reference._module.calls
    return found


def test_an_answer_is_given_again(reference: Reference) -> None:
    x = torch.arange(6.0).reshape(2, 3)
    with reference.learning():
        learned = reference.scale(x, factor=2)
    again = reference.scale(x.clone(), factor=2)
    assert len(calls(reference)) == 1
    assert torch.equal(again, learned)
    again.zero_()
    learned.zero_()
    assert torch.equal(reference.scale(x, factor=2), x * 2)
    assert len(calls(reference)) == 1


def test_only_a_rehearsal_teaches(reference: Reference) -> None:
    for _ in range(2):
        reference.scale(torch.ones(2), factor=2)
    assert len(calls(reference)) == 2


@pytest.mark.parametrize(
    ("x", "factor"),
    [
        (torch.tensor([0.0, 1.0]), 2.0),
        (torch.tensor([0.0, 1.0]), True),
        (torch.tensor([-0.0, 1.0]), 2),
        (torch.tensor([0.0, 1.0], dtype=torch.float64), 2),
        (torch.tensor([[0.0, 1.0]]), 2),
        (torch.tensor([0.0, 9.0, 1.0])[::2], 2),
        (torch.tensor([0.0, 1.0], requires_grad=True), 2),
    ],
)
def test_what_differs_in_a_bit_is_computed(reference: Reference, x: torch.Tensor, factor: float) -> None:
    with reference.learning():
        reference.scale(torch.tensor([0.0, 1.0]), factor=2)
    answer = reference.scale(x, factor=factor)
    assert len(calls(reference)) == 2
    assert torch.equal(answer, x * factor)
    assert answer.dtype is x.dtype


def test_what_is_drawn_is_drawn_again(reference: Reference) -> None:
    drawn = []
    with reference.learning():
        for seed in (1, 1, 2):
            reference.seed(seed)
            drawn.append(reference.scale(torch.ones(1), factor=-1.0))
    assert len(calls(reference)) == 3
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_the_callers_generator_stays_as_it_is(reference: Reference) -> None:
    before = torch.get_rng_state()
    reference.scale(torch.ones(1), factor=-1.0)
    assert torch.equal(torch.get_rng_state(), before)


def test_gradients_come_back(reference: Reference) -> None:
    x = torch.ones(3, requires_grad=True)
    with reference.learning():
        for _ in range(2):
            (gradient,) = torch.autograd.grad(reference.scale(x, factor=3).sum(), x)
            assert torch.equal(gradient, torch.full((3,), 3.0))
