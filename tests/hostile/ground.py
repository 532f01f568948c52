"""The ground that hostile submissions are graded on, and what they could leave on it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from hostile_entry import EVIDENCE, RIGHT, SIGNATURE, Hostile

from grader.content import Catalogue, Exercise, builtin_root
from grader.exam.examine import examine
from grader.exam.failures import CandidateRaised, WorkerLost
from grader.exam.link import Link, LoadFailure, Submitted
from grader.exam.remote import RemoteCandidate
from grader.exam.supply import Supply
from grader.journal.entries import Note, new_id, now
from grader.journal.inbox import Inbox
from grader.verdict import Verdict

_CACHES = shutil.ignore_patterns("__pycache__")
BRIEF = ("test_values", "test_gradients", "test_inputs_unchanged")
BRIEFEST = ("test_shape", "test_values")
GOOD = f"{RIGHT}\n{SIGNATURE}    return honest(x, w_q, w_k, w_v, causal=causal, key_padding_mask=key_padding_mask)\n"

# A question, and its answer worked out here.
_X = torch.tensor([[[0.5, -1.0], [2.0, 1.0]]])
QUESTION = (_X, torch.eye(2), torch.eye(2), torch.eye(2))
ANSWER = (_X @ _X.mT / 2**0.5).softmax(-1) @ _X


@dataclass
class Ground:
    """One nursery, the exercise in three forms, and a folder that everyone may write to."""

    supply: Supply
    exercise: Exercise
    short: Exercise  # with little time and memory
    free: Exercise  # without bans
    scratch: Path
    outside: Outside
    clean: Traces | None = None  # what there is when nothing runs

    @classmethod
    def lay(cls, supply: Supply) -> Ground:
        # Not one of pytest's, where only its own user may enter: another one is to get as far as the attack.
        folder = Path(tempfile.mkdtemp(prefix="practice-test-"))
        folder.chmod(0o755)
        content = folder / "content"  # a copy: what changes in it was changed by a submission
        for half in ("exercises", "solutions"):
            shutil.copytree(builtin_root() / half / "self_attention", content / half / "self_attention", ignore=_CACHES)
        exercise = Catalogue([content]).get("self_attention")
        limits = replace(exercise.limits, call_seconds=0.25, memory_mb=256)
        scratch = folder / "scratch"
        scratch.mkdir()
        scratch.chmod(0o777)
        tidy(scratch)
        return cls(
            supply, exercise, replace(exercise, limits=limits), replace(exercise, bans=()), scratch, Outside(folder)
        )

    def close(self) -> None:
        self.supply.close()
        self.outside.close()
        shutil.rmtree(self.scratch.parent)

    def source_of(self, entry: Hostile) -> str:
        """With its placeholders filled in."""
        places = {
            "@SOLUTIONS@": self.exercise.private.parent,
            "@EXERCISES@": self.exercise.public.parent,
            "@KIT@": builtin_root(),
            "@SCRATCH@": self.scratch,
            "@EXAMINER@": os.getpid(),
            "@VICTIM@": self.outside.victim.pid,
            "@DAEMON@": self.outside.daemon,
            "@JOURNAL@": self.outside.journal,
        }
        source = entry.source
        for name, place in places.items():
            source = source.replace(name, str(place))
        return source

    @property
    def hidden(self) -> tuple[str, ...]:
        """What no verdict may say: places, lines of hidden files, addresses in the examiner's memory."""
        private = self.exercise.private
        lines = [line.strip() for name in ("reference.py", "mistakes.py") for line in (private / name).open()]
        long = [line for line in lines if len(line) > 40 and '"' not in line]
        return (str(private.parent), "checks.py", "mistakes.py", " at 0x", *long)

    def verdict(self, entry: Hostile) -> Verdict:
        """The entry's verdict, as an examiner writes it."""
        only = entry.only or (BRIEFEST if entry.hangs else BRIEF)
        exercise = self.short if entry.hangs else self.exercise
        submitted = Submitted(self.source_of(entry), "attempt.py")
        if entry.whole:
            return examine(exercise, submitted, self.supply)
        return examine(exercise, submitted, self.supply, only=only, diagnosis=False)

    def good(self) -> Verdict:
        """The whole verdict on a right answer."""
        return examine(self.exercise, Submitted(GOOD, "attempt.py"), self.supply, diagnosis=False)

    def answers(self, source: str = GOOD) -> torch.Tensor:
        """What a submission's own worker says to one question, without an examiner."""
        link = Link(self.supply, self.exercise, Submitted(source, "attempt.py"))
        candidate = RemoteCandidate(link)
        try:
            link.start()
            answer: torch.Tensor = candidate.self_attention(*QUESTION)
            return answer
        finally:
            link.close()


class Outside:
    """What else there is on a user's machine: a process, a socket that listens for commands, a journal. None of it is
    anybody else's to touch.
    """

    def __init__(self, folder: Path) -> None:
        self.victim = subprocess.Popen(["sleep", "3600"], env={"TOKEN": "of another"})
        private = folder / "private"
        private.mkdir(mode=0o700)
        self.daemon = private / "daemon.sock"
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(self.daemon))
        self._listening.listen(512)
        self.journal = private / "inbox"
        Inbox(self.journal).put(Note(new_id(), now(), "hint", "self_attention"))

    def close(self) -> None:
        self._listening.close()
        self.victim.kill()
        self.victim.wait()


def got_it(ground: Ground, entry: Hostile) -> bool:
    """Whether a submission gets what it is after, when its own worker is asked one question."""
    try:
        answer = ground.answers(ground.source_of(entry))
    except CandidateRaised as error:
        return EVIDENCE in error.said
    except (WorkerLost, LoadFailure):
        return False
    finally:
        tidy(ground.scratch)
    return RIGHT not in entry.source and torch.equal(answer, ANSWER)  # it has become the reference


@dataclass(frozen=True)
class Traces:
    """What must be the same before and after."""

    victim_lives: bool
    processes: frozenset[int]
    nursery_descriptors: int
    own_descriptors: int
    files: tuple[object, ...]
    shared_memory: frozenset[str]
    torch: tuple[object, ...]

    @classmethod
    def take(cls, ground: Ground) -> Traces:
        nursery = ground.supply.process.pid
        family = descendants(nursery)
        return cls(
            ground.outside.victim.poll() is None,
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
            time.sleep(0.005)
        return now


def descendants(pid: int) -> list[int]:
    """All processes below `pid`, zombies too."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                parent = int(Path("/proc", entry, "stat").read_bytes().rpartition(b")")[2].split()[1])
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


def _files(ground: Ground) -> tuple[object, ...]:
    found = []
    for root in (ground.scratch, ground.outside.journal, ground.exercise.public, ground.exercise.private):
        for folder, _, names in os.walk(root):
            for name in sorted(names):
                seen = Path(folder, name).stat()
                found.append((folder, name, seen.st_mode, seen.st_size, seen.st_mtime_ns))
    return tuple(found)


def tidy(scratch: Path) -> None:
    """Undo what an attack did where nothing confined it."""
    for path in scratch.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    Path("/dev/shm/practice-hostile").unlink(missing_ok=True)
    for name in ("keep", "keep-0"):
        (scratch / name).write_text("kept")
        (scratch / name).chmod(0o666)
