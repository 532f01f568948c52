"""What a soak sends: right answers, mistakes and stubs of several exercises, hostile submissions, and clients that hang
up or ask for what there is not.
"""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hostile_entry import Hostile
from hostile_exits import EXITS
from hostile_oracles import STATE
from hostile_protocol import PROTOCOL
from hostile_resources import RESOURCES
from hostile_tampering import TAMPERING
from hostile_values import VALUES

from grader.content import Catalogue, Exercise, builtin_root
from grader.daemon import address, client
from grader.daemon.client import Request
from grader.daemon.protocol import Event, LineReader, send_line
from grader.errors import GraderFault, UsageError

PROBED = "self_attention"
EXERCISES = (PROBED, "causal_lm_loss", "gan_losses", "gpt_parameter_count", "lora_linear", "prune_weights")
# They hang, each in its own way; all others end by themselves.
SLOW = ("resources: an endless loop", "resources: a deaf loop", "protocol: one byte at a time")
# How often each kind is drawn. Clients that hang up leave an examiner in the middle of its work.
SHARES = {"right": 28, "mistake": 16, "stub": 4, "hostile": 44, "slow": 1, "gone": 4, "refused": 3}
# A comment at the end of each submission: one that is kept in memory weighs.
WEIGHT = "\n# " + "." * (128 << 10) + "\n"

Told = tuple[Any, ...]


@dataclass(frozen=True)
class Submission:
    """One request, and how it must be answered: `passes` is None where there is no verdict."""

    kind: str
    name: str
    request: Request
    passes: bool | None = False


def send(submission: Submission, notices: list[Event]) -> Told:
    """What came of it, in the words that must be the same each time. The daemon's notices go to `notices`."""
    try:
        if submission.kind == "gone":
            return _hang_up(submission.request)
        verdict = client.run(
            submission.request, listen=lambda event: notices.append(event) if event["event"] == "notice" else None
        )
    except UsageError:
        return ("refused",)
    except GraderFault as error:
        return "fault", error.message.en
    if submission.kind == "slow":  # how many calls fit into its time is the machine's to say
        return (verdict.outcome,)
    outcomes = tuple((check.id, check.outcome) for check in verdict.checks)
    return verdict.outcome, outcomes, tuple(found.mistakes for found in verdict.diagnosis)


def _hang_up(request: Request) -> Told:
    """Leave once the first check has begun."""
    connection = address.connect()
    if connection is None:
        return "fault", "there is no daemon"
    with connection:
        send_line(connection, request.message())
        first = LineReader(connection).read()
    return (first["event"] if first else "closed",)


def probe() -> Submission:
    """The right answer whose latency is looked at."""
    exercise = Catalogue([builtin_root()]).get(PROBED)
    return Submission("probe", PROBED, _request(exercise, exercise.right_files[0].read_text("utf-8")), passes=True)


