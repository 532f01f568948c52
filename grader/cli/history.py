"""`practice history`: attempts and answers, a line each."""

from __future__ import annotations

from datetime import datetime

from grader.cli.common import Invocation
from grader.cli.rendering import COLOURS, first_failing, mark_of
from grader.cli.reviewing import questions
from grader.cli.terminal import Screen, shortened
from grader.errors import PracticeError, Text, UnknownName, UsageError
from grader.journal import Answer, Attempt

LATEST = 20
# the marks of checks, for answers
ANSWERED = {"adequate": "passed", "partial": "not_run", "inadequate": "failed"}
_OPENING = 60


def show_all(invocation: Invocation, *, whole: bool) -> int:
    """The latest of everything."""
    out, journal = invocation.out, invocation.journal
    log, count = journal.log(None if whole else LATEST) if journal.begun else ([], 0)
    if not log:
        run = invocation.command("run")
        out.line(Text(f"Nothing yet. Begin: {run}", f"还没有记录。开始：{run}"))
        return 0
    if earlier := count - len(log):
        more = invocation.command("history --all")
        out.line(Text(f"({earlier} earlier: {more})", f"（更早还有 {earlier} 条：{more}）"), "dim")
    for line in log:
        asked = line.kind == "question"
        outcome = ANSWERED.get(line.outcome, "not_run") if asked else line.outcome
        how = f"{line.points:.0%}" if asked else f"{line.points:g}/{line.max_points:g}"
        out.line(f"{_at(line.time)}  {_mark(out, outcome)} {how:>7}  {line.subject}")
    return 0


def show_history(invocation: Invocation, name: str) -> int:
    """The attempts at an exercise, the answers to a question; both where both have the name."""
    exercise, question = _named(invocation, name)
    rows: list[tuple[datetime, str]] = []
    if exercise:
        rows += _of_exercise(invocation, exercise)
    if question:
        rows += _of_question(invocation, question)
    if not rows:
        raise _nothing(invocation, exercise, question)
    for _, row in sorted(rows):
        invocation.out.line(row)
    return 0


def _named(invocation: Invocation, name: str) -> tuple[str | None, str | None]:
    """What was meant, exercises and questions each by their own id first."""
    asked = questions(invocation)
    exercise = name if name in invocation.catalogue.ids() else None
    question = name if name in asked else None
    if exercise or question:
        return exercise, question
    try:
        return invocation.resolve(name), None
    except UnknownName as unknown:
        try:
            return None, invocation.bank.resolve(name)
        except PracticeError:
            raise unknown from None


def _nothing(invocation: Invocation, exercise: str | None, question: str | None) -> UsageError:
    if exercise:
        run = invocation.command(f"run {exercise}")
        return UsageError(
            Text(f"there is no attempt at {exercise} yet", f"{exercise} 还没有作答记录"),
            Text(f"make one: {run}", f"先作答一次：{run}"),
        )
    ask = invocation.command(f"ask {question}")
    return UsageError(
        Text(f"there is no answer to {question} yet", f"{question} 还没有回答记录"),
        Text(f"give one: {ask}", f"先回答一次：{ask}"),
    )


def _of_exercise(invocation: Invocation, id: str) -> list[tuple[datetime, str]]:
    out, journal = invocation.out, invocation.journal
    if not journal.begun:
        return []
    rows = [(attempt.time, _attempt(out, attempt)) for attempt in journal.attempts(id)]
    for note in journal.notes(id):
        if note.kind == "gave_up":
            text = Text("gave up: the reference was shown", "放弃：查看了参考答案")
            rows.append((note.time, f"{_at(note.time)}  {out.styled(text, 'dim')}"))
    return rows


def _of_question(invocation: Invocation, id: str) -> list[tuple[datetime, str]]:
    out, journal = invocation.out, invocation.journal
    if not journal.begun:
        return []
    rows = [(answer.time, _answer(out, answer)) for answer in journal.answers(id)]
    for dispute in journal.disputes(id):
        text = Text(f"disputed: {dispute.point} counts as covered", f"异议：{dispute.point} 应算作已答到")
        rows.append((dispute.time, f"{_at(dispute.time)}  {out.styled(text, 'dim')}"))
    return rows


def _attempt(out: Screen, attempt: Attempt) -> str:
    points = f"{attempt.points:g}/{attempt.max_points:g}"
    first = first_failing(attempt.verdict.checks)
    title = out.say(first.title) if first else ""
    return f"{_at(attempt.time)}  {_mark(out, attempt.outcome)} {points:>7}  {title}"


def _answer(out: Screen, answer: Answer) -> str:
    mark = _mark(out, ANSWERED.get(answer.outcome, "not_run"))
    return f"{_at(answer.time)}  {mark} {answer.score:>7.0%}  {shortened(answer.text, _OPENING)}"


def _mark(out: Screen, outcome: str) -> str:
    return mark_of(out, outcome if outcome in COLOURS else "not_run")


def _at(time: datetime) -> str:
    """By the user's clock."""
    return time.astimezone().strftime("%Y-%m-%d %H:%M")
