"""How an author marks a check and has it run over drawn cases."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis import strategies as st

from grader.errors import Text

Test = Callable[..., None]


@dataclass(frozen=True, slots=True)
class CheckInfo:
    """What `@check` says of a test function."""

    title: Text
    hint: Text
    points: float
    rules: tuple[str, ...]


def check(*, title: Text, hint: Text, points: float = 1, rules: Sequence[str] = ()) -> Callable[[Test], Test]:
    """Mark a test function as a check: its title and hint are what a candidate reads, `rules` the rules that it holds."""
    if points <= 0:
        raise ValueError("points must be above zero")

    def mark(test: Test) -> Test:
        test.check_info = CheckInfo(title, hint, points, tuple(rules))  # type: ignore[attr-defined] - a function takes attributes
        return test

    return mark


def given(*, examples: int = 50, **strategies: st.SearchStrategy[Any]) -> Callable[[Test], Test]:
    """Hypothesis's `given` with the kit's settings. Each example is logged, so that the last one, the smallest failure, can be shown."""

    def decorate(test: Test) -> Test:
        @functools.wraps(test)
        def example(*, candidate: Any, **arguments: Any) -> None:
            candidate.log.begin({name: arguments[name] for name in strategies})
            test(candidate=candidate, **arguments)

        parameters = list(inspect.signature(test).parameters.values())
        missing = [name for name in ("candidate", *strategies) if name not in {p.name for p in parameters}]
        if missing:
            raise TypeError(f"{test.__name__} must take an argument {missing[0]!r}")
        keyword = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters]
        example.__signature__ = inspect.Signature(keyword)  # type: ignore[attr-defined] - read by hypothesis
        del example.__wrapped__  # type: ignore[attr-defined] - or hypothesis would look at the original's signature
        return SETTINGS(max_examples=examples)(hypothesis.given(**strategies)(example))

    return decorate


def SETTINGS(max_examples: int) -> hypothesis.settings:  # noqa: N802 - stands beside hypothesis.settings, reads as one
    """Deterministic, and silent about the speed of other people's machines."""
    return hypothesis.settings(
        max_examples=max_examples,
        derandomize=DERANDOMIZE[0],
        database=None,
        deadline=None,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )


# One switch for the proof's repeated runs with other seeds.
DERANDOMIZE = [True]
