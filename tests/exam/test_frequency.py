"""assert_frequency fails exactly where a right answer would give such a count too rarely."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import pytest

from grader.exam import assert_frequency
from grader.exam.failures import CheckFailure


def rarity(hits: int, trials: int, p: Fraction) -> Fraction:
    """How likely so few hits are, or so many: the rarer of the two, without rounding."""
    chances = [comb(trials, k) * p**k * (1 - p) ** (trials - k) for k in range(trials + 1)]
    return min(sum(chances[: hits + 1], Fraction(0)), sum(chances[hits:], Fraction(0)))


def passes(hits: int, trials: int, p: float, alarm: float) -> bool:
    try:
        assert_frequency(hits, trials, p, alarm=alarm)
    except CheckFailure:
        return False
    return True


@pytest.mark.parametrize("p", [Fraction(1, 2), Fraction(1, 3), Fraction(7, 8), Fraction(1, 64)])
@pytest.mark.parametrize("trials", [1, 2, 40, 90])
@pytest.mark.parametrize("alarm", [0.1, 1e-3, 1e-9])
def test_it_is_the_exact_test(p: Fraction, trials: int, alarm: float) -> None:
    for hits in range(trials + 1):
        exact = rarity(hits, trials, p)
        if abs(exact / Fraction(alarm / 2) - 1) > 1e-6:
            assert passes(hits, trials, float(p), alarm) == (exact >= alarm / 2), hits


@pytest.mark.parametrize(("hits", "p", "right"), [(0, 0.0, True), (1, 0.0, False), (9, 1.0, True), (8, 1.0, False)])
def test_what_is_certain(hits: int, p: float, right: bool) -> None:
    assert passes(hits, 9, p, 1e-9) == right


def test_many_trials() -> None:
    deviation = 400  # of B(640000, 1/2)
    assert passes(320_000 + 5 * deviation, 640_000, 0.5, 1e-9)
    assert not passes(320_000 + 7 * deviation, 640_000, 0.5, 1e-9)
    assert not passes(320_000 - 7 * deviation, 640_000, 0.5, 1e-9)
    assert not passes(0, 640_000, 0.5, 1e-9)
