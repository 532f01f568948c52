"""`python -m grader.cli.gradescope`: what runs on Gradescope, for each submission and once when the image is built.

/autograder/submission is graded as everywhere, read with suspicion and run by the confined worker, into
/autograder/results/results.json. Only what stands there reaches a student; what goes wrong on our side is printed,
where instructors read it.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from grader.content import builtin_root
from grader.course.course import Assignment, Course
from grader.course.gradescope import SETTINGS
from grader.course.gradescope_results import fault, report
from grader.course.grading import grade_part, isolation_here
from grader.course.handed import Handed, handed_in
from grader.course.result import Result

ROOT = "AUTOGRADER"  # another place than /autograder


def main(arguments: Sequence[str] = ()) -> int:
    """Grade the submission that lies there; with `--try`, only see that everything is installed."""
    root = Path(os.environ.get(ROOT) or "/autograder")
    if "--try" in arguments:
        return _try(*_assignment(root))
    began = time.monotonic()
    try:
        course, assignment, require_strict = _assignment(root)
        handed = handed_in(root / "submission", course, assignment)
        found = report(course, [_graded(one, course, assignment, require_strict) for one in handed])
        status = 0
    except Exception:  # noqa: BLE001 - a student is told in any case; the details go to the instructor
        traceback.print_exc()
        found, status = fault(), 3
    found["execution_time"] = round(time.monotonic() - began, 1)
    _write(root / "results" / "results.json", found)
    return status


def _assignment(root: Path) -> tuple[Course, Assignment, bool]:
    """What is graded here, and whether only under strict confinement."""
    settings = json.loads((root / "source" / SETTINGS).read_text(encoding="utf-8"))
    assignment = Assignment(settings["assignment"], tuple(settings["exercises"]), tuple(settings["questions"]))
    course = Course(root / "source", (builtin_root(),), {assignment.name: assignment})
    return course, assignment, bool(settings["require_strict"])


def _graded(handed: Handed, course: Course, assignment: Assignment, require_strict: bool) -> Result:
    result = grade_part(handed, "submission", assignment, course, require_strict=require_strict)
    if result.fault is not None:
        print(f"{result.part}: {result.fault.en}", file=sys.stderr)
    return result


def _try(course: Course, assignment: Assignment, require_strict: bool) -> int:
    """Whether the content is whole, and how a submission would be confined here: for the log of the build."""
    for id, kind in assignment.parts:
        worth = course.max_points(id, kind)
        if kind == "question" and course.bank.rubric(id) is None:
            raise SystemExit(f"{id}: has no rubric")
        print(f"{id}: {worth:g} points")
    level, missing = isolation_here()
    print(f"confinement here: {level}. {missing.en}")
    if level != "strict" and require_strict:
        print(
            "Submissions are not graded where confinement is less than strict. If you accept that a submission could "
            "read the solutions, export again with --allow-unconfined."
        )
    return 0


def _write(file: Path, found: dict[str, Any]) -> None:
    """Whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(".part")
    temporary.write_text(json.dumps(found, indent=2), encoding="utf-8")
    temporary.replace(file)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
