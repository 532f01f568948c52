"""Runs an exercise's checks under pytest and gathers a result for each.

Each check that exercise.yaml declares gets a result, whatever happens: one that did not run is `broken`, so that
nothing run never reads as passed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from hypothesis.errors import Flaky

from grader.content import Exercise
from grader.errors import ContentError, Text
from grader.exam import modules
from grader.exam.checks import CheckInfo, quick_failure
from grader.exam.counterexample import counterexample, snippet
from grader.exam.failures import CandidateRaised, CheckFailure
from grader.exam.link import Link
from grader.exam.local import LocalCandidate
from grader.exam.outcome import judge
from grader.verdict import CheckResult

OnResult = Callable[[CheckResult], None]
OnStart = Callable[[str, Text], None]
# What a pytest inside ours does not need: each plugin costs milliseconds of every verdict.
_WITHOUT = [
    "cacheprovider", "terminal", "capture", "logging", "junitxml", "pastebin", "nose", "doctest", "unittest",
    "setuponly", "setupplan", "stepwise", "faulthandler", "debugging", "recwarn", "warnings",
    "unraisableexception", "threadexception", "tmpdir", "monkeypatch", "legacypath", "subtests",
]  # fmt: skip


class ChecksModule(pytest.Module):
    """checks.py, loaded under a name of its own."""

    loaded: ModuleType

    def _getobj(self) -> ModuleType:
        return self.loaded


class CheckRun:
    """The pytest plugin of one run: collects one file, serves the fixtures, makes results."""

    def __init__(
        self,
        exercise: Exercise,
        candidate: Any,
        reference: LocalCandidate,
        *,
        link: Link | None = None,
        only: Iterable[str] | None = None,
        on_start: OnStart = lambda _id, _title: None,
        on_result: OnResult = lambda _result: None,
    ) -> None:
        self.exercise = exercise
        self._candidate = candidate
        self._reference = reference
        self._link = link
        self._only = set(only) if only is not None else None
        self._on_start = on_start
        self._on_result = on_result
        self.results: dict[str, CheckResult] = {}
        self.titles: dict[str, CheckInfo] = {}
        self.load_error: ContentError | None = None
        self._began = 0.0

    def pytest_configure(self, config: pytest.Config) -> None:
        # A failure is told in our own words: pytest's traceback would cost half of a failing verdict, and nobody
        # reads it.
        config.option.tbstyle = "no"

    # ----------------------------------------------------------- collection

    def pytest_pycollect_makemodule(self, module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
        if module_path != self.exercise.checks_file:
            return None
        module: ChecksModule = ChecksModule.from_parent(parent, path=module_path)
        try:
            module.loaded = modules.load(module_path, self.exercise.id)
        except ContentError as error:
            self.load_error = error
            raise
        return module

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        order = {name: position for position, name in enumerate(self.exercise.checks)}
        for item in items:
            info = info_of(item)
            if info is not None:
                self.titles[item.name] = info
        wanted = [
            item for item in items if item.name in self.titles and (self._only is None or item.name in self._only)
        ]
        items[:] = sorted(wanted, key=lambda item: order.get(item.name, len(order)))

    # ------------------------------------------------------------- fixtures

    @pytest.fixture
    def candidate(self) -> Any:
        """The submission."""
        return self._candidate

    @pytest.fixture
    def reference(self) -> Any:
        """The reference, in this process, behind the same face."""
        return self._reference

    # -------------------------------------------------------------- running

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        info = self.titles[item.name]
        self._on_start(item.name, info.title)
        self._began = time.perf_counter()
        return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> object | None:
        """Run the examples that are known. Where there are none, or one fails, the check itself has the word."""
        arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
        recall = getattr(pyfuncitem.obj, "recall", None)
        failure, kept = None, None
        if recall is not None:
            self._set_out()
            try:
                if recall(**arguments):
                    return True
            except (CheckFailure, CandidateRaised) as error:
                failure, kept = error, self._candidate.log.failed
            except Exception:  # noqa: BLE001 - what it means is for the whole check to find out
                pass
        self._set_out()
        pyfuncitem.obj(**arguments)
        if failure is not None:
            self._candidate.log.failed = kept
            self._candidate.log.recall()
            raise Flaky("an example failed, and passed when it was run again") from failure
        return True

    def _set_out(self) -> None:
        """Everything as each check finds it."""
        torch.default_generator.manual_seed(0)
        self._reference.seed(0)
        self._candidate.log.begin({})
        if self._link is not None:
            self._link.check_seconds = 0.0
            self._link.start()
        self._candidate.seed(0)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if item.name not in self.results and (call.when == "call" or call.excinfo is not None):
            self._finish(item, call.excinfo.value if call.excinfo is not None else None)
        return report

    def _finish(self, item: pytest.Item, error: BaseException | None) -> None:
        info = self.titles[item.name]
        judgement = judge(error, lambda: self._passes_with_reference(item))
        failed = judgement.outcome == "failed"
        log = self._candidate.log
        result = CheckResult(
            id=item.name,
            title=info.title,
            outcome=judgement.outcome,
            points=info.points if judgement.outcome == "passed" else 0,
            max_points=info.points,
            message=judgement.message,
            hint=info.hint if failed else Text("", ""),
            counterexample=counterexample(log, judgement.error) if failed else Text("", ""),
            snippet=snippet(log, self.exercise, judgement.error) if failed else "",
            output="".join(log.output)[:4000] if failed else "",
            seconds=time.perf_counter() - self._began,
        )
        self.results[item.name] = result
        self._on_result(result)

    def _passes_with_reference(self, item: pytest.Item) -> bool:
        """Whether the check runs through when the reference stands for the candidate: if so, its error was the
        candidate's doing.
        """
        function: Any = getattr(item, "obj", None)
        names = getattr(item, "fixturenames", ())
        arguments = {name: self._reference for name in ("candidate", "reference") if name in names}
        try:
            function(**arguments)
        except BaseException:  # noqa: BLE001 - any failure at all means that the check is at fault
            return False
        return True


def info_of(item: pytest.Item) -> CheckInfo | None:
    """What `@check` said of the item's function; None for a function that is no check."""
    info = getattr(getattr(item, "function", None), "check_info", None)
    return info if isinstance(info, CheckInfo) else None


