"""A stub becomes an attempt, with the words that belong to it."""

from __future__ import annotations

from pathlib import Path

from grader.cli.common import Invocation
from grader.cli.progress import progress
from grader.cli.terminal import Screen
from grader.content import Exercise, statement
from grader.content.place import read_bytes, shown
from grader.errors import Text


def hand_out(invocation: Invocation, id: str, *, quiet: bool = False) -> Path:
    """Write `attempts/ID.py` and say what to do with it."""
    exercise = invocation.catalogue.get(id)
    opening = statement(exercise, invocation.spoken).opening
    passed = invocation.journal.state().get(id) == "passed"
    path = invocation.workspace.hand_out(id, read_bytes(exercise.stub_file))
    if passed:
        invocation.note("reset", id)  # from here on a pass shows that it is still known
    if quiet:
        invocation.err().line(Text(f"handed out {shown(path)}", f"已发放 {shown(path)}"))
        return path
    out = invocation.out
    out.markdown(opening)
    out.line()
    _facts(out, exercise)
    standing = progress(exercise.after, invocation.workspace, invocation.journal)
    waiting = [one for one in exercise.after if not standing.passed(one)]
    if waiting:
        first = ", ".join(waiting)
        out.line(
            Text(f"It builds on {first}, which you have not passed yet.", f"它以 {first} 为基础，你还没有通过。"),
            "warn",
        )
    out.line()
    where = out.styled(shown(path), "strong")
    out.line(Text(f"Your file: {where}", f"你的文件：{where}"))
    show, run = invocation.command(f"show {id}"), invocation.command(f"run {id}")
    out.line(Text(f"Whole statement: {show}", f"完整题目：{show}"))
    out.line(Text(f"Grade it: {run}", f"评分：{run}"))
    return path


def show_statement(invocation: Invocation, id: str) -> None:
    """The whole statement."""
    exercise = invocation.catalogue.get(id)
    told = statement(exercise, invocation.spoken)
    invocation.out.markdown(f"{told.opening}\n\n{told.body}")
    invocation.out.line()
    _facts(invocation.out, exercise)


def _facts(out: Screen, exercise: Exercise) -> None:
    """Topic, level, minutes, and what comes before, in one line."""
    from grader.cli.listing import TOPIC_NAMES

    topic = TOPIC_NAMES[exercise.topic]
    after = ", ".join(exercise.after)
    out.line(
        Text(
            f"{topic.en} · level {exercise.level} · {exercise.minutes} min" + (f" · after {after}" if after else ""),
            f"{topic.zh} · 难度 {exercise.level} · {exercise.minutes} 分钟" + (f" · 先做 {after}" if after else ""),
        ),
        "dim",
    )
