"""What `pytest --submission FILE` adds to a pytest run: checks.py is collected, its fixtures are there, failures
read like a verdict.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from grader.content import Exercise, builtin_root, load_exercise
from grader.daemon.client import read_submission
from grader.errors import PracticeError
from grader.exam import modules
from grader.exam.counterexample import counterexample, snippet
from grader.exam.link import Link, LoadFailure, Submitted
from grader.exam.outcome import judge
from grader.exam.reference import Reference
from grader.exam.remote import RemoteCandidate
from grader.exam.session import ChecksModule, info_of
from grader.exam.supply import Supply


class AuthorRun:
    """Plugin of one pytest run with one submission; an exercise's candidate is started when its first check wants
    it.
    """

    def __init__(self, submission: Path, config: pytest.Config) -> None:
        try:
            self._source = read_submission(submission)
        except PracticeError as error:
            raise pytest.UsageError(str(error)) from None
        self._filename = submission.name
        self._supply: Supply | None = None
        self._exercises: dict[Path, Exercise] = {}
        self._candidates: dict[str, tuple[RemoteCandidate, Reference]] = {}
        config.addinivalue_line("python_files", "checks.py")

    def pytest_pycollect_makemodule(self, module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
        if module_path.name != "checks.py":
            return None
        private = module_path.parent
        exercise = load_exercise(private.parent.parent / "exercises" / private.name, private)
        self._exercises[module_path] = exercise
        module: ChecksModule = ChecksModule.from_parent(parent, path=module_path)
        module.loaded = modules.load(module_path, exercise.id)
        return module

    def _pair(self, path: Path) -> tuple[RemoteCandidate, Reference]:
        exercise = self._exercises[path]
        if exercise.id not in self._candidates:
            if self._supply is None:
                self._supply = Supply(forbidden=[builtin_root() / "exercises", builtin_root() / "solutions"])
            link = Link(self._supply, exercise, Submitted(self._source, self._filename))
            reference = Reference(exercise)
            self._candidates[exercise.id] = (RemoteCandidate(link), reference)
        return self._candidates[exercise.id]

    @pytest.fixture
    def candidate(self, request: pytest.FixtureRequest) -> RemoteCandidate:
        """The submission, in a worker."""
        candidate, _ = self._pair(request.path)
        try:
            candidate._link.start()
        except LoadFailure as failure:
            pytest.fail(failure.text.en, pytrace=False)
        candidate.log.begin({})
        candidate.seed(0)
        return candidate

    @pytest.fixture
    def reference(self, request: pytest.FixtureRequest) -> Reference:
        """The reference, in this process."""
        return self._pair(request.path)[1]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[Any]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        info = info_of(item)
        if info is not None and call.when == "call" and call.excinfo is not None:
            candidate, _ = self._pair(item.path)
            judgement = judge(call.excinfo.value, lambda: True)
            if judgement.outcome == "failed":
                parts = [
                    info.title.en,
                    judgement.message.en,
                    counterexample(candidate.log, judgement.error).en,
                    snippet(candidate.log, self._exercises[item.path], judgement.error),
                ]
                report.longrepr = "\n".join(part for part in parts if part)
        return report

    def pytest_unconfigure(self) -> None:
        for candidate, _ in self._candidates.values():
            candidate._link.close()
        if self._supply is not None:
            self._supply.close()
