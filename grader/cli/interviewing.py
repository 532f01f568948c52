"""`practice interview`: a timed mock interview, and the report that it ends with."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from grader.cli.common import Invocation, command_options
from grader.errors import PracticeError, Text, UsageError

if TYPE_CHECKING:
    from grader.content.exercise import Exercise, Topic
    from grader.content.question import Question
    from grader.interview.plan import Plan
    from grader.interview.record import Record
    from grader.journal.schedule import Subject

FOLDER = "interviews"
INTERRUPTED = 130
LARGEST_SEED = 2**32


@click.command()
@click.option("--minutes", "-m", type=int, default=45, show_default=True, help="How long it lasts. 时长（分钟）。")
@click.option("--topic", "-t", metavar="TOPIC", help="Only this topic. 只问这个主题。")
@click.option("--seed", "-s", type=int, metavar="N", help="The same N asks the same again. 同样的 N，同样的题目。")
@command_options
def interview(minutes: int, topic: str | None, seed: int | None, invocation: Invocation) -> int:
    """A timed mock interview that ends with a report. 限时模拟面试，最后给出报告。

    Questions with what follows from your answers, then one or two exercises. Without --seed it leans towards what is
    due or weak in your journal. End an answer with Ctrl-D, or a line with a single dot; `skip` moves on; Ctrl-C ends
    the interview. The report comes as Markdown and HTML, in the folder `interviews` beside your attempts.
    """
    from grader.interview.plan import LONGEST, SHORTEST

    if not SHORTEST <= minutes <= LONGEST:
        raise UsageError(
            Text(f"an interview cannot last {minutes} minutes", f"面试时长不能是 {minutes} 分钟"),
            Text(f"from {SHORTEST} to {LONGEST} it can", f"请在 {SHORTEST} 到 {LONGEST} 之间选择"),
        )
    if seed is not None and not 0 <= seed < LARGEST_SEED:
        raise UsageError(
            Text(f"{seed} is no seed", f"{seed} 不能作为种子"),
            Text(f"take a whole number from 0 to {LARGEST_SEED - 1}", f"请用 0 到 {LARGEST_SEED - 1} 之间的整数"),
        )
    plan, again = _plan(invocation, minutes, topic, seed)
    folder = _folder(invocation)
    record = _hold(invocation, plan)
    return _report(invocation, record, folder, again)


# --------------------------------------------------------------------- the plan


def _plan(invocation: Invocation, minutes: int, name: str | None, seed: int | None) -> tuple[Plan, str | None]:
    """What to ask, and the command's words that would ask the same again, where there are such."""
    from grader.cli.answering import rubric_of
    from grader.interview.plan import draw

    questions = invocation.bank.questions
    if not questions:
        raise UsageError(
            Text("there are no questions", "没有任何问题"), Text("add a questions.yaml", "请添加 questions.yaml")
        )
    topic = _topic(name, questions) if name is not None else None
    exercises, errors = invocation.catalogue.all()
    invocation.warn_of(errors)
    weights: dict[tuple[Subject, str], float] = {}
    if seed is None:
        from secrets import randbelow

        seed = randbelow(100_000)
        weights = _weights(invocation, exercises)
    plan = draw(seed, minutes, questions.values(), exercises, topic=topic, weights=weights)
    for question in plan.questions:
        rubric_of(invocation.bank, question)  # what is wrong with one is told now, and not after an answer
    words = f"interview --minutes {minutes} --seed {seed}" + (f" --topic {topic}" if topic else "")
    return plan, None if weights else words


def _topic(name: str, questions: Mapping[str, Question]) -> Topic:
    from grader.cli.listing import TOPIC_NAMES
    from grader.content.place import did_you_mean
    from grader.interview.plan import topics_of

    known = topics_of(questions.values())
    plain = name.strip().lower()
    for topic in known:
        if plain in (topic, TOPIC_NAMES[topic].en.lower(), TOPIC_NAMES[topic].zh.lower()):
            return topic
    names = ", ".join(known)
    raise UsageError(
        Text(f"there are no questions on '{name}'", f"没有关于 '{name}' 的问题"),
        did_you_mean(plain, known, Text(f"the topics are {names}", f"可选的主题：{names}")),
    )


