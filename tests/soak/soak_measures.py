"""What a daemon holds while nobody is at work in it: memory, descriptors, processes, threads, files."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import psutil
from soak_flatness import Slack

from grader.cli.background import ask_status, ask_stop
from grader.errors import PracticeError

PATIENCE = 60.0
LEAVING = 15.0

# Figures, and what they may grow by. Memory has a share, for an allocator does not give everything back at once; the
# two folders of the whole machine have an amount, for others use them too.
SLACKS = {
    "daemon: memory, MB": Slack(share=0.005, amount=1.0),
    "daemon: descriptors": Slack(),
    "daemon: threads": Slack(),
    "nursery: memory, MB": Slack(share=0.005, amount=1.0),
    "nursery: descriptors": Slack(),
    "nursery: threads": Slack(),
    "processes": Slack(),
    "client: descriptors": Slack(),
    "files: runtime folder": Slack(),
    "files: scratch folder": Slack(),
    "files: temporary folder": Slack(amount=20, each_hundred=5),
    "files: shared memory": Slack(amount=20, each_hundred=5),
}


class Gone(Exception):
    """The daemon that was looked at is there no longer."""


class Eyes:
    """On the daemon that answers in `runtime`, from `open` on."""

    def __init__(self, runtime: Path, scratch: Path) -> None:
        status = ask_status()
        if status is None or status["event"] != "status":
            raise Gone("no daemon answers")
        self.runtime, self.scratch = runtime, scratch
        self.daemon = psutil.Process(status["pid"])
        self.nursery: list[psutil.Process] = []
        self._before = {folder: set(_names(folder)) for folder in (_TEMPORARY, _SHARED)}

    def open(self, seconds: float = 2.0) -> None:
        """Wait until nobody is at work, and the daemon has done what it does in idle moments: whoever is there then
        belongs there.
        """
        seen, since = None, time.monotonic()
        while time.monotonic() < since + seconds:
            self.nursery = self.daemon.children(recursive=True)
            now = ({process.pid for process in self.nursery}, self.seconds())
            if now != seen:
                seen, since = now, time.monotonic()
            time.sleep(0.1)

    def settle(self) -> None:
        """Wait until examiners and workers are gone and buried; what stays beyond all patience is counted."""
        deadline = time.monotonic() + PATIENCE
        while self._family() > len(self.nursery) + 1 and time.monotonic() < deadline:
            time.sleep(0.02)

    def seconds(self) -> float:
        """Processor time of the daemon, the nursery, and all that they have buried."""
        found = 0.0
        for process in (self.daemon, *self.nursery):
            with suppress(psutil.NoSuchProcess):
                found += sum(process.cpu_times()[:4])
        return found

    def take(self) -> dict[str, float]:
        """All figures, once settled."""
        self.settle()
        try:
            return {
                "daemon: memory, MB": _memory(self.daemon),
                "daemon: descriptors": self.daemon.num_fds(),
                "daemon: threads": self.daemon.num_threads(),
                "nursery: memory, MB": sum(_memory(process) for process in self.nursery),
                "nursery: descriptors": sum(process.num_fds() for process in self.nursery),
                "nursery: threads": sum(process.num_threads() for process in self.nursery),
                "processes": self._family(),
                "client: descriptors": psutil.Process().num_fds(),
                "files: runtime folder": len(list(self.runtime.rglob("*"))),
                "files: scratch folder": len(list(self.scratch.rglob("*"))),
                "files: temporary folder": self._new(_TEMPORARY),
                "files: shared memory": self._new(_SHARED),
            }
        except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
            raise Gone("the daemon or its nursery has ended") from None

    def _family(self) -> int:
        if not self.daemon.is_running():
            raise Gone("the daemon has ended")
        return len(self.daemon.children(recursive=True)) + 1

    def _new(self, folder: Path) -> int:
        return len(set(_names(folder)) - self._before[folder])


def end() -> None:
    """The daemon leaves: asked first, and killed where it stays."""
    with suppress(PracticeError, psutil.NoSuchProcess):
        status = ask_status()
        if status is None or status["event"] != "status":
            return
        daemon = psutil.Process(status["pid"])
        ask_stop()
        try:
            daemon.wait(LEAVING)
        except psutil.TimeoutExpired:
            daemon.kill()  # the nursery and the examiners die with it


# A daemon knows no TMPDIR: its environment is clean.
_TEMPORARY, _SHARED = Path("/tmp"), Path("/dev/shm")


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except OSError:
        return []


def _memory(process: psutil.Process) -> float:
    """Megabytes that it alone has to be held for. Pages of files, libraries for the most part, are left out: who else
    has mapped them changes from moment to moment.
    """
    fields = dict(
        line.split()[:2] for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines() if "kB" in line
    )
    return sum(int(fields.get(name, 0)) for name in ("Pss_Anon:", "Pss_Shmem:", "SwapPss:")) / 1024
