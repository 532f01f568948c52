"""One submission -> its verdict."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import replace

from grader.content import Exercise, version
from grader.errors import PracticeError, Text
from grader.exam import modules
from grader.exam.diagnosis import Table, diagnose
from grader.exam.failures import WorkerLost
from grader.exam.link import Link, LoadFailure, Submitted
from grader.exam.reference import Reference
from grader.exam.remote import RemoteCandidate
from grader.exam.session import MESSAGE, CheckRun, OnResult, OnStart, info_of, run_checks
from grader.exam.supply import Supply
from grader.verdict import CheckResult, Diagnosis, Verdict

__all__ = ["examine", "info_of", "not_run"]

OnIsolation = Callable[[str, tuple[str, ...]], None]


def examine(
    exercise: Exercise,
    submitted: Submitted,
    supply: Supply,
    *,
    only: Iterable[str] | None = None,
    diagnosis: bool = True,
    first_failure_only: bool = False,
    processor: int | None = None,
    on_isolation: OnIsolation = lambda _level, _layers: None,
    on_start: OnStart = lambda _id, _title: None,
    on_result: OnResult = lambda _result: None,
) -> Verdict:
    """Grade one submission.

    `only` names the checks to run; `first_failure_only` stops at the first that fails, and does not make its
    counterexample small. This process and the worker share `processor`, if one is given (`pairing`). Raises
    PracticeError when the exercise or the grader is at fault; a candidate's failures are in the verdict.
    """
    began = time.perf_counter()
    link = Link(supply, exercise, submitted, processor=processor)
    try:
        reference = Reference(exercise)
        candidate = RemoteCandidate(link)
        try:
            link.start()
        except LoadFailure as failure:
            checks = _not_loaded(exercise, failure.text)
            for check in checks:
                on_result(check)
            told: tuple[Diagnosis, ...] = ()
        else:
            on_isolation(link.isolation["level"], tuple(link.isolation["layers"]))
            run = CheckRun(exercise, candidate, reference, link=link, only=only, on_start=on_start, on_result=on_result)
            checks = run_checks(run, first_failure_only=first_failure_only)
            told = _diagnosis(run, link) if diagnosis and _worth_diagnosing(checks) else ()
        return Verdict(
            exercise=exercise.id,
            submission=submitted.filename,
            checks=tuple(checks),
            diagnosis=told,
            isolation=link.isolation["level"],
            layers=tuple(link.isolation["layers"]),
            content_version=version(exercise),
            seconds=time.perf_counter() - began,
        )
    finally:
        link.close()


def _worth_diagnosing(checks: list[CheckResult]) -> bool:
    return any(check.outcome == "failed" for check in checks)


def _diagnosis(run: CheckRun, link: Link) -> tuple[Diagnosis, ...]:
    table = Table.of(run.exercise)
    try:
        link.begin_check()
        with run.patient():
            link.start()
            return diagnose(run.candidate, table)
    except (LoadFailure, WorkerLost, PracticeError):
        return ()
    except Exception:  # noqa: BLE001 - a diagnosis is a favour: nothing that goes wrong with it may cost the verdict
        if os.environ.get("PRACTICE_DEBUG"):
            traceback.print_exc()
        return ()


def _not_loaded(exercise: Exercise, text: Text) -> list[CheckResult]:
    """The first check says why nothing could run; the others have not run."""
    first, *others = not_run(exercise)
    return [replace(first, outcome="failed", message=Text(text.en[:MESSAGE], text.zh[:MESSAGE])), *others]


def not_run(exercise: Exercise) -> list[CheckResult]:
    """A result for each check of which there is none. Raises ContentError when checks.py does not load."""
    module = modules.load(exercise.checks_file, exercise.id)
    infos = [(name, getattr(getattr(module, name, None), "check_info", None)) for name in exercise.checks]
    return [
        CheckResult(
            id=name,
            title=info.title if info else Text.same(name),
            outcome="not_run",
            points=0,
            max_points=info.points if info else 0,
        )
        for name, info in infos
    ]