class Pool:
    """All submissions that there are, by kind. `folder` takes two copies of an exercise with limits of their own, and
    what hostile submissions would like to write.
    """

    def __init__(self, folder: Path) -> None:
        catalogue = Catalogue([builtin_root()])
        self.exercises = [catalogue.get(name) for name in EXERCISES]
        self.scratch = folder / "scratch"
        self.scratch.mkdir()
        (self.scratch / "keep").write_text("kept")
        # Little memory, so that who fills it does not fill the machine's; little time for those that only wait for it.
        self.hostile = _copy(folder / "hostile", "{call_seconds: 20, memory_mb: 256}")
        self.slow = _copy(folder / "slow", "{call_seconds: 0.5, memory_mb: 256}")
        self.kinds = {
            "right": list(self._right()),
            "mistake": list(self._mistakes()),
            "stub": [
                Submission("stub", one.id, _request(one, one.stub_file.read_text("utf-8"))) for one in self.exercises
            ],
            "hostile": list(self._hostile(slow=False)),
            "slow": list(self._hostile(slow=True)),
            "gone": [Submission("gone", one.name, one.request, passes=None) for one in self._right()],
            "refused": [
                Submission("refused", "no such exercise", Request("no_such_exercise", WEIGHT, "a.py"), passes=None),
                Submission("refused", "no such root", Request(PROBED, WEIGHT, "a.py", (folder / "no",)), passes=None),
            ],
        }

    def draw(self, count: int, chance: random.Random) -> list[Submission]:
        """So many submissions, mixed. A third of them are different ones, if there are as many, so that most come back
        and can be compared.
        """
        different = max(len(SHARES), count // 3)
        whole = sum(SHARES.values())
        drawn = []
        for kind, share in SHARES.items():
            there = self.kinds[kind]
            some = chance.sample(there, min(len(there), max(1, different * share // whole)))
            wanted = max(1, count * share // whole)
            drawn += (some * (wanted // len(some) + 1))[:wanted]
        drawn = drawn[:count] + chance.choices(self.kinds["right"], k=max(0, count - len(drawn)))
        chance.shuffle(drawn)
        return drawn

    def warming(self) -> list[Submission]:
        """One right answer of each exercise that a daemon will be asked for."""
        found = {(one.request.roots, one.request.exercise): one for one in self.kinds["right"]}
        for exercise in (self.hostile, self.slow):
            source = exercise.reference_file.read_text("utf-8")
            found[(exercise.public, exercise.id)] = Submission("right", exercise.id, _request(exercise, source), True)
        return list(found.values())

    def _right(self) -> Iterator[Submission]:
        for exercise in self.exercises:
            for path in (exercise.reference_file, *exercise.right_files):
                name = f"{exercise.id}: {path.name}"
                yield Submission("right", name, _request(exercise, path.read_text("utf-8")), passes=True)

    def _mistakes(self) -> Iterator[Submission]:
        for exercise in self.exercises:
            source = exercise.mistakes_file.read_text("utf-8")
            # Their names are read, not imported: a client that has no torch is a client as it is.
            for mistake in re.findall(r"\bMistake\(\s*\"([\w-]+)\"", source):
                switched = f"{source}\nfaults = {{{mistake!r}}}.__contains__\n"
                yield Submission("mistake", f"{exercise.id}: {mistake}", _request(exercise, switched))

    def _hostile(self, *, slow: bool) -> Iterator[Submission]:
        for name, entry in _table().items():
            source = entry.source.replace("@SCRATCH@", str(self.scratch))
            # Diagnosis is what mistakes are for: it doubles the time, and nothing hostile matches any.
            if slow and name in SLOW:
                yield Submission("slow", name, replace(_request(self.slow, source), diagnosis=False))
            if not slow and not entry.hangs and not re.search("@[A-Z]+@", source):
                yield Submission("hostile", name, replace(_request(self.hostile, source), diagnosis=False))


def _table() -> dict[str, Hostile]:
    families: Mapping[str, Mapping[str, Hostile]] = {
        "exits": EXITS,
        "tampering": TAMPERING,
        "values": VALUES,
        "protocol": PROTOCOL,
        "resources": RESOURCES,
        "state": STATE,
    }
    return {f"{family}: {name}": entry for family, entries in families.items() for name, entry in entries.items()}


def _copy(root: Path, limits: str) -> Exercise:
    for half in ("exercises", "solutions"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(builtin_root() / half / PROBED, root / half / PROBED, ignore=ignored)
    path = root / "exercises" / PROBED / "exercise.yaml"
    text, found = re.subn("(?m)^limits: .*$", f"limits: {limits}", path.read_text("utf-8"))
    assert found == 1
    path.write_text(text, "utf-8")
    return Catalogue([root]).get(PROBED)


def _request(exercise: Exercise, source: str) -> Request:
    return Request(exercise.id, source + WEIGHT, "attempt.py", (exercise.public.parents[1],))
