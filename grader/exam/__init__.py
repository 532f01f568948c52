"""The trusted side: what checks are written against, and the examiner that runs them."""

from __future__ import annotations

from grader.errors import Text
from grader.exam.checks import check, given
from grader.exam.comparisons import (
    assert_close,
    assert_dtype,
    assert_equal,
    assert_finite,
    assert_frequency,
    assert_shape,
    fail,
    gradients,
    raises_value_error,
    require,
)
from grader.exam.diagnosis import Frequency, Raised, attempt
from grader.exam.strategies import bool_tensors, dtypes, generators, integers_tensor, sizes, tensors

__all__ = [
    "Frequency",
    "Raised",
    "Text",
    "assert_close",
    "assert_dtype",
    "assert_equal",
    "assert_finite",
    "assert_frequency",
    "assert_shape",
    "attempt",
    "bool_tensors",
    "check",
    "dtypes",
    "fail",
    "generators",
    "given",
    "gradients",
    "integers_tensor",
    "raises_value_error",
    "require",
    "sizes",
    "tensors",
]
