"""What the examiner itself spends on a submission's values has an end."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from grader.exam.failures import TooSlow
from grader.exam.patience import Patience


def spin() -> None:
    while True:
        pass


def test_a_check_that_computes_for_ever_ends_and_the_next_one_sooner() -> None:
    patience = Patience(0.3)
    for _ in range(2):
        with pytest.raises(TooSlow, match="too long to look at"), patience.for_a_check():
            spin()


def test_nothing_is_left_of_it_afterwards() -> None:
    with Patience(0.2).for_a_check():
        pass
    sum(range(20_000_000))  # more than the limit


def test_memory_has_an_end() -> None:
    code = (
        "import resource, grader.exam.patience as p; p.MEMORY = 64 << 20; p.limit_memory();"
        "print(resource.getrlimit(resource.RLIMIT_DATA)[0] > 0);"
        'exec(\'try:\\n    bytearray(1 << 30)\\n    print("took")\\nexcept MemoryError:\\n    print("refused")\')'
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "refused"]
    assert resource.getrlimit(resource.RLIMIT_DATA)[0] == resource.RLIM_INFINITY
