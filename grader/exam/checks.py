"""How an author marks a check and has it run over drawn cases."""

from __future__ import annotations

import inspect
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis import strategies as st

from grader.errors import Text
from grader.exam.failures import Again, CandidateRaised, CheckFailure, TooSlow
from grader.exam.remembered import Memory

Test = Callable[..., None]


@dataclass(frozen=True, slots=True)
class CheckInfo:
    """What `@check` says of a test function."""

    title: Text
    hint: Text
    points: float
    rules: tuple[str, ...]


def check(*, title: Text, hint: Text, points: float = 1, rules: Sequence[str] = ()) -> Callable[[Test], Test]:
    """Mark a test function as a check: its title and hint are what a candidate reads, `rules` the rules that it
    holds.
    """
    if points <= 0:
        raise ValueError("points must be above zero")

    def mark(test: Test) -> Test:
        test.check_info = CheckInfo(title, hint, points, tuple(rules))  # type: ignore[attr-defined]  # a function takes attributes
        return test

    return mark


def given(*, examples: int = 50, **strategies: st.SearchStrategy[Any]) -> Callable[[Test], Test]:
    """Hypothesis's `given` with the kit's settings. Each example is logged, so that the last one, the smallest
    failure, can be shown.
    """

    def decorate(test: Test) -> Test:
        parameters = list(inspect.signature(test).parameters.values())
        names = [parameter.name for parameter in parameters]
        missing = [name for name in ("candidate", *strategies) if name not in names]
        if missing:
            raise TypeError(f"{test.__name__} must take an argument {missing[0]!r}")
        keywords = inspect.Signature([p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters])
        memory = Memory()

        def once(*, candidate: Any, **arguments: Any) -> None:
            candidate.log.begin({name: arguments[name] for name in strategies})
            try:
                test(candidate=candidate, **arguments)
            except (CheckFailure, CandidateRaised) as failure:
                first = candidate.log.failed is None
                candidate.log.keep(failure)
                if first and isinstance(failure, CandidateRaised) and failure.identity in candidate.log.told:
                    raise Again from failure
                raise

        @cache
        def prepared(phases: tuple[Phase, ...], seed: int) -> Test:
            """The test under Hypothesis; made when first wanted."""

            def example(**arguments: Any) -> None:
                if memory.learns:
                    memory.learn({name: arguments[name] for name in strategies})
                once(**arguments)
                if memory.learns:
                    memory.settle()

            # Hypothesis reads the signature.
            example.__name__, example.__qualname__, example.__module__ = (
                test.__name__,
                test.__qualname__,
                test.__module__,
            )
            example.__signature__ = keywords  # type: ignore[attr-defined]  # a function takes attributes
            settings = _settings(examples, phases)
            under: Test = hypothesis.seed(seed + zlib.crc32(test.__name__.encode()))(
                settings(hypothesis.given(**strategies)(example))
            )
            # Nothing is kept under this key; without one, Hypothesis reads the test's source at each run to make it.
            under._hypothesis_internal_database_key = None  # type: ignore[attr-defined]
            return under

        def recall(**fixtures: Any) -> bool:
            """Run all examples, where they are known from a rehearsal; False where they are not."""
            if _seed.get() != memory.seed or not memory.known:
                return False
            fixtures["candidate"].log.failed = None
            memory.run(lambda arguments: once(**fixtures, **arguments))
            return True

        def run(**fixtures: Any) -> None:
            log = fixtures["candidate"].log
            log.failed = None
            try:
                prepared(_QUICK if _quick.get() else _WHOLE, _seed.get())(**fixtures)
            except (TooSlow, Again):
                # Making it smaller took the time, or is not wanted: what was found counts, as small as it has become.
                failure = log.recall()
                if failure is None:
                    raise
                raise failure from None

        run.__name__, run.__qualname__, run.__module__, run.__doc__ = (
            test.__name__,
            test.__qualname__,
            test.__module__,
            test.__doc__,
        )
        wanted = [p for p in keywords.parameters.values() if p.name not in strategies]
        run.__signature__ = inspect.Signature(wanted)  # type: ignore[attr-defined]  # what pytest gives as fixtures
        run.memory, run.recall = memory, recall  # type: ignore[attr-defined]
        return run

    return decorate


_WHOLE = (Phase.explicit, Phase.generate, Phase.shrink)
_QUICK = (Phase.explicit, Phase.generate)
_quick: ContextVar[bool] = ContextVar("quick failure", default=False)
_seed: ContextVar[int] = ContextVar("seed", default=0)


@contextmanager
def quick_failure() -> Iterator[None]:
    """Within it, a failing example is not made smaller: only that it fails is wanted."""
    token = _quick.set(True)
    try:
        yield
    finally:
        _quick.reset(token)


def only_whether_it_fails() -> bool:
    """Whether this is within `quick_failure`."""
    return _quick.get()


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Within it, other examples are drawn than the usual ones: for the proof that right answers pass whatever is
    drawn.
    """
    token = _seed.set(seed)
    try:
        yield
    finally:
        _seed.reset(token)


def _settings(examples: int, phases: tuple[Phase, ...]) -> hypothesis.settings:
    """Silent about the speed of other people's machines. `derandomize` would seed by the test's source, at a cost."""
    return hypothesis.settings(
        max_examples=examples,
        derandomize=False,
        database=None,
        deadline=None,
        phases=phases,
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )
