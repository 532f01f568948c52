"""Bytes of strangers: what was found is refused ever since, and a short run finds nothing new."""

from __future__ import annotations

import importlib.util
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from fuzz_targets import SEEDS, TARGETS

HERE = Path(__file__).parent
FOUND = sorted(path for path in (HERE / "found").glob("*/*") if path.is_file())
SOAK = bool(os.environ.get("SOAK"))
RUNS = dict.fromkeys(TARGETS, 200_000 if SOAK else 1500)
RUNS["notebooks"] //= 10  # each is compared with the notebook that was handed out
CHANGES = 60


@pytest.mark.parametrize("path", FOUND, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_was_found_is_refused(path: Path) -> None:
    TARGETS[path.parent.name](path.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_right_is_taken_and_what_is_cut_or_changed_is_refused(name: str) -> None:
    """Without atheris: the seeds, their beginnings, and a few bytes of them changed."""
    random_ = random.Random(name)
    for seed in SEEDS[name]():
        TARGETS[name](seed)
        for _ in range(CHANGES):
            changed = bytearray(seed[: random_.choice((len(seed), random_.randrange(len(seed) + 1)))])
            for _ in range(random_.randrange(4)):
                if changed:
                    changed[random_.randrange(len(changed))] = random_.randrange(256)
            TARGETS[name](bytes(changed))


@pytest.mark.soak
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed: pip install atheris")
@pytest.mark.parametrize("name", TARGETS)
def test_a_run_finds_nothing(name: str, tmp_path: Path) -> None:
    command = [sys.executable, str(HERE / "fuzz_run.py"), name, "--runs", str(RUNS[name]), "--artifacts", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert list(tmp_path.iterdir()) == []
    assert f"Done {RUNS[name]} runs" in done.stderr
