"""The optional ways to recognise what an answer says: `--semantic`, `--judge`, PRACTICE_SEMANTIC."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grader.answers.recognising import Recogniser
    from grader.cli.common import Invocation

_OFF = ("", "0", "no", "off", "false")


def wished(invocation: Invocation, *, semantic: bool, judge: bool) -> Recogniser | None:
    """What the options and the environment ask for; None for the rules alone.

    UsageError where embeddings are asked for and their package is not there. A judge that fails is told in one line.
    """
    found: Recogniser | None = None
    if semantic or os.environ.get("PRACTICE_SEMANTIC", "").strip().lower() not in _OFF:
        from grader.answers.semantic import Semantic

        found = Semantic()
    if judge:
        from grader.answers.judge import Judge

        found = Judge(otherwise=found, tell=invocation.err().warning)
    return found
