"""Results -> what each cell of nbgrader's gradebook gets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from grader.course.course import QUESTIONS
from grader.course.outputs import proposal
from grader.course.result import Result

NO_RESPONSE = "No response."  # nbgrader's own words


@dataclass(frozen=True, slots=True)
class Marks:
    """The score of a cell. Without one, and where the score is a proposal, a person must say."""

    score: float | None
    needs_manual_grade: bool


def notebook_of(result: Result) -> str:
    """The notebook that a part stands in."""
    return result.part if result.kind == "exercise" else QUESTIONS


def marks_of(notebook: str, cells: Mapping[str, tuple[str, float]], results: Iterable[Result]) -> dict[str, Marks]:
    """The marks of each cell, by its id, of one notebook. A cell without a result has zero, as nbgrader gives it to
    a notebook that was not handed in.
    """
    scores: dict[str, Marks] = {}
    for result in results:
        if notebook == QUESTIONS and result.kind == "question" and result.part in cells:
            scores[result.part] = _question_marks(result, cells[result.part][1])
        elif notebook == result.part and result.kind == "exercise":
            scores |= _check_marks(result, cells)
    return {id: scores.get(name, Marks(0.0, False)) for name, (id, _) in cells.items()}


def _question_marks(result: Result, most: float) -> Marks:
    """Our score is a proposal: a person has the last word on an answer, unless there is none."""
    if result.outcome == "broken":
        return Marks(None, True)
    if result.outcome in ("missing", "unreadable") or not result.source.strip():
        return Marks(0.0, False)
    return Marks(_scaled(result.points, result.max_points, most), True)


def _check_marks(result: Result, cells: Mapping[str, tuple[str, float]]) -> dict[str, Marks]:
    """A check that we could not hold is a person's to decide: it is never zero for our fault."""
    if result.verdict is None:
        ours = result.outcome == "broken"
        return {name: Marks(None if ours else 0.0, ours) for name in cells}
    found = {}
    for check in result.verdict["checks"]:
        if check["id"] in cells:
            ours = result.outcome == "broken" and check["outcome"] in ("broken", "not_run")
            most = cells[check["id"]][1]
            score = None if ours else _scaled(check["points"], check["max_points"], most)
            found[check["id"]] = Marks(score, ours)
    return found


def _scaled(points: float, max_points: float, most: float) -> float:
    """In the points of the released cell, should the check have been worth others then."""
    return round(points / max_points * most, 6) if max_points else 0.0


def comment_on(result: Result | None, stub: str) -> str | None:
    """What nbgrader says beside a solution: the reasons for a proposed score, or that nothing was done."""
    if result is None or result.outcome == "missing":
        return None
    if result.kind == "question":
        return proposal(result)
    return NO_RESPONSE if result.source.strip() in ("", stub.strip()) else None