def _weights(invocation: Invocation, exercises: list[Exercise]) -> dict[tuple[Subject, str], float]:
    """By the journal. What is half written in the attempts is left to be finished there."""
    from grader.cli.progress import progress
    from grader.interview.plan import weigh
    from grader.journal.entries import now

    found: dict[tuple[Subject, str], float] = {}
    if invocation.journal.begun:
        try:
            found.update(weigh(invocation.journal.cards(), now()))
        except PracticeError as error:
            invocation.err().warning(error.message)
    standing = progress((one.id for one in exercises), invocation.workspace, invocation.journal)
    for id in standing.unfinished:
        if invocation.workspace.started(id):
            found["exercise", id] = 0.1
    return found


# ---------------------------------------------------------------- the interview


def _hold(invocation: Invocation, plan: Plan) -> Record:
    from grader.cli.interview_room import TerminalRoom
    from grader.interview.session import conduct

    if hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(errors="replace")  # a byte that is no UTF-8 must not end an interview
    _welcome(invocation, plan)
    _warm_up()
    room = TerminalRoom(invocation, plan)

    def find(id: str) -> Question | None:
        """A follow-up that can be graded."""
        question = invocation.bank.questions.get(id)
        try:
            return question if question is not None and invocation.bank.rubric(id) is not None else None
        except PracticeError:
            return None

    return conduct(plan, room, find)


def _welcome(invocation: Invocation, plan: Plan) -> None:
    out = invocation.out
    q, e = len(plan.questions), len(plan.exercises)
    en = f"{q} question{'' if q == 1 else 's'}" + (f", {e} exercise{'' if e == 1 else 's'}" if e else "")
    zh = f"{q} 道问答题" + (f"，{e} 道编程题" if e else "")
    out.line(
        Text(
            f"Mock interview: {plan.minutes} minutes, {en}, seed {plan.seed}",
            f"模拟面试：{plan.minutes} 分钟，{zh}，种子 {plan.seed}",
        ),
        "strong",
    )
    out.paragraph(
        Text(
            "Answer as you would to a person, in English or Chinese. End an answer with a line that holds a single "
            "dot, or with Ctrl-D; `skip` moves on; Ctrl-C ends the interview. What was right and what was not comes "
            "in the report, at the end.",
            "就像面对面试官一样作答，中英文均可。单独一行输入一个点或按 Ctrl-D 结束一个回答；"
            "输入 skip 或“跳过”换下一题；按 Ctrl-C 结束面试。哪里答对、哪里不足，最后的报告会告诉你。",
        ),
        "dim",
    )


def _warm_up() -> None:
    """Grading imports what splits words, which takes a while; the first question is being read meanwhile."""
    import threading

    def load() -> None:
        from contextlib import suppress

        with suppress(Exception):  # whoever grades meets it again, and says so
            import grader.answers.grading  # noqa: F401

    threading.Thread(target=load, daemon=True).start()


# ------------------------------------------------------------------- the report


def _folder(invocation: Invocation) -> Path:
    """Where the report will be. Made at the start: nobody should learn at the end that there is no place for it."""
    from grader.content.place import shown

    folder = invocation.workspace.root / FOLDER
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise UsageError(
            Text(f"{shown(folder)} cannot be made: {why}", f"无法创建 {shown(folder)}：{why}"),
            Text("the report is to be written there", "报告要写在那里"),
        ) from None
    return folder


def _report(invocation: Invocation, record: Record, folder: Path, again: str | None) -> int:
    """Write it first, then show it in short."""
    from contextlib import suppress

    from grader.cli.grades import FLAGS
    from grader.cli.listing import TOPIC_NAMES
    from grader.interview.report import Voice, summarise

    out = invocation.out
    status = INTERRUPTED if record.ending == "interrupted" else 0
    if record.empty:
        with suppress(OSError):
            folder.rmdir()  # only where it is empty
        out.line()
        out.line(Text("Nothing was answered, so there is no report.", "没有任何回答，因此没有报告。"))
        return status
    report = summarise(record, Voice(invocation.spoken, invocation.command, TOPIC_NAMES, FLAGS), again=again)
    from grader.cli.interview_report import show, write

    try:
        paths = write(report, folder)
    except OSError as error:
        from grader.interview.pages import markdown

        why = error.strerror or type(error).__name__
        out.line(markdown(report))
        raise UsageError(Text(f"the report cannot be written: {why}", f"无法写入报告：{why}")) from None
    show(out, report, paths)
    return status
