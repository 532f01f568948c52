"""A wall clock that jumps by more than a year, for every process: verdicts and limits go by another one."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from daemon_world import HANGING
from faults_ground import PATIENCE, RIGHT, SLEEPS, WRONG, Ground, kept_as, plain_words, timeless

SHIM = Path(__file__).with_name("faults_jumping_clock.c")
YEAR = 365 * 86_400


@pytest.fixture
def jumping(ground: Ground) -> Iterator[Ground]:
    """Within, the system itself loads the shim into each program: a daemon's environment is not its client's."""
    compiler = shutil.which("cc")
    if not compiler:
        pytest.skip("takes a C compiler")
    shim, etc = ground.root / "clock.so", ground.root / "etc"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(shim), str(SHIM), "-ldl"], check=True)
    mounts = [
        f"mkdir '{etc}'",
        f"cp -a /etc/. '{etc}' 2>/dev/null || :",
        f"echo '{shim}' > '{etc}/ld.so.preload'",
        f"mount --bind '{etc}' /etc",
    ]
    with ground.within(*mounts):
        look = "import time; looks = []\nfor _ in range(8): looks.append(time.time()); time.sleep(0.1)\n"
        show = f"{look}print(max(looks) - min(looks))"
        told = subprocess.run(ground.placed([sys.executable, "-c", show]), capture_output=True, text=True, check=True)
        if float(told.stdout) < YEAR:
            pytest.skip("this system preloads nothing")
        yield ground


def test_every_verdict_is_right_and_kept_once(jumping: Ground) -> None:
    ground = jumping
    with (ground.content / "exercises/double/exercise.yaml").open("a") as about:
        about.write("limits: {call_seconds: 3}\n")
    hangs = HANGING.format(name="scale")
    shown = [ground.run(source) for source in (RIGHT, WRONG, SLEEPS, SLEEPS, RIGHT)]
    assert [each["outcome"] for each in shown] == ["passed", "failed", "passed", "passed", "passed"], (
        "no wait ends with a jump"
    )
    assert timeless(shown[0]) == timeless(shown[2]) == timeless(shown[4])
    began = time.monotonic()
    shown.append(ground.run(hangs))
    assert time.monotonic() - began < PATIENCE, "a limit is a limit"
    assert all("come back" in check["message"] for check in shown[-1]["checks"])
    daemon = ground.told_daemon()
    assert daemon
    for words in ("list", "review", "history", "hint double", "daemon status"):
        done = ground.practice_daemon("status") if words == "daemon status" else ground.practice(*words.split())
        assert done.returncode == 0, done.stderr
        plain_words(done.stderr, most=2)
    kept = [kept_as(each) for each in ground.attempts()]
    assert sorted(map(json.dumps, kept)) == sorted(map(json.dumps, shown)), "once each, whatever their times"
    assert all(0 <= each["seconds"] < PATIENCE for each in kept)
    assert ground.told_daemon() == daemon


def test_a_journal_from_the_future(jumping: Ground) -> None:
    """What was written down a year ahead stands in nobody's way once the clock is right again."""
    ground = jumping
    shown = [ground.run(source) for source in (WRONG, RIGHT, WRONG)]
    assert ground.practice("list").returncode == 0  # from the inbox into the database
    place, ground.place = ground.place, None
    try:
        shown.append(ground.run(RIGHT))
        for words in ("list", "review", "history", "hint double"):
            done = ground.practice(*words.split())
            assert done.returncode == 0, done.stderr
            plain_words(done.stderr, most=2)
        kept = [kept_as(each) for each in ground.attempts()]
        assert sorted(map(json.dumps, kept)) == sorted(map(json.dumps, shown))
    finally:
        ground.place = place
