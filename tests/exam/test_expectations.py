"""What a check expects is computed in a rehearsal, and given again for the same bits."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import torch
from exam_ground import double_exercise

from grader.exam import expectation
from grader.exam.expectations import learning
from grader.exam.local import LocalCandidate
from grader.exam.reference import Reference


class Case(NamedTuple):
    """As checks draw them, with a method that says what is expected."""

    x: torch.Tensor
    parts: dict[str, torch.Tensor]

    @expectation
    def total(self, factor: float) -> torch.Tensor:
        computed.append(factor)
        return (self.x.sum() + sum(part.sum() for part in self.parts.values())) * factor


class OtherCase(NamedTuple):
    """Equal to a Case as a tuple."""

    x: torch.Tensor
    parts: dict[str, torch.Tensor]


computed: list[Any] = []


def case(last: float = 2.0) -> Case:
    return Case(torch.ones(3), {"a": torch.tensor([1.0, last])})


def test_what_a_rehearsal_has_computed_is_given_again() -> None:
    computed.clear()
    with learning():
        first = case().total(0.5)
    again = case().total(0.5)
    assert computed == [0.5]
    assert torch.equal(first, torch.tensor(3.0))
    assert torch.equal(again, first)
    again.zero_()
    assert torch.equal(case().total(0.5), first)


def test_other_bits_are_computed() -> None:
    computed.clear()
    with learning():
        case().total(2.0)
    assert float(case(7.0).total(2.0)) == 22.0
    assert float(case().total(4.0)) == 24.0
    assert computed == [2.0, 2.0, 4.0]


def test_without_a_rehearsal_nothing_is_kept() -> None:
    computed.clear()
    for _ in range(2):
        case().total(8.0)
    assert computed == [8.0, 8.0]


def test_the_kind_of_a_case_counts() -> None:
    computed.clear()

    @expectation
    def width(one: Any) -> str:
        computed.append(one)
        return type(one).__name__

    with learning():
        assert width(case()) == "Case"
        assert width(OtherCase(*case())) == "OtherCase"
    assert len(computed) == 2


def test_the_reference_is_known_by_its_file_and_a_candidate_is_always_asked(tmp_path: Path) -> None:
    exercise = double_exercise(tmp_path)
    computed.clear()

    @expectation
    def doubled(candidate: Any, x: torch.Tensor) -> torch.Tensor:
        computed.append(candidate)
        result: torch.Tensor = candidate.scale(x, factor=2)
        return result

    x = torch.ones(2)
    reference = Reference(exercise)
    with learning():
        for _ in range(2):
            doubled(Reference(exercise), x)
            doubled(LocalCandidate(exercise, reference._module), x)
    assert [type(one) for one in computed] == [Reference, LocalCandidate, LocalCandidate]
    source = exercise.reference_file.read_text(encoding="utf-8")
    exercise.reference_file.write_text(source + "\n\ndef scale(x, *, factor):\n    return x * 10\n", encoding="utf-8")
    assert torch.equal(doubled(Reference(exercise), x), 10 * x)
