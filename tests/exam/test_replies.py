"""A worker's word on its parameters makes room in the examiner: only what has the form, and a size that can be."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from grader.errors import WireError
from grader.exam.replies import checked

REQUEST = {"seq": 1, "op": "call", "grad": True, "outline": True}


def replied(**parts: Any) -> dict[str, Any]:
    return checked(REQUEST, {"seq": 1, "value": None, "graph": 1, **parts})


def test_an_outline_is_taken() -> None:
    outline = [["weight", 3, True, torch.float32, (2, 0, 4)], ("scale", -1, False, torch.int64, [])]
    assert replied(parameters=outline)["parameters"] == [
        ("weight", 3, True, torch.float32, (2, 0, 4)),
        ("scale", -1, False, torch.int64, ()),
    ]


def test_an_outline_is_there_where_it_was_asked_for() -> None:
    with pytest.raises(WireError, match="parameters"):
        replied()


@pytest.mark.parametrize(
    "one",
    [
        5,
        ["weight", 3, True, torch.float32],
        ["weight\n", 3, True, torch.float32, (2,)],
        ["weight", "3", True, torch.float32, (2,)],
        ["weight", 3, 1, torch.float32, (2,)],
        ["weight", 3, True, "float32", (2,)],
        ["weight", 3, True, torch.float32, 2],
        ["weight", 3, True, torch.float32, (2.0,)],
        ["weight", 3, True, torch.float32, (-1,)],
        ["weight", 3, True, torch.float32, (1,) * 65],
        ["weight", 3, True, torch.float32, (1 << 40,)],
        ["weight", 3, True, torch.float32, (0, 1 << 70)],
    ],
)
def test_an_outline_of_another_form_is_refused(one: Any) -> None:
    with pytest.raises(WireError):
        replied(parameters=[one])


def test_many_parameters_together_may_be_too_large() -> None:
    large = [[f"weight{number}", number, True, torch.float32, (1 << 25,)] for number in range(1, 7)]
    assert len(replied(parameters=large[:3])["parameters"]) == 3
    with pytest.raises(WireError, match="too large"):
        replied(parameters=large)
