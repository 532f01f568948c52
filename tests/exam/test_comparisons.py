"""What a check takes for equal, and for a ValueError that names its argument."""

from __future__ import annotations

import pytest
import torch

from grader.exam import assert_close, assert_equal, assert_frequency, assert_same, raises_value_error
from grader.exam.failures import CheckFailure


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("p",), "p must be in (0, 1]; it is 2"),
        (("p",), "bad P=2"),
        (("p",), "参数p必须在0和1之间"),
        (("n_heads",), "d_model=6 cannot be cut into n_heads=4"),
        (("sparsity",), "Sparsity's range is [0, 1]"),
        (("text_emb", "image_emb"), "image_emb is empty"),
        (("text_emb", "image_emb"), "text_embeddings and images differ"),
    ],
)
def test_a_message_that_names_the_argument_is_accepted(arguments: tuple[str, ...], said: str) -> None:
    with raises_value_error(*arguments):
        raise ValueError(said)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("p",), "a bad probability"),
        (("p",), "top_p is out of range"),
        (("n",), "not a number"),
        (("scale",), "rescale it"),
        (("text_emb", "image_emb"), "bad shapes"),
        (("p",), ""),
    ],
)
def test_a_message_that_does_not_is_refused(arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(CheckFailure, match="must name the argument"), raises_value_error(*arguments):
        raise ValueError(said)


def test_nothing_raised_is_refused() -> None:
    with pytest.raises(CheckFailure, match="nothing was raised"), raises_value_error("p"):
        pass


@pytest.mark.parametrize(
    ("actual", "expected"),
    [
        (torch.tensor([1.5]), torch.tensor([1])),
        (torch.tensor([2]), torch.tensor([True])),
        (torch.tensor([-0.5]), torch.tensor([False])),
        (torch.tensor([float("nan")]), torch.tensor([0])),
        (torch.tensor([float("nan")]), torch.tensor([float("nan")])),
        (torch.tensor([1 + 1j]), torch.tensor([1.0])),
        (torch.tensor([1 + 0j]), torch.tensor([1])),
        (torch.tensor([257]), torch.tensor([1], dtype=torch.uint8)),
    ],
)
def test_what_is_only_equal_once_it_is_cast_is_not_equal(actual: torch.Tensor, expected: torch.Tensor) -> None:
    with pytest.raises(CheckFailure):
        assert_equal(actual, expected)


@pytest.mark.parametrize(
    ("actual", "expected"),
    [
        (torch.tensor([1.0, 0.0]), torch.tensor([True, False])),
        (torch.tensor([1, 0], dtype=torch.uint8), torch.tensor([True, False])),
        (torch.tensor([True, False]), torch.tensor([1, 0])),
        (torch.tensor([0.1], dtype=torch.float64), torch.tensor([0.1])),
        (torch.tensor([3], dtype=torch.int32), torch.tensor([3.0])),
        (torch.tensor([-0.0]), torch.tensor([0.0])),
    ],
)
def test_equal_values_of_another_dtype_are_equal(actual: torch.Tensor, expected: torch.Tensor) -> None:
    assert_equal(actual, expected)


def test_complex_results_are_told_apart_from_real_ones() -> None:
    one, other = torch.tensor([1 + 1j]), torch.tensor([1 - 1j])
    for expected in (torch.tensor([1.0]), other):
        with pytest.raises(CheckFailure, match="complex"):
            assert_close(one, expected)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_nothing_agrees_with_what_is_not_finite(value: float) -> None:
    with pytest.raises(CheckFailure, match="contains"):
        assert_close(torch.tensor([1.0, value]), torch.tensor([1.0, value]))


def test_a_submission_with_nothing_to_count_has_no_share() -> None:
    with pytest.raises(CheckFailure, match="nothing to count"):
        assert_frequency(0, 0, 0.5)


def test_two_results_of_a_submission_agree_in_nan_too() -> None:
    odd = torch.tensor([1.0, float("nan"), float("inf")])
    assert_same(odd.clone(), odd)
    for other in (torch.tensor([1.5, float("nan"), float("inf")]), torch.tensor([1.0, 0.0, float("inf")])):
        with pytest.raises(CheckFailure):
            assert_same(other, odd)
