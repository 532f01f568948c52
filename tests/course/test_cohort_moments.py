"""Killed at a moment of the clock, and not of what is done: also while it only starts, and while it books."""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress

import pytest
from cohort_ground import Started, assert_whole, gone, hand_in_all, start
from course_ground import Ground

SOAK = bool(os.environ.get("SOAK"))
SEEDS = range(1, 6) if SOAK else [1]
KILLS = 10 if SOAK else 3
STUDENTS = 5  # who hand in before each kill
LATEST = 1.05  # of the usual time


def usual_seconds(ground: Ground, *words: str) -> float:
    began = time.monotonic()
    start(ground, "--resume", *words).ended()
    return time.monotonic() - began


def wait_until(moment: float, run: Started) -> None:
    while time.monotonic() < moment and run.process.poll() is None:
        time.sleep(0.005)


@pytest.mark.soak
@pytest.mark.parametrize("seed", SEEDS)
def test_the_run_is_killed_at_a_moment(course_ground: Ground, seed: int) -> None:
    draw = random.Random(seed)
    sources = hand_in_all(course_ground, STUDENTS)
    start(course_ground, "--student", "student000").ended()  # the daemon is there
    usual = usual_seconds(course_ground)
    moments: list[str] = []
    for number in range(1, KILLS + 1):
        words = ["--workers", "2"] if number % 5 == 3 else []
        moment = draw.uniform(0, LATEST) * usual
        moments.append(f"{moment:.2f} s")
        sources |= hand_in_all(course_ground, STUDENTS, first=number * STUDENTS)
        began = time.monotonic()
        run = start(course_ground, "--resume", *words)
        wait_until(began + moment, run)
        workers = run.workers()
        run.kill()
        assert gone(workers), f"seed {seed}, after {moments}: workers end with the run"
    start(course_ground, "--resume").ended()
    try:
        assert_whole(course_ground, sources)
    except AssertionError as error:
        raise AssertionError(f"seed {seed}, killed after {moments} of usually {usual:.2f} s: {error}") from error
    assert "0 parts graded" in start(course_ground).ended()


@pytest.mark.soak
@pytest.mark.parametrize("seed", SEEDS)
def test_a_worker_is_killed_at_a_moment(course_ground: Ground, seed: int) -> None:
    draw = random.Random(seed)
    sources = hand_in_all(course_ground, STUDENTS)
    usual = usual_seconds(course_ground, "--workers", "2")
    for number in range(1, (KILLS if SOAK else 2) + 1):
        moment = draw.uniform(0, LATEST) * usual
        sources |= hand_in_all(course_ground, STUDENTS, first=number * STUDENTS)
        began = time.monotonic()
        run = start(course_ground, "--resume", "--workers", "2")
        wait_until(began + moment, run)
        while run.process.poll() is None and not (workers := sorted(run.workers())):
            time.sleep(0.005)
        if run.process.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(draw.choice(workers), signal.SIGKILL)
        run.ended()
        try:
            assert_whole(course_ground, sources)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, kill {number}, after {moment:.2f} s: {error}") from error
