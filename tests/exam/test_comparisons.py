"""What a check accepts as a ValueError that names its argument."""

from __future__ import annotations

import pytest

from grader.exam import raises_value_error
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
