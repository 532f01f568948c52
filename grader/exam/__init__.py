"""The trusted side: what checks are written against, and the examiner that runs them.

The names are loaded on first use: the pytest plugin lives in this package, and must not cost every pytest of the
machine an `import torch`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grader.errors import Text
    from grader.exam.checks import check, given
    from grader.exam.comparisons import (
        assert_close,
        assert_dtype,
        assert_equal,
        assert_finite,
        assert_frequency,
        assert_same,
        assert_shape,
        fail,
        gradients,
        raises_value_error,
        require,
    )
    from grader.exam.diagnosis import Frequency, Raised, attempt
    from grader.exam.expectations import expectation
    from grader.exam.strategies import bool_tensors, dtypes, generators, integers_tensor, sizes, tensors
else:
    _NAMES = {
        "grader.errors": ("Text",),
        "grader.exam.checks": ("check", "given"),
        "grader.exam.comparisons": (
            "assert_close", "assert_dtype", "assert_equal", "assert_finite", "assert_frequency", "assert_same",
            "assert_shape", "fail", "gradients", "raises_value_error", "require",
        ),
        "grader.exam.diagnosis": ("Frequency", "Raised", "attempt"),
        "grader.exam.expectations": ("expectation",),
        "grader.exam.strategies": ("bool_tensors", "dtypes", "generators", "integers_tensor", "sizes", "tensors"),
    }  # fmt: skip
    _HOMES = {name: module for module, names in _NAMES.items() for name in names}

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(_HOMES[name]), name)
        return found


__all__ = [
    "Frequency",
    "Raised",
    "Text",
    "assert_close",
    "assert_dtype",
    "assert_equal",
    "assert_finite",
    "assert_frequency",
    "assert_same",
    "assert_shape",
    "attempt",
    "bool_tensors",
    "check",
    "dtypes",
    "expectation",
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
