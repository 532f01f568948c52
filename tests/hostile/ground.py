"""The ground that hostile submissions are graded on, and what they could leave on it."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from hostile_entry import RIGHT, SIGNATURE, Hostile

from grader.content import Catalogue, Exercise, builtin_root
from grader.exam.examine import examine
from grader.exam.link import Submitted
from grader.exam.supply import Supply
from grader.verdict import Verdict

BRIEF = ("test_shape", "test_values", "test_padding", "test_gradients", "test_inputs_unchanged")
BRIEFEST = ("test_shape", "test_values", "test_gradients")
GOOD = f"{RIGHT}\n{SIGNATURE}    return honest(x, w_q, w_k, w_v, causal=causal, key_padding_mask=key_padding_mask)\n"


@dataclass
class Ground:
    """One nursery, the exercise in three forms, and a folder that everyone may write to."""

    supply: Supply
    exercise: Exercise
    short: Exercise  # with little time and memory
    free: Exercise  # without bans
    scratch: Path
    clean: Traces | None = None  # what there is when nothing runs

    @classmethod
    def lay(cls, supply: Supply, folder: Path) -> Ground:
        exercise = Catalogue([builtin_root()]).get("self_attention")
        limits = replace(exercise.limits, call_seconds=0.5, memory_mb=256)
        scratch = folder / "scratch"
        scratch.mkdir()
        scratch.chmod(0o777)
        for name in ("keep", "keep-0"):
            (scratch / name).write_text("kept")
            (scratch / name).chmod(0o666)
        return cls(supply, exercise, replace(exercise, limits=limits), replace(exercise, bans=()), scratch)

    def source_of(self, entry: Hostile) -> str:
        root = builtin_root()
        found = entry.source.replace("@SOLUTIONS@", str(root / "solutions")).replace("@SCRATCH@", str(self.scratch))
        return found.replace("@EXERCISES@", str(root / "exercises")).replace("@EXAMINER@", str(os.getpid()))

    def verdict(self, entry: Hostile) -> Verdict:
        """The entry's verdict, as an examiner writes it."""
        only: Sequence[str] | None = BRIEFEST if entry.hangs else BRIEF
        exercise = self.short if entry.hangs else self.exercise
        submitted = Submitted(self.source_of(entry), "attempt.py")
        if entry.whole:
            return examine(exercise, submitted, self.supply)
        return examine(exercise, submitted, self.supply, only=only, diagnosis=False)

    def good(self) -> Verdict:
        """The verdict on a right answer."""
        only = ("test_values", "test_gradients")
        return examine(self.exercise, Submitted(GOOD, "attempt.py"), self.supply, only=only, diagnosis=False)


@dataclass(frozen=True)
class Traces:
    """What must be the same before and after."""

    processes: frozenset[int]
    nursery_descriptors: int
    own_descriptors: int
    files: tuple[tuple[str, str], ...]
    shared_memory: frozenset[str]
    torch: tuple[object, ...]

    @classmethod
    def take(cls, ground: Ground) -> Traces:
        nursery = ground.supply.process.pid
        family = descendants(nursery)
        return cls(
            frozenset(family),
            sum(_descriptors(pid) for pid in (nursery, *family)),
            _descriptors(os.getpid()),
            _files(ground),
            frozenset(name for name in os.listdir("/dev/shm") if "hostile" in name),
            (torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_num_threads(), torch.tensor(1.0).device),
        )

    @classmethod
    def settled(cls, ground: Ground) -> Traces:
        """As taken once the dead are buried, for which the nursery needs a moment."""
        deadline = time.monotonic() + 10
        while (now := cls.take(ground)) != ground.clean and time.monotonic() < deadline:
            time.sleep(0.01)
        return now


def descendants(pid: int) -> list[int]:
    """All processes below `pid`, zombies too."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                parent = int(Path("/proc", entry, "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue
            children.setdefault(parent, []).append(int(entry))
    found: list[int] = []
    waiting = [pid]
    while waiting:
        waiting += (below := children.get(waiting.pop(), []))
        found += below
    return found


def _descriptors(pid: int) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return -1


def _files(ground: Ground) -> tuple[tuple[str, str], ...]:
    exercise = ground.exercise
    roots = (ground.scratch, exercise.public, exercise.private)
    paths = sorted(
        path for root in roots for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    )
    return tuple(
        (str(path), f"{path.stat().st_mode:o} {hashlib.sha256(path.read_bytes()).hexdigest()}") for path in paths
    )


def tidy(scratch: Path) -> None:
    """Undo what an attack did where nothing confined it."""
    for path in scratch.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for name in ("keep", "keep-0"):
        (scratch / name).write_text("kept")
        (scratch / name).chmod(0o666)
