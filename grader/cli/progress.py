"""Where a candidate stands: what is passed, started and open, and what comes next."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from grader.cli.workspace import Workspace
from grader.content.catalogue import Catalogue
from grader.content.exercise import Exercise
from grader.journal import Journal

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
    """Reads all exercises in the background: it takes as long as a few checks, and the daemon grades meanwhile."""

    def __init__(self, catalogue: Catalogue) -> None:
        import threading

        self._catalogue = catalogue
        self._found: list[Exercise] | None = None
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        # what is wrong is raised again, and told, by whoever asks
        with contextlib.suppress(Exception):
            self._found = self._catalogue.all()[0]

    def exercises(self) -> list[Exercise]:
        """Every sound exercise."""
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
