"""One daemon through submissions of every kind holds no more at the end than near the beginning, and judges as it did.

The suite sends sixty, and looks at no clock; SOAK=1 sends five thousand.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from soak_flatness import Latency, Row, Slack, quick
from soak_measures import SLACKS
from soak_submissions import SHARES, WEIGHT, Pool, Submission

SOAK = bool(os.environ.get("SOAK"))
COUNT = 5000 if SOAK else 60
BENCH = Path(__file__).parents[2] / "bench" / "soak.py"


@pytest.mark.soak
def test_nothing_grows_and_no_verdict_changes() -> None:
    options = ["--submissions", str(COUNT), *(() if SOAK else ("--no-clock",))]
    done = subprocess.run([sys.executable, str(BENCH), *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in SLACKS:
        assert name in done.stdout


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    return Pool(tmp_path_factory.mktemp("soak"))


def test_a_short_form_has_every_kind_and_sends_most_of_them_again(pool: Pool) -> None:
    drawn = pool.draw(54, random.Random(1))
    assert len(drawn) == 54
    assert {one.kind for one in drawn} == SHARES.keys()
    assert len({one.request.source for one in drawn}) <= 54 // 2


def test_a_seed_draws_the_same_again(pool: Pool) -> None:
    def names(seed: int) -> list[tuple[str, str]]:
        return [(one.kind, one.name) for one in pool.draw(300, random.Random(seed))]

    assert names(1) == names(1)
    assert names(1) != names(2)


def test_a_catalogued_mistake_is_sent_with_its_switch_on(pool: Pool) -> None:
    def module(one: Submission) -> dict[str, object]:
        names: dict[str, object] = {"__name__": "mistakes"}
        exec(one.request.source, names)
        return names

    for one in pool.kinds["mistake"][:3]:
        mistake = one.name.partition(": ")[2]
        faults = module(one)["faults"]
        assert callable(faults)
        assert faults(mistake)
        assert not faults("another")


@pytest.mark.parametrize("name", SLACKS)
def test_what_grows_by_one_with_each_submission_is_seen(name: str) -> None:
    """Memory by the weight that each submission has for this purpose."""
    each = len(WEIGHT) / (1 << 20) if "MB" in name else 1
    for count, usual in ((60, 240.0 if "MB" in name else 10.0), (5000, 240.0 if "MB" in name else 10.0)):
        points = min(50, count // 10)
        grown = [usual + each * count * number / points for number in range(points)]
        assert not Row.of(name, grown, SLACKS[name], count).flat
        assert Row.of(name, [usual] * points, SLACKS[name], count).flat


def test_one_odd_figure_is_no_growth() -> None:
    figures = [10.0] * 50
    figures[47] = 100.0
    row = Row.of("files", figures, Slack(), 5000)
    assert row.flat
    assert row.most == 100.0


def test_the_first_hundred_probes_are_compared_with_the_last() -> None:
    figures = [1.0] * 100 + [5.0] * 50 + [1.3] * 100
    assert Latency.of(figures).ratio == pytest.approx(1.3)
    assert Latency.of(figures[100:-60]).first == 5.0


def test_a_machine_that_became_slower_is_told_from_a_daemon_that_did() -> None:
    loop = Latency.of([1.0] * 100 + [2.0] * 100)
    assert Latency.of([3.0] * 100 + [6.0] * 100).over(loop).ratio == pytest.approx(1.0)
    assert Latency.of([3.0] * 100 + [9.0] * 100).over(loop).ratio == pytest.approx(1.5)


def test_the_quickest_tenth_sees_a_wait_that_all_have_and_not_one_that_others_cause() -> None:
    first = [0.3 + 0.001 * number for number in range(100)]
    held_up = [each + (5.0 if number % 4 else 0.0) for number, each in enumerate(first)]
    waiting = [each + 0.2 for each in first]
    assert Latency.of(first + held_up, quick).ratio < 1.2
    assert Latency.of(first + waiting, quick).ratio > 1.2
