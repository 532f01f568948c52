"""One part of one student's submission -> its Result.

Exercises go to the user's daemon on this host, which confines what was handed in; questions are graded here, by
`grader.answers`, which runs nothing of an answer. Whatever goes wrong on our side is a result as well: `broken`, with
the fault, so that one part never stops a cohort and never costs a student marks.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grader.content.bank import QUESTIONS, RUBRICS, Bank
from grader.content.catalogue import Catalogue
from grader.content.folders import version
from grader.course.course import QUESTION_POINTS, Assignment
from grader.course.points import check_points
from grader.course.result import Note, Outcome, PartKind, Result
from grader.daemon import client
from grader.errors import GraderFault, PracticeError, Text, UsageError
from grader.verdict import Verdict, pack

if TYPE_CHECKING:
    from grader.answers.compiled import Compiled
    from grader.content.question import Question
    from grader.course.course import Course
    from grader.course.handed import Handed


@dataclass(frozen=True, slots=True)
class Standard:
    """What a part is graded by: the version of its content, and the marks that it is worth."""

    kind: PartKind
    content_version: str
    max_points: float


@dataclass(frozen=True, slots=True)
class _Mark:
    """What grading came to, before it is put beside what was handed in."""

    outcome: Outcome
    points: float
    verdict: dict[str, Any] | None = None
    content_version: str = ""
    fault: Text | None = None


def grade_part(
    handed: Handed, student: str, assignment: Assignment, course: Course, *, require_strict: bool = True
) -> Result:
    """Grade one part. Never raises: a fault of ours is `broken`.

    With `require_strict`, nothing that was handed in runs where confinement is less than strict.
    """
    began = time.perf_counter()
    content, most = "", 0.0
    notes = handed.notes
    try:
        standard = standard_of(handed.part, handed.kind, course)
        content, most = standard.content_version, standard.max_points
        if handed.source is None:
            mark = _Mark("missing" if handed.path is None else "unreadable", 0.0)
        elif len(handed.source.encode("utf-8", "surrogatepass")) > client.SUBMISSION_LIMIT:
            mark, notes = _Mark("unreadable", 0.0), (*notes, _TOO_LARGE)
        elif handed.kind == "question":
            mark = _answer(handed.part, handed.source, course, most)
        else:
            mark = _exercise(handed, handed.source, course, require_strict=require_strict)
    except PracticeError as error:
        mark = _Mark("broken", 0.0, fault=_said(error))
    except Exception as error:  # noqa: BLE001 - one part must not stop a cohort; the fault is in its result
        mark = _Mark("broken", 0.0, fault=Text.same(" ".join(f"{type(error).__name__}: {error}".split())[:300]))
    return Result(
        assignment=assignment.name,
        student=student,
        part=handed.part,
        kind=handed.kind,
        outcome=mark.outcome,
        points=mark.points,
        max_points=most,
        sha256=handed.sha256,
        content_version=mark.content_version or content,
        graded=datetime.now(UTC),
        seconds=time.perf_counter() - began,
        submitted=handed.submitted,
        verdict=mark.verdict,
        source=handed.source or "",
        notes=notes,
        fault=mark.fault,
    )


_TOO_LARGE = Note("unreadable", Text("More than 1 MiB of source: nothing was graded.", "源代码超过 1 MiB：没有评分。"))


def _said(error: PracticeError) -> Text:
    return Text(*(" ".join(error.say(language).split("\n")) for language in ("en", "zh")))


# ------------------------------------------------------------------------ exercises


def _exercise(handed: Handed, source: str, course: Course, *, require_strict: bool) -> _Mark:
    if require_strict:
        require_strict_isolation()
    name = handed.path.name if handed.path is not None else f"{handed.part}.py"
    verdict = client.run(client.Request(handed.part, source, name, course.catalogue.roots))
    if require_strict and verdict.isolation != "strict":
        raise _not_strict(verdict.isolation)
    fault = _fault(verdict)
    return _Mark(verdict.outcome, verdict.points, pack(verdict), verdict.content_version, fault)


def _fault(verdict: Verdict) -> Text | None:
    if verdict.outcome != "broken":
        return None
    for check in verdict.checks:
        if check.outcome == "broken":
            return Text(f"{check.id}: {check.message.en}", f"{check.id}：{check.message.zh}")
    return Text("No check ran.", "没有运行任何检查。")


@cache
def isolation_here() -> tuple[str, Text]:
    """The level of confinement on this host, found by trying it once, and what is missing of it."""
    from grader.confine import probe

    isolation = probe()
    missing = "; ".join(f"{layer}: {why}" for layer, why in isolation.missing)
    return isolation.level, Text.same(missing)


def require_strict_isolation() -> None:
    """UsageError where what is handed in could not be confined strictly on this host."""
    level, _ = isolation_here()
    if level != "strict":
        raise _not_strict(level)


def _not_strict(level: str) -> UsageError:
    return UsageError(
        Text(
            f"confinement here is '{level}', not strict: other people's code is not run",
            f"这里的隔离级别是 '{level}'，不是 strict：不会运行他人的代码",
        ),
        Text(
            "`practice doctor` says what is missing; --allow-unconfined grades all the same",
            "`practice doctor` 会说明缺什么；加上 --allow-unconfined 则照样评分",
        ),
    )


# ------------------------------------------------------------------------ questions


def _answer(part: str, source: str, course: Course, most: float) -> _Mark:
    from grader.answers.grading import grade_compiled

    question, compiled = _rubric(part, course.catalogue.roots, _stamp(course.catalogue.roots))
    grade = grade_compiled(question, compiled, source)
    outcome: Outcome = "passed" if grade.outcome == "adequate" else "failed"
    return _Mark(outcome, round(grade.score * most, 2), grade.pack())


@lru_cache(maxsize=64)
def _rubric(id: str, roots: tuple[Path, ...], stamp: str) -> tuple[Question, Compiled]:  # noqa: ARG001 - a new stamp reads anew
    from grader.answers.compiled import Compiled

    bank = Bank(roots)
    rubric = bank.rubric(bank.resolve(id))
    if rubric is None:
        raise GraderFault(Text(f"the question '{id}' has no rubric", f"问题 '{id}' 没有评分标准"))
    return bank.questions[id], Compiled(rubric, bank.concepts)


# ------------------------------------------------------------------------ standards


def standard_of(part: str, kind: PartKind, course: Course) -> Standard:
    """What a part is graded by, as its files stand now. PracticeError where they are wrong."""
    roots = course.catalogue.roots
    if kind == "question":
        stamp = _stamp(roots)
        question, compiled = _rubric(part, roots, stamp)
        content = sha256(repr((question, compiled.rubric, _concepts(roots, stamp))).encode()).hexdigest()[:12]
        return Standard(kind, content, float(QUESTION_POINTS))
    return _exercise_standard(part, course)


def _exercise_standard(id: str, course: Course) -> Standard:
    folders = [root / half / id for root in course.catalogue.roots for half in ("exercises", "solutions")]
    files = [path for folder in folders if folder.is_dir() for path in folder.rglob("*") if path.is_file()]
    return _read_exercise(id, course.catalogue.roots, _stamp_of(files))


@lru_cache(maxsize=64)
def _read_exercise(id: str, roots: tuple[Path, ...], stamp: str) -> Standard:  # noqa: ARG001 - a new stamp reads anew
    exercise = Catalogue(roots).get(id)
    return Standard("exercise", version(exercise), sum(check_points(exercise).values()))


@lru_cache(maxsize=8)
def _concepts(roots: tuple[Path, ...], stamp: str) -> str:  # noqa: ARG001 - a new stamp reads anew
    return repr(Bank(roots).concepts)


def _stamp(roots: Sequence[Path]) -> str:
    """Changes when a file of the questions changes: to read them all again for each answer would take longer than to
    grade it.
    """
    files = [path for root in roots for path in (root / QUESTIONS, *(root / RUBRICS).glob("*.yaml"))]
    return _stamp_of(path for path in files if path.is_file())


def _stamp_of(files: Iterable[Path]) -> str:
    lines = []
    for path in sorted(files):
        stat = path.stat()
        lines.append(f"{path}:{stat.st_size}:{stat.st_mtime_ns}")
    return sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