def run_checks(run: CheckRun, *, first_failure_only: bool = False) -> list[CheckResult]:
    """All results in teaching order; a declared check without one is broken, or not_run after the first failure
    where that ends the run.

    Raises ContentError when checks.py does not load.
    """
    arguments = [str(run.exercise.checks_file), "-c", "/dev/null", "--rootdir", str(run.exercise.private)]
    if first_failure_only:
        arguments.append("--maxfail=1")
    for name in _WITHOUT:
        arguments += ["-p", f"no:{name}"]
    with without_plugins(), quick_failure() if first_failure_only else nullcontext():
        pytest.main(arguments, plugins=[run])
    if run.load_error is not None:
        raise run.load_error
    names = [*run.exercise.checks, *(name for name in run.results if name not in run.exercise.checks)]
    ended = first_failure_only and any(result.outcome != "passed" for result in run.results.values())
    return [
        run.results.get(name) or _unrun(run, name, expected=ended)
        for name in names
        if run._only is None or name in run._only
    ]


@contextmanager
def without_plugins() -> Iterator[None]:
    """Within it, pytest does not look for installed plugins: it would read the metadata of all packages, and none
    is wanted.
    """
    before = os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"]
        else:
            os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = before


def _unrun(run: CheckRun, name: str, *, expected: bool) -> CheckResult:
    info = run.titles.get(name)
    return CheckResult(
        id=name,
        title=info.title if info is not None else Text.same(name),
        outcome="not_run" if expected else "broken",
        points=0,
        max_points=info.points if info is not None else 0,
        message=Text("", "")
        if expected
        else Text(
            "This check did not run: the exercise is at fault, not you.",
            "这项检查没有运行：是题目的问题，不是你的问题。",
        ),
    )
