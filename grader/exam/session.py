"""Runs an exercise's checks under pytest and gathers a result for each.

Each check that exercise.yaml declares gets a result, whatever happens: one that did not run is `broken`, so that
nothing run never reads as passed.
"""

from __future__ import annotations

import inspect
import os
import time
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from hypothesis.errors import Flaky

from grader.content import Exercise
from grader.errors import Text
from grader.exam import modules
from grader.exam.checks import CheckInfo, only_whether_it_fails, quick_failure
from grader.exam.counterexample import LONGEST, counterexample, snippet
from grader.exam.failures import Again, CandidateRaised, CheckFailure, TooSlow
from grader.exam.link import Link
from grader.exam.local import LocalCandidate
from grader.exam.outcome import Judgement, judge, judge_unspoken, may_be_ours
from grader.exam.patience import Patience, for_our_own
from grader.exam.reference import Reference
from grader.verdict import CheckResult

OnResult = Callable[[CheckResult], None]
OnStart = Callable[[str, Text], None]
# What a pytest inside ours does not need: each plugin costs milliseconds of every verdict.
_WITHOUT = [
    "cacheprovider", "terminal", "capture", "logging", "junitxml", "pastebin", "nose", "doctest", "unittest",
    "setuponly", "setupplan", "stepwise", "faulthandler", "debugging", "recwarn", "warnings",
    "unraisableexception", "threadexception", "tmpdir", "monkeypatch", "legacypath", "subtests",
]  # fmt: skip


# Characters of what a verdict says of one check: a submission has a hand in all of them.
MESSAGE, SHOWN = 4_000, LONGEST


def _short(text: Text, most: int) -> Text:
    return Text(text.en[:most], text.zh[:most])


class ChecksModule(pytest.Module):
    """checks.py, loaded under a name of its own."""

    loaded: ModuleType

    def _getobj(self) -> ModuleType:
        return self.loaded


