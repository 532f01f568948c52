"""The order in which to learn, which `after` gives, and the cycles that it must not have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from grader.content.document import read_document
from grader.content.exercise import TOPICS, Exercise
from grader.content.place import Place
from grader.errors import ContentError, Text


def learning_order(exercises: Iterable[Exercise]) -> list[Exercise]:
    """What to do first: after the exercises named in `after`, then by level, then by topic, then as given.

    Names that are not among `exercises` do not count. ContentError when exercises wait for each other.
    """
    from graphlib import TopologicalSorter
    from heapq import heappop, heappush

    given = list(exercises)
    if cycle := find_cycle(given):
        raise cycle_error(cycle)
    position = {exercise.id: index for index, exercise in enumerate(given)}
    sorter = TopologicalSorter(_predecessors(given))
    sorter.prepare()
    waiting: list[tuple[int, int, int]] = []
    ordered: list[Exercise] = []
    while sorter.is_active():
        for id in sorter.get_ready():
            exercise = given[position[id]]
            heappush(waiting, (exercise.level, TOPICS.index(exercise.topic), position[id]))
        ordered.append(given[heappop(waiting)[2]])
        sorter.done(ordered[-1].id)
    return ordered


def find_cycle(exercises: Sequence[Exercise]) -> list[Exercise]:
    """Exercises of which each waits for the next and the last for the first; empty when there are none."""
    from graphlib import CycleError, TopologicalSorter

    try:
        TopologicalSorter(_predecessors(exercises)).prepare()
    except CycleError as error:
        ids: list[str] = error.args[1][:0:-1]  # it lists what comes first, and ends with the one it began with
        start = ids.index(min(ids))
        by_id = {exercise.id: exercise for exercise in exercises}
        return [by_id[id] for id in ids[start:] + ids[:start]]
    return []


def cycle_error(cycle: Sequence[Exercise]) -> ContentError:
    """The error that names every exercise of a cycle."""
    path = " -> ".join(exercise.id for exercise in (*cycle, cycle[0]))
    return after_place(cycle[0]).error(
        Text(f"these wait for each other: {path}", f"这些练习互相等待：{path}"),
        Text("take one of the names out of its `after`", "请从其中一个的 after 里去掉一个名字"),
    )


def after_place(exercise: Exercise) -> Place:
    """Where the `after` of an exercise stands. Reads the file again: only errors ask."""
    return read_document(exercise.yaml_file).entries["after"].place


def _predecessors(exercises: Sequence[Exercise]) -> dict[str, list[str]]:
    given = {exercise.id for exercise in exercises}
    return {exercise.id: [name for name in exercise.after if name in given] for exercise in exercises}
