"""Work goes on: after the lock-down torch, numpy and the standard library do all that a candidate may ask of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from grader.confine import clean_environment

REFUSED = {
    "worker_processes": "PermissionError",
    "tensor over the limit": "RuntimeError",
    "array over the limit": "MemoryError",
    "bytes over the limit": "MemoryError",
    "list over the limit": "MemoryError",
    "matrix product over the limit": "RuntimeError",
    "thread": "RuntimeError",
    "shared tensor": "RuntimeError",
    "program": "PermissionError",
    "read this file": "PermissionError",
    "read a file": "PermissionError",
    "write a file": "RuntimeError",
}


@pytest.fixture(scope="module")
def outcome() -> dict[str, object]:
    # not imported here: a test process with torch in it forks, for all the other tests, at ten times the cost
    program = Path(__file__).with_name("torch_workload.py")
    environment = clean_environment() | {"PYTHONPATH": str(program.parents[2])}
    done = subprocess.run(
        [sys.executable, str(program)], capture_output=True, text=True, env=environment, check=False, timeout=120
    )
    assert done.returncode == 0, f"the confined process died: {done}"
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer


def test_the_workload_ran_in_full_confinement(outcome: dict[str, object]) -> None:
    assert outcome["level"] == "strict"


def test_all_work_is_done_and_only_what_must_be_is_refused(outcome: dict[str, object]) -> None:
    said = outcome["said"]
    assert isinstance(said, dict)
    assert len(said) == 26
    assert said == dict.fromkeys(said, "ok") | REFUSED
