"""Real kills: whatever dies, and whenever, nothing is lost, nothing counts twice, and nothing is mixed up."""

from __future__ import annotations

import os
import random
import signal
from contextlib import suppress

import pytest
from cohort_ground import Started, assert_whole, gone, graded_by_daemon, hand_in_all, start
from course_ground import Ground

STUDENTS = 60 if os.environ.get("SOAK") else 30
PARTS = 2 * STUDENTS  # the notebook, and the question that nobody answers
KILLS = 12 if os.environ.get("SOAK") else 3
THREADS = 2 * (os.cpu_count() or 1) + 4  # at most so many are under way when a run is killed


def kill_at(started: Started, count: int) -> bool:
    """Kill the run once so many parts have a result; False where it has ended before."""
    there = started.wait_for(count)
    workers = started.workers()
    started.kill()
    assert gone(workers), "workers end with the run"
    return there


@pytest.mark.soak
def test_the_run_is_killed(course_ground: Ground) -> None:
    sources = hand_in_all(course_ground, STUDENTS)
    start(course_ground, "--student", "student000").ended()  # the daemon is there
    before = graded_by_daemon(course_ground)
    draw = random.Random(3)
    counts = sorted(draw.sample(range(4, PARTS - 10), KILLS))
    for number, count in enumerate(counts):
        words = ["--workers", "2"] if number % 2 else []
        assert kill_at(start(course_ground, "--resume", *words), count)
    start(course_ground, "--resume").ended()
    assert_whole(course_ground, sources)
    asked = graded_by_daemon(course_ground) - before
    assert STUDENTS - 1 <= asked <= STUDENTS - 1 + KILLS * THREADS, "only what was under way is asked for again"
    assert "0 parts graded" in start(course_ground).ended()
    assert graded_by_daemon(course_ground) - before == asked


@pytest.mark.soak
def test_workers_are_killed(course_ground: Ground) -> None:
    sources = hand_in_all(course_ground, STUDENTS)
    started = start(course_ground, "--workers", "2")
    draw = random.Random(4)
    killed: set[int] = set()
    for count in sorted(draw.sample(range(2, PARTS - 20), KILLS)):
        assert started.wait_for(count)
        workers = sorted(started.workers())
        if workers:
            victim = draw.choice(workers)
            with suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
                killed.add(victim)
    out = started.ended()
    assert len(killed) >= KILLS // 2
    assert f"{STUDENTS} submissions; {PARTS} parts graded" in out
    assert_whole(course_ground, sources)
