"""The reference as checks call it, beside the candidate.

It is trusted: its functions are called with the caller's own tensors, and what they gave for the examples of a
rehearsal is given again without being computed (`expectations`). Calls that draw random numbers or start a graph are
always made.
"""

from __future__ import annotations

import weakref
from contextlib import AbstractContextManager
from types import ModuleType
from typing import Any

from grader.content import Entry, Exercise
from grader.exam import expectations, modules
from grader.exam.expectations import Answers
from grader.exam.local import LocalCandidate, LocalEntry

_of_modules: weakref.WeakKeyDictionary[ModuleType, Answers] = weakref.WeakKeyDictionary()


class Reference(LocalCandidate):
    """The exercise's own reference."""

    def __init__(self, exercise: Exercise) -> None:
        super().__init__(exercise, modules.load(exercise.reference_file, exercise.id))
        self._answers = _of_modules.setdefault(self._module, Answers())

    def learning(self) -> AbstractContextManager[None]:
        """Within it, answers are kept."""
        return expectations.learning()

    def trusted_module(self) -> ModuleType:
        """What answers depend on, beside the arguments."""
        return self._module

    def _entry(self, entry: Entry) -> LocalEntry:
        return _Function(self, entry.name) if entry.kind == "function" else super()._entry(entry)


class _Function(LocalEntry):
    """A function of the reference."""

    _candidate: Reference

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        candidate = self._candidate
        return candidate._answers.answer(
            (self._entry.name, arguments, named),
            lambda: candidate._apart(self._target, arguments, named),
            repeatable=lambda: not candidate.last.used_global_rng,
        )
