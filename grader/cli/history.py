"""`practice history`: the attempts at one exercise, a line each."""

from __future__ import annotations

from grader.cli.common import Invocation
from grader.cli.hints import last_attempt
from grader.cli.listing import moment
from grader.cli.rendering import first_failing, mark_of
from grader.cli.terminal import Screen
from grader.errors import Text
from grader.journal import Attempt


def show_history(invocation: Invocation, id: str) -> int:
    """When, how many points, and what failed first."""
    last_attempt(invocation, id)
    out, journal = invocation.out, invocation.workspace.journal
    for attempt in journal.attempts(id):
        _row(out, attempt)
    for when in journal.noted("gave_up", id):
        at = when.strftime("%Y-%m-%d %H:%M")
        out.line(Text(f"{at}  gave up: the reference was shown", f"{at}  放弃：查看了参考答案"), "dim")
    return 0


def _row(out: Screen, attempt: Attempt) -> None:
    points = f"{attempt.points:g}/{attempt.max_points:g}"
    first = first_failing(attempt.verdict.checks)
    title = out.say(first.title) if first else ""
    out.line(f"{moment(attempt)}  {mark_of(out, attempt.outcome)} {points:>7}  {title}")
