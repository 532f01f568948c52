"""What an exception in a check means: the submission's failure, or ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from grader.errors import PracticeError, Text
from grader.exam.failures import CandidateRaised, CheckFailure, WorkerKilled, WorkerLost
from grader.exam.link import LoadFailure
from grader.exam.patience import is_out_of_memory
from grader.exam.replies import printable


@dataclass(frozen=True, slots=True)
class Judgement:
    """An outcome with its words. `error` is the failure to illustrate, where there is one."""

    outcome: Literal["passed", "failed", "broken"]
    message: Text = Text("", "")  # noqa: RUF009 - frozen
    error: BaseException | None = None


def judge(error: BaseException | None, passes_with_reference: Callable[[], bool]) -> Judgement:
    """The outcome of a check that ended with `error`.

    An error that is neither a check's finding nor the submission's exception arose in the check's own code. It is
    the submission's doing when the same check runs through with the reference: what the submission gave back could
    not be used.
    """
    if error is None:
        return Judgement("passed")
    if isinstance(error, WorkerKilled):
        return Judgement("broken", error.text, error)
    if isinstance(error, (CheckFailure, CandidateRaised, WorkerLost)):
        return Judgement("failed", _capital(error.text), error)
    if isinstance(error, PracticeError):
        return Judgement("broken", Text(error.say("en"), error.say("zh")), error)
    if isinstance(error, LoadFailure):  # it loaded before, and does not now
        return Judgement("failed", error.text, error)
    inner = _flaky_parts(error)
    if inner is not None:
        words = Text(
            "It gives different results for the same input: the failing case passed when it was run again.",
            "同样的输入得到不同的结果：失败的用例再次运行时通过了。",
        )
        first = next((part for part in inner if isinstance(part, (CheckFailure, CandidateRaised))), None)
        if first is not None:
            words = Text(f"{words.en} {_capital(first.text).en}", f"{words.zh}{first.text.zh}")
        return Judgement("failed", words, first or error)
    kind = type(error).__name__
    if is_out_of_memory(error) and passes_with_reference():
        return Judgement("failed", _TOO_LARGE, error)
    if isinstance(error, Exception) and passes_with_reference():
        said = str(error).strip().splitlines()[:1]
        detail = printable(f"{kind}: {said[0][:200]}" if said else kind)  # the text may be made of what was returned
        return Judgement(
            "failed",
            Text(
                f"What it returned cannot be used the way the statement says ({detail}).",
                f"返回的结果无法按题目所说的方式使用（{detail}）。",
            ),
            error,
        )
    return Judgement(
        "broken",
        Text(
            f"The check itself failed ({kind}: {error}): not your fault.",
            f"检查本身出错（{kind}: {error}）：不是你的问题。",
        ),
        error,
    )


def may_be_ours(error: BaseException | None) -> bool:
    """Whether `judge` will ask for the reference."""
    theirs = (CheckFailure, CandidateRaised, WorkerLost, PracticeError, LoadFailure)
    return isinstance(error, Exception) and not isinstance(error, theirs) and _flaky_parts(error) is None


def judge_unspoken(trouble: BaseException, *, passes: bool) -> Judgement:
    """The outcome of a check whose error could not be put into words, for this trouble: an error's own text is made
    when it is asked for, of the values that the submission gave.
    """
    if isinstance(trouble, WorkerLost):
        return Judgement("failed", _capital(trouble.text), trouble)
    if is_out_of_memory(trouble):
        return Judgement("failed", _TOO_LARGE, trouble)
    return judge(trouble, lambda: passes)


_TOO_LARGE = Text(
    "What came back takes too much memory to look at.",
    "返回的东西看起来太占内存。",
)


def _capital(text: Text) -> Text:
    """Our own words begin a sentence; a name of the candidate's code keeps its case."""
    first = text.en.split(" ", 1)[0]
    if first in ("the", "a", "an"):
        return Text(text.en[:1].upper() + text.en[1:], text.zh)
    return text


def _flaky_parts(error: BaseException) -> list[BaseException] | None:
    """The exceptions inside Hypothesis's report that an example failed once and passed once; None for any other
    error.
    """
    from hypothesis.errors import Flaky

    if not isinstance(error, Flaky):
        return None
    parts: list[BaseException] = []
    if isinstance(error, BaseExceptionGroup):
        parts += error.exceptions
    cause = error.__cause__ or error.__context__
    if cause is not None:
        parts.append(cause)
    return parts
