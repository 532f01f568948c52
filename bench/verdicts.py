"""What a whole verdict on a right answer takes, by exercise, beside self_attention's: one run, one table.

    python bench/verdicts.py [--exercise ID ...] [--rounds N] [--checks]

A daemon of its own, which has rehearsed every exercise before the first round. Rounds take turns over all exercises,
so that a machine whose speed drifts drifts for all rows. A figure is the median of the verdict's own `seconds`; the
ratio is to the median of self_attention in the same run. `--checks` adds where the time goes, by check.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from grader.content import Catalogue, Exercise, builtin_root
from grader.daemon import client
from grader.errors import PracticeError
from grader.verdict import Verdict

PRACTICE = str(Path(sys.executable).parent / "practice")
MEASURE = "self_attention"
# At the third request of an exercise a daemon rehearses its checks, if no idle moment came before.
REQUESTS_UNTIL_REHEARSED = 3
# Idle seconds in which a daemon imports what the first step of an optimizer needs.
IDLE = 5.0


def verdict_on(exercise: Exercise) -> Verdict:
    """The daemon's verdict on the exercise's own reference."""
    source = exercise.reference_file.read_text(encoding="utf-8")
    verdict = client.run(client.Request(exercise.id, source, "reference.py"))
    if not verdict.passed:
        failed = ", ".join(check.id for check in verdict.checks if check.outcome != "passed")
        raise SystemExit(f"{exercise.reference_file} does not pass {failed}: run `practice prove {exercise.id}`")
    return verdict


def measured(exercises: Sequence[Exercise], rounds: int) -> dict[str, list[Verdict]]:
    """Verdicts by exercise, one of each round."""
    for _ in range(REQUESTS_UNTIL_REHEARSED):
        for exercise in exercises:
            verdict_on(exercise)
    time.sleep(IDLE)
    verdicts: dict[str, list[Verdict]] = defaultdict(list)
    for _ in range(rounds):
        for exercise in exercises:
            verdicts[exercise.id].append(verdict_on(exercise))
    return verdicts


def report(verdicts: dict[str, list[Verdict]], *, checks: bool) -> None:
    seconds = {name: [verdict.seconds for verdict in row] for name, row in verdicts.items()}
    unit = statistics.median(seconds[MEASURE])
    rounds = len(seconds[MEASURE])
    print(f"{rounds} rounds, {os.cpu_count()} cores; seconds of a warm verdict, and times {MEASURE}'s {unit:.2f} s")
    print(f"{'':<22}{'checks':>8}{'median':>8}{'min':>8}{'max':>8}{'ratio':>8}")
    for name in sorted(seconds, key=lambda name: -statistics.median(seconds[name])):
        values, count = seconds[name], len(verdicts[name][0].checks)
        middle = statistics.median(values)
        print(f"{name:<22}{count:>8}{middle:>8.2f}{min(values):>8.2f}{max(values):>8.2f}{middle / unit:>8.2f}")
        if checks:
            for position, check in enumerate(verdicts[name][0].checks):
                spent = statistics.median(verdict.checks[position].seconds for verdict in verdicts[name])
                print(f"    {check.id:<34}{1e3 * spent:>8.0f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exercise", action="append", metavar="ID", help="only this one; may be given several times")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--checks", action="store_true", help="also the seconds of each check")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds: at least one")
    catalogue = Catalogue([builtin_root()])
    known = catalogue.ids()
    unknown = [name for name in options.exercise or () if name not in known]
    if unknown:
        parser.error(f"--exercise: no exercise {unknown[0]!r}; there are {', '.join(known)}")
    wanted = {MEASURE, *(options.exercise or known)}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PRACTICE_RUNTIME_DIR"] = folder
        try:
            verdicts = measured([catalogue.get(name) for name in known if name in wanted], options.rounds)
        except PracticeError as error:  # also where a file of the package changes meanwhile: the daemon is then stale
            raise SystemExit(str(error)) from None
        finally:
            subprocess.run([PRACTICE, "daemon", "stop"], capture_output=True, check=False)
    report(verdicts, checks=options.checks)


if __name__ == "__main__":
    main()
