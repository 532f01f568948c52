"""Where a candidate stands: what is passed, started and open, and what comes next."""

from __future__ import annotations

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


def next_id(catalogue: Catalogue, workspace: Workspace, journal: Journal, *, other_than: str = "") -> str | None:
    """What `practice run` is about without an ID: what was started last, else the next; None when all is passed."""
    standing = progress(catalogue.ids(), workspace, journal)
    for id in standing.unfinished:
        if id != other_than:
            return id
    found = next_open(catalogue.all()[0], standing)
    return found.id if found else None