class CheckRun:
    """One submission's way through the checks, and the results so far."""

    def __init__(
        self,
        exercise: Exercise,
        candidate: Any,
        reference: Reference,
        *,
        link: Link | None = None,
        only: Iterable[str] | None = None,
        on_start: OnStart = lambda _id, _title: None,
        on_result: OnResult = lambda _result: None,
    ) -> None:
        self.exercise = exercise
        self.candidate = candidate
        self.reference = reference
        self.results: dict[str, CheckResult] = {}
        self.titles: dict[str, CheckInfo] = {}
        self._link = link
        self._only = set(only) if only is not None else None
        self._on_start = on_start
        self._on_result = on_result
        self._began = 0.0
        self._patience = Patience() if link is not None else None

    def wants(self, name: str) -> bool:
        return self._only is None or name in self._only

    def begin(self, name: str) -> None:
        self._on_start(name, self.titles[name].title)
        self._began = time.perf_counter()

    def call(self, item: pytest.Function) -> None:
        """Run one check; what a submission gives back has its limit of time here, too."""
        with self.patient():
            self._call(item)

    def patient(self) -> AbstractContextManager[None]:
        """Within it, this process works on the submission's values, with an end."""
        return self._patience.for_a_check() if self._patience is not None else nullcontext()

    def _call(self, item: pytest.Function) -> None:
        """Run the examples that are known. Where there are none, or one fails, the check itself has the word."""
        arguments = {name: item.funcargs[name] for name in item._fixtureinfo.argnames}
        recall = getattr(item.obj, "recall", None)
        failure: Exception | None = None
        kept = None
        if recall is not None:
            self._set_out()
            try:
                if recall(**arguments):
                    return
            except Again as again:
                raise self.candidate.log.recall() or again from None
            except (CheckFailure, CandidateRaised) as error:
                failure, kept = error, self.candidate.log.failed
                if only_whether_it_fails():
                    self.candidate.log.recall()
                    raise
            except Exception as error:  # noqa: BLE001 - what it means is for the whole check to find out
                failure = error
        self._set_out()
        item.obj(**arguments)
        if failure is None:
            return
        if kept is not None:
            self.candidate.log.failed = kept
            self.candidate.log.recall()
        elif not self._passes_with_reference(item, recall):
            return  # the example was at fault: what Hypothesis has drawn counts
        raise Flaky("an example failed, and passed when it was run again") from failure

    def _set_out(self) -> None:
        """Everything as each check finds it."""
        torch.default_generator.manual_seed(0)
        self.reference.seed(0)
        self.candidate.log.begin({})
        if self._link is not None:
            self._link.begin_check()
            self._link.start()
        self.candidate.seed(0)

    def finish(self, item: pytest.Item, error: BaseException | None) -> None:
        """The result of a check that ended, with an error or without."""
        if item.name in self.results:
            return
        info = self.titles[item.name]
        if error is None and self._link is not None and self._link.written:
            # What the check expects may have been worked out from it.
            names = ", ".join(sorted(self._link.written)[:3])
            error = CheckFailure(
                Text(
                    f"It wrote into a module that it was given: {names}.",
                    f"它改写了传进来的模块：{names}。",
                )
            )
        judgement, shown, code = self._told(item, error)
        failed = judgement.outcome == "failed"
        if isinstance(judgement.error, CandidateRaised):
            self.candidate.log.told.add(judgement.error.identity)
        log = self.candidate.log
        result = CheckResult(
            id=item.name,
            title=info.title,
            outcome=judgement.outcome,
            points=info.points if judgement.outcome == "passed" else 0,
            max_points=info.points,
            message=_short(judgement.message, MESSAGE),
            hint=info.hint if failed else Text("", ""),
            counterexample=_short(shown, SHOWN),
            snippet=code[:SHOWN],
            output="".join(log.output)[:4000] if failed else "",
            seconds=time.perf_counter() - self._began,
        )
        self.results[item.name] = result
        self._on_result(result)

    def _told(self, item: pytest.Item, error: BaseException | None) -> tuple[Judgement, Text, str]:
        """What the error means, the counterexample, and the snippet. To put a submission's values into words may take
        too long, or too much memory, as well as to compare them: the verdict arrives all the same.
        """
        log, nothing = self.candidate.log, Text("", "")
        passes = self._passes_with_reference(item, getattr(item, "obj", None)) if may_be_ours(error) else False
        judgement: Judgement | None = None
        try:
            with self.patient():
                judgement = judge(error, lambda: passes)
                if judgement.outcome != "failed":
                    return judgement, nothing, ""
                return judgement, counterexample(log, judgement.error), snippet(log, self.exercise, judgement.error)
        except (Exception, TooSlow) as trouble:  # noqa: BLE001 - ours, or what the values make of it: not the verdict's end
            if os.environ.get("PRACTICE_DEBUG"):
                traceback.print_exc()
            return judgement or judge_unspoken(trouble, passes=passes), nothing, ""

    def _passes_with_reference(self, item: pytest.Item, function: Any) -> bool:
        """Whether the check, or its examples, run through when the reference stands for the candidate: if so, an error
        in it was the candidate's doing.
        """
        names = getattr(item, "fixturenames", ())
        stand_in = LocalCandidate(self.exercise, modules.load(self.exercise.reference_file, self.exercise.id))
        fixtures = {"candidate": stand_in, "reference": self.reference}
        arguments = {name: fixture for name, fixture in fixtures.items() if name in names}
        try:
            with for_our_own():
                function(**arguments)
        except BaseException:  # noqa: BLE001 - any failure at all means that the check is at fault
            return False
        return True


