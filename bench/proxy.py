"""What two processes and confinement cost: the same checks on the same right answer, three ways, in one run.

    python bench/proxy.py [--exercise ID] [--rounds N]

bare        the submission is a module of this interpreter, called directly
proxied     in a worker behind the proxy, not confined
confined    in a worker behind the proxy, under everything that this machine has

Rounds take turns, so that a machine whose speed drifts drifts for all three. Ratios are of medians.
"""

from __future__ import annotations

import argparse
import inspect
import os
import statistics
import time
from types import SimpleNamespace
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

from grader.content import Catalogue, Exercise, builtin_root
from grader.exam import modules
from grader.exam.calls import Last, Log
from grader.exam.link import Link, Submitted
from grader.exam.reference import Reference
from grader.exam.remote import RemoteCandidate
from grader.exam.supply import Supply


class Bare:
    """The module itself, with the few things of a candidate that checks look at."""

    def __init__(self, exercise: Exercise) -> None:
        module = modules.load(exercise.reference_file, exercise.id)
        self.__dict__.update({entry.name: getattr(module, entry.name) for entry in exercise.entries})
        self.last = Last()
        self.log = Log()

    def seed(self, number: int) -> None:
        torch.manual_seed(number)


def run(exercise: Exercise, candidate: Any) -> float:
    """Seconds for all checks, called directly."""
    checks = modules.load(exercise.checks_file, exercise.id)
    reference = Reference(exercise)
    began = time.perf_counter()
    for name in exercise.checks:
        check = getattr(checks, name)
        wanted = inspect.signature(check).parameters
        fixtures = {"candidate": candidate, "reference": reference}
        candidate.seed(0)
        check(**{key: value for key, value in fixtures.items() if key in wanted})
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exercise", default="self_attention")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    torch.set_num_threads(1)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # as the grader does: one processor for a pair
    exercise = Catalogue([builtin_root()]).get(options.exercise)
    source = exercise.reference_file.read_text(encoding="utf-8")
    hidden = [builtin_root() / "exercises", builtin_root() / "solutions"]
    supplies = {"proxied": Supply(forbidden=hidden, confined=False), "confined": Supply(forbidden=hidden)}
    links = {name: Link(supply, exercise, Submitted(source, "reference.py")) for name, supply in supplies.items()}
    for link in links.values():
        link.start()
    candidates: dict[str, Any] = {
        "bare": Bare(exercise),
        **{name: RemoteCandidate(link) for name, link in links.items()},
    }
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(2 + options.rounds):
        for name, candidate in candidates.items():
            seconds[name].append(run(exercise, candidate))
    layers = SimpleNamespace(**links["confined"].isolation)
    print(
        f"{exercise.id}: {len(exercise.checks)} checks, {options.rounds} rounds, {os.cpu_count()} cores, {layers.level}"
    )
    base = statistics.median(seconds["bare"][2:])
    print(f"{'':<10}{'median ms':>10}{'min':>8}{'max':>8}{'ratio':>8}")
    for name, values in seconds.items():
        counted = values[2:]
        middle = statistics.median(counted)
        row = f"{middle * 1e3:>10.1f}{min(counted) * 1e3:>8.1f}{max(counted) * 1e3:>8.1f}{middle / base:>8.2f}"
        print(f"{name:<10}{row}")
    for link in links.values():
        link.close()
    for supply in supplies.values():
        supply.close()


if __name__ == "__main__":
    main()
