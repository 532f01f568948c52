"""One daemon, thousands of submissions, honest and hostile mixed: what it holds stays flat, and so does its latency.

    python bench/soak.py [--submissions 5000] [--seed 1] [--at-once N] [--no-clock] [--table FILE]

A daemon of its own gets right answers, catalogued mistakes and stubs of several exercises, hostile submissions out of
tests/hostile (exits, crashes, forged frames, memory, forks, floods of output, values that lie; a few that hang),
clients that hang up in the middle, and requests that cannot be met. Every tenth submission is the *probe*: the same
right answer, graded alone, whose latency is looked at. Before the first one counts, the daemon has rehearsed every
exercise and done what it does in idle moments.

holdings   looked at fifty times, while nobody is at work: the median of the second tenth of the run, of the last tenth,
           the most there was, and what the last may come to. Memory is what a process alone has to be held for (PSS,
           without pages of files). In the temporary folder and in shared memory others of the machine write too: there,
           only what grows with the submissions is seen. `--table` writes all fifty, with the probe's time.
latency    the first hundred probes, the last hundred, and the ratio, beside a loop that only computes, timed after each
           probe. Wall time is what a client waits for, and on a machine with other work it is mostly their time. So
           what counts, 1.2 at most, is the median of the processor time that daemon, examiner and worker took for the
           probe, over the loop's; and, so that a mere wait is seen too, the wall time of the quickest tenth, which
           others held up least: as it is, and over the loop's. It grows where both do. `--no-clock` counts none.
verdicts   each must be the one that the same submission got the first time; right answers pass, all others do not.

Ends with status 1 and a line for each thing that is not so. Ctrl-C ends it early, with the table of what was done.
All 5,000 take about 40 minutes of processor time.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from statistics import median

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path += [str(TESTS / "hostile"), str(TESTS / "soak")]  # attacks, and what the suite's own soak shares

from soak_flatness import Latency, Row, quick
from soak_measures import SLACKS, Eyes, Gone, end
from soak_submissions import Pool, Submission, Told, probe, send

from grader.daemon import client
from grader.daemon.protocol import Event

PROBE_EVERY = 10
POINTS = 50
PROBES_A_POINT = 10
LEAST = 4 * PROBE_EVERY
MOST_RATIO = 1.2
# Each of these grows where all of its figures do.
COUNTING = (("processor / loop",), ("wall, quick", "wall / loop, quick"))
# At the third request of an exercise a daemon rehearses its checks, and at the sixth its mistakes, if no idle moment
# came before.
REQUESTS_UNTIL_REHEARSED = 6
COMPUTED = 1_000_000


class Soak:
    """One run, and all that was seen in it."""

    def __init__(self, folder: Path, at_once: int) -> None:
        self.pool = Pool(folder)
        self.probe = probe()
        self.at_once = at_once
        self.done = 0
        self.notices: list[Event] = []
        self.known: dict[tuple[str, str], Told] = {}
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.figures: dict[str, list[float]] = defaultdict(list)
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.points: list[dict[str, float]] = []
        isolation = client.run(self.probe.request).isolation
        if isolation != "strict":
            raise SystemExit(f"isolation is {isolation} here: hostile submissions run only where it is strict")
        self.eyes = Eyes(folder / "run", self.pool.scratch)
        for _ in range(REQUESTS_UNTIL_REHEARSED):
            self.send([self.probe, *self.pool.warming()])
        self.eyes.open()

    def run(self, count: int, chance: random.Random) -> None:
        """Send them all."""
        probes = count // PROBE_EVERY
        mixed = iter(self.pool.draw(probes * (PROBE_EVERY - 1), chance))
        points = {round((number + 1) * probes / POINTS) for number in range(POINTS)}
        for number in range(1, probes + 1):
            self.send(list(islice(mixed, PROBE_EVERY - 1)))
            self.time_probe()
            self.done = number * PROBE_EVERY
            if number in points:
                self.note()
                print(f"{self.done} of {count}", end="\r", file=sys.stderr, flush=True)

    def send(self, batch: list[Submission]) -> None:
        """So many at once as there may be; what each was told is judged."""
        with ThreadPoolExecutor(self.at_once) as threads:
            for one, told in zip(batch, threads.map(lambda one: send(one, self.notices), batch), strict=True):
                self.judge(one, told)

    def note(self) -> None:
        for name, figure in self.eyes.take().items():
            self.figures[name].append(figure)
        times = {f"probe: {name}, ms": median(each[-PROBES_A_POINT:]) * 1e3 for name, each in self.seconds.items()}
        self.points.append(
            {"submissions": self.done, **{name: each[-1] for name, each in self.figures.items()}, **times}
        )

    def judge(self, one: Submission, told: Told) -> None:
        """Remember what a submission was told, or compare it with what it was told before."""
        self.counts[one.kind] += 1
        before = self.known.setdefault((one.kind, one.name), told)
        what = f"{one.kind}: {one.name}"
        if told[0] == "fault":
            self.wrong.append(f"{what}: {told[1]}")
        elif told != before:
            self.wrong.append(f"{what}: first {before}, now {told}")
        elif one.passes is not None and (told[0] == "passed") != one.passes:
            self.wrong.append(f"{what}: {told[0]}")

    def time_probe(self) -> None:
        self.eyes.settle()
        used, began = self.eyes.seconds(), time.perf_counter()
        told = send(self.probe, self.notices)
        self.seconds["wall"].append(time.perf_counter() - began)
        self.eyes.settle()  # what the dead have used is known once they are buried
        self.seconds["processor"].append(self.eyes.seconds() - used)
        self.judge(self.probe, told)
        began, used = time.perf_counter(), time.process_time()
        sum(number * number for number in range(COMPUTED))
        self.seconds["loop, wall"].append(time.perf_counter() - began)
        self.seconds["loop, processor"].append(time.process_time() - used)

    def latencies(self) -> dict[str, Latency]:
        found = {name: Latency.of(figures) for name, figures in self.seconds.items()}
        found |= {f"{name}, quick": Latency.of(self.seconds[name], quick) for name in ("wall", "loop, wall")}
        found["processor / loop"] = found["processor"].over(found["loop, processor"])
        found["wall / loop, quick"] = found["wall, quick"].over(found["loop, wall, quick"])
        return found


def report(soak: Soak, *, clock: bool) -> list[str]:
    """Print the table; what is not as it should be."""
    count = soak.done
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(soak.counts.items()))
    print(f"{count} submissions, {soak.at_once} at once, {os.cpu_count()} cores; with the warm-up: {kinds}")
    problems = soak.wrong + [f"the daemon said: {notice['text'][0]}" for notice in soak.notices]
    print(f"\n{'holdings':<26}{'2nd tenth':>11}{'last tenth':>11}{'most':>9}{'allowed':>9}")
    for name, figures in soak.figures.items():
        row = Row.of(name, figures, SLACKS[name], count)
        digits = 1 if "MB" in name else 0
        shown = (f"{figure:>{width}.{digits}f}" for figure, width in zip(row.shown(), (11, 11, 9, 9), strict=True))
        print(f"{name:<26}{''.join(shown)}{'' if row.flat else '  GROWS'}")
        if not row.flat:
            problems.append(f"{name} grows: {row.early:.1f}, then {row.late:.1f}; {row.allowed:.1f} is allowed")
    latencies = soak.latencies()
    print(f"\n{'latency of the probe':<26}{'first, ms':>11}{'last, ms':>11}{'ratio':>9}")
    for name, row in latencies.items():
        unit = 1 if "/" in name else 1e3
        print(f"{name:<26}{row.first * unit:>11.2f}{row.last * unit:>11.2f}{row.ratio:>9.2f}")
    for names in COUNTING if clock else ():
        least = min((latencies[name].ratio, name) for name in names)
        if least[0] > MOST_RATIO:
            problems.append(f"latency grows: {least[1]} is {least[0]:.2f} times what it was; {MOST_RATIO} is allowed")
    print(f"\nverdicts: {sum(soak.counts.values())}, {len(soak.known)} different submissions, {len(soak.wrong)} wrong")
    return problems


def write(path: Path, points: list[dict[str, float]]) -> None:
    rows = [list(points[0])] if points else []
    rows += [[f"{figure:.10g}" for figure in point.values()] for point in points]
    path.write_text("".join("\t".join(row) + "\n" for row in rows), "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--submissions", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=os.cpu_count() or 1, help="clients beside each other")
    parser.add_argument("--no-clock", action="store_true", help="latency does not count")
    parser.add_argument("--table", type=Path, help="where all points go, separated by tabs")
    options = parser.parse_args()
    if options.submissions < LEAST or options.submissions % PROBE_EVERY:
        parser.error(f"--submissions: in {PROBE_EVERY}s, {LEAST} at least")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "run").mkdir(mode=0o700)
        os.environ["PRACTICE_RUNTIME_DIR"] = str(folder / "run")
        try:
            soak = Soak(folder, options.at_once)
            with contextlib.suppress(KeyboardInterrupt):
                soak.run(options.submissions, random.Random(options.seed))
        except Gone as error:  # also where a file of the package changes meanwhile: the daemon is then stale
            raise SystemExit(f"{error}: it died, or the package was edited while this ran") from None
        finally:
            end()
    if options.table is not None:
        write(options.table, soak.points)
    if soak.done < LEAST:
        raise SystemExit("ended before there was anything to compare")
    problems = report(soak, clock=not options.no_clock)
    for problem in problems:
        print(f"NOT FLAT: {problem}")
    raise SystemExit(1 if problems else 0)


if __name__ == "__main__":
    main()