class Collected:
    """The pytest plugin of one checks.py: collects it once, and runs what it has found for one submission after
    another. Collecting takes longer than many a check: a daemon does it before it forks.
    """

    def __init__(self, path: Path, module: ModuleType) -> None:
        self.module = module
        self.items: list[pytest.Item] = []
        self.titles: dict[str, CheckInfo] = {}
        self._path = path
        self._session: pytest.Session | None = None
        self._run: CheckRun | None = None

    @property
    def run(self) -> CheckRun:
        assert self._run is not None
        return self._run

    def collect(self) -> None:
        arguments = [str(self._path), "-c", "/dev/null", "--rootdir", str(self._path.parent)]
        for name in _WITHOUT:
            arguments += ["-p", f"no:{name}"]
        with without_plugins():
            pytest.main(arguments, plugins=[self])

    def run_items(self, run: CheckRun, *, first_failure_only: bool) -> None:
        """Put results into `run`, in teaching order; ends early where pytest would."""
        session = self._session
        if session is None:
            return
        order = {name: position for position, name in enumerate(run.exercise.checks)}
        items = [item for item in self.items if run.wants(item.name)]
        items.sort(key=lambda item: order.get(item.name, len(order)))
        self._run, run.titles = run, self.titles
        failed = session.testsfailed
        item: pytest.Item | None = None
        try:
            for item, following in zip(items, [*items[1:], None], strict=True):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                if first_failure_only and session.testsfailed > failed:
                    break
        except (Exception, pytest.exit.Exception, KeyboardInterrupt):  # noqa: BLE001 - ends a session of pytest, too
            if os.environ.get("PRACTICE_DEBUG"):
                traceback.print_exc()
        finally:
            if item is not None and item is not items[-1]:  # fixtures of the module still stand
                with suppress(Exception):
                    item.config.hook.pytest_runtest_teardown(item=item, nextitem=None)
            self._run = None

    # ----------------------------------------------------------- collection

    def pytest_configure(self, config: pytest.Config) -> None:
        # A failure is told in our own words: pytest's traceback would cost half of a failing verdict, and nobody
        # reads it.
        config.option.tbstyle = "no"

    def pytest_pycollect_makemodule(self, module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
        if module_path != self._path:
            return None
        module: ChecksModule = ChecksModule.from_parent(parent, path=module_path)
        module.loaded = self.module
        return module

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            info = info_of(item)
            if info is not None:
                self.titles[item.name] = info
        items[:] = [item for item in items if item.name in self.titles]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Only take the items: they are run later, as often as there are submissions."""
        if not session.testsfailed:  # else a part of the file could not be collected, and nothing runs
            self._session, self.items = session, session.items
        return True

    # ------------------------------------------------------------- fixtures

    @pytest.fixture
    def candidate(self) -> Any:
        """The submission."""
        return self.run.candidate

    @pytest.fixture
    def reference(self) -> Any:
        """The reference, in this process, behind the same face."""
        return self.run.reference

    # -------------------------------------------------------------- running

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        self.run.begin(item.name)
        return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        if inspect.iscoroutinefunction(pyfuncitem.obj) or inspect.isasyncgenfunction(pyfuncitem.obj):
            return None  # pytest says why it cannot be
        self.run.call(pyfuncitem)
        return True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if call.when == "call" or call.excinfo is not None:
            self.run.finish(item, call.excinfo.value if call.excinfo is not None else None)
        return report


_collected: dict[Path, Collected] = {}


def collected(exercise: Exercise) -> Collected:
    """The exercise's checks as they stand on disk. Raises ContentError when checks.py does not load."""
    path = exercise.checks_file
    module = modules.load(path, exercise.id)
    known = _collected.get(path)
    if known is not None and known.module is module:
        return known
    made = Collected(path, module)
    made.collect()
    if not (path.parent / "conftest.py").exists():  # python would keep the first version of one
        _collected[path] = made
    return made


def info_of(item: pytest.Item) -> CheckInfo | None:
    """What `@check` said of the item's function; None for a function that is no check."""
    info = getattr(getattr(item, "function", None), "check_info", None)
    return info if isinstance(info, CheckInfo) else None


def run_checks(run: CheckRun, *, first_failure_only: bool = False) -> list[CheckResult]:
    """All results in teaching order; a declared check without one is broken, or not_run after the first failure
    where that ends the run.

    Raises ContentError when checks.py does not load.
    """
    with quick_failure() if first_failure_only else nullcontext():
        collected(run.exercise).run_items(run, first_failure_only=first_failure_only)
    names = [*run.exercise.checks, *(name for name in run.results if name not in run.exercise.checks)]
    ended = first_failure_only and any(result.outcome != "passed" for result in run.results.values())
    return [run.results.get(name) or _unrun(run, name, expected=ended) for name in names if run.wants(name)]


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
