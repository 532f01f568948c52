"""`practice hint`: one hint at a time, for the failing checks of the last attempt in teaching order."""

from __future__ import annotations

from grader.cli.common import Invocation
from grader.cli.rendering import first_failing, mark_of
from grader.cli.terminal import Screen
from grader.daemon.client import read_submission
from grader.errors import PracticeError, Text, UsageError
from grader.journal import Attempt, JournalError, digest
from grader.verdict import CheckResult


def show_hint(invocation: Invocation, id: str, *, snippet: bool) -> int:
    """The next hint, or the code that reproduces the first failure."""
    attempt = last_attempt(invocation, id)
    if attempt.outcome == "passed":
        invocation.out.line(
            Text("The last attempt passed: there is nothing to hint at.", "上次作答已通过，不需要提示。"), "good"
        )
        return 0
    _warn_if_changed(invocation, attempt)
    if snippet:
        return _show_snippet(invocation, attempt)
    hints = [check for check in attempt.verdict.checks if check.outcome == "failed" and check.hint.en]
    if not hints:
        _no_hint(invocation.out, attempt)
        return 0
    number = invocation.journal.hints_since_last(id)
    if number >= len(hints):
        for position, check in enumerate(hints):
            _show(invocation.out, check, position, len(hints))
        give_up = invocation.command(f"solution {id} --give-up")
        invocation.out.line(
            Text(
                f"These are all. The reference: {give_up}",
                f"提示就这些了。看参考答案：{give_up}",
            ),
            "dim",
        )
        return 0
    _show(invocation.out, hints[number], number, len(hints))
    invocation.note("hint", id)
    return 0


def last_attempt(invocation: Invocation, id: str) -> Attempt:
    """The latest attempt at an exercise. UsageError when there is none."""
    catch_up(invocation)
    attempt = invocation.journal.last(id)
    if attempt is None:
        run = invocation.command(f"run {id}")
        raise UsageError(
            Text(f"there is no attempt at {id} yet", f"{id} 还没有作答记录"),
            Text(f"make one: {run}", f"先作答一次：{run}"),
        )
    return attempt


def catch_up(invocation: Invocation) -> None:
    """What happened on another machine, where this one has not seen the journal yet."""
    try:
        invocation.journal.catch_up()
    except JournalError as error:
        invocation.err().warning(error.message)


def _warn_if_changed(invocation: Invocation, attempt: Attempt) -> None:
    """A hint is for what was graded, which may no longer be what stands in the file."""
    try:
        source = read_submission(invocation.workspace.attempt(attempt.exercise))
    except PracticeError:
        return
    if digest(source) != attempt.sha256:
        invocation.err().line(
            Text(
                "(for the last graded attempt; the file has changed since)", "（针对上次评分的代码；文件之后又有修改）"
            ),
            "dim",
        )


def _show(out: Screen, check: CheckResult, position: int, count: int) -> None:
    number = f"  ({position + 1}/{count})" if count > 1 else ""
    out.line(f"{mark_of(out, check.outcome)} {out.styled(check.title, 'strong')}{out.styled(number, 'dim')}")
    out.paragraph(check.hint, indent=2)


def _no_hint(out: Screen, attempt: Attempt) -> None:
    """Code that does not load, or a fault of ours: the message is all that there is to say."""
    check = first_failing(attempt.verdict.checks)
    out.line(Text("There is no hint beyond the message:", "除了下面的信息，没有更多提示："))
    if check is not None:
        out.paragraph(check.message, indent=2)


def _show_snippet(invocation: Invocation, attempt: Attempt) -> int:
    """Code alone on stdout, to be piped into Python beside the attempt."""
    check = first_failing(attempt.verdict.checks)
    if check is None or not check.snippet:
        run = invocation.command(f"run {attempt.exercise}")
        raise UsageError(
            Text("the first failing check has no snippet", "第一个未通过的检查没有可复现的代码"),
            Text(f"its message: {run}", f"查看信息：{run}"),
        )
    invocation.out.code(check.snippet)
    return 0
