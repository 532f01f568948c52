"""The grader of the practice kit.

    from grader import grade
    verdict = grade("self_attention", "attempts/self_attention.py")
    verdict.passed, verdict.points, [check.message.en for check in verdict.checks]

Importing it costs little: grading runs in processes of its own. The names are loaded on first use, because the worker
imports this package too, and nothing of the trusted side may come to lie in its memory.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grader.daemon.client import grade
    from grader.verdict import CheckResult, Diagnosis, Verdict

__all__ = ["CheckResult", "Diagnosis", "Verdict", "grade"]

_HOMES = {
    "CheckResult": "grader.verdict",
    "Diagnosis": "grader.verdict",
    "Verdict": "grader.verdict",
    "grade": "grader.daemon.client",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
