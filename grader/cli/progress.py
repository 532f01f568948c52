"""Where a candidate stands: what is passed, started and open, and what comes next."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from grader.cli.workspace import Workspace
from grader.content.catalogue import Catalogue
from grader.content.exercise import Exercise
from grader.daemon.protocol import Event
from grader.journal import Journal

if TYPE_CHECKING:
    from threading import Thread

State = Literal["passed", "started", "open"]


@dataclass(frozen=True, slots=True)
class Progress:
    """The state of every exercise by id. An attempt's file is enough to have started."""

    states: dict[str, State]
    unfinished: tuple[str, ...]  # started and not passed, the latest first

    def count(self, state: State) -> int:
        return sum(found == state for found in self.states.values())

    def passed(self, id: str) -> bool:
        return self.states.get(id) == "passed"


def progress(ids: Iterable[str], workspace: Workspace, journal: Journal) -> Progress:
    """Reads the light side of the journal and the attempts' files, and no exercise."""
    tried = {id: (one.passed, one.time.timestamp()) for id, one in journal.standing().items() if one.time}
    states: dict[str, State] = {}
    for id in ids:
        if id in tried:
            states[id] = "passed" if tried[id][0] else "started"
        else:
            states[id] = "started" if workspace.started(id) else "open"
    touched = {id: time for id, (_, time) in tried.items()}
    for id, state in states.items():
        if state == "started" and workspace.started(id):
            touched[id] = max(touched.get(id, 0.0), workspace.attempt(id).lstat().st_mtime)
    unfinished = [id for id, state in states.items() if state == "started"]
    return Progress(states, tuple(sorted(unfinished, key=lambda id: touched.get(id, 0.0), reverse=True)))


def next_open(exercises: Iterable[Exercise], standing: Progress) -> Exercise | None:
    """The first exercise in the order of learning that was not begun."""
    from grader.content.order import learning_order

    return next((one for one in learning_order(exercises) if standing.states.get(one.id, "open") == "open"), None)


class LookAhead:
    """Reads all exercises in the background, once a submission looks like passing: it takes as long as a few checks,
    and the daemon grades meanwhile.
    """

    PASSED = 3  # checks after each other, from the first

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._found: list[Exercise] | None = None
        self._thread: Thread | None = None
        self._checks = 0
        self._hopeful = True

    def hear(self, event: Event) -> None:
        """An event of the host."""
        if event["event"] != "check" or self._thread:
            return
        self._checks += 1
        self._hopeful = self._hopeful and event["result"]["outcome"] == "passed"
        if self._hopeful and self._checks == self.PASSED:
            from threading import Thread

            self._thread = Thread(target=self._read, daemon=True)
            self._thread.start()

    def _read(self) -> None:
        # what is wrong is raised again, and told, by whoever asks
        with contextlib.suppress(Exception):
            self._found = self._catalogue.all()[0]

    def exercises(self) -> list[Exercise]:
        """Every sound exercise."""
        if self._thread:
            self._thread.join()
        return self._catalogue.all()[0] if self._found is None else self._found


def next_id(
    catalogue: Catalogue,
    workspace: Workspace,
    journal: Journal,
    *,
    other_than: str = "",
    ahead: LookAhead | None = None,
) -> str | None:
    """What `practice run` is about without an ID: what was started last, else the next; None when all is passed."""
    standing = progress(catalogue.ids(), workspace, journal)
    for id in standing.unfinished:
        if id != other_than:
            return id
    found = next_open(ahead.exercises() if ahead else catalogue.all()[0], standing)
    return found.id if found else None
