"""An answer in the candidate's own words: how it is taken, graded and kept."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from grader.cli.common import Invocation
from grader.errors import PracticeError, Text, UsageError

if TYPE_CHECKING:
    from grader.answers.recognising import Recogniser
    from grader.answers.result import Grade
    from grader.cli.terminal import Screen
    from grader.content.bank import Bank
    from grader.content.question import Question, Rubric

MOST_BYTES = 1_000_000


def pose(out: Screen, question: Question) -> None:
    out.paragraph(question.prompt, "strong")
    out.line()


def typed(invocation: Invocation) -> str:
    """Lines until the end of input, or a line that holds only a dot."""
    if sys.stdin.isatty():
        invocation.out.line(
            Text(
                "Your answer, in English or Chinese; end with Ctrl-D, or a line with a single dot:",
                "请作答，中英文均可；按 Ctrl-D 或单独一行输入一个点结束：",
            ),
            "dim",
        )
    lines = []
    for line in sys.stdin:
        if line.strip() in (".", "。") and sys.stdin.isatty():
            break
        lines.append(line)
    if sys.stdin.isatty():
        invocation.out.line()
    return "".join(lines)


def edited(invocation: Invocation, question: Question) -> str:
    """What stands above the line of dashes when the editor is closed."""
    mark = "\n\n" + "-" * 60 + "\n"
    answer = click.edit(mark + invocation.out.say(question.prompt) + "\n", extension=".txt")
    return (answer or "").partition(mark.strip("\n"))[0]


def read_answer(name: str) -> str:
    if name == "-":
        data, shown_name = sys.stdin.buffer.read(MOST_BYTES + 1), "-"
    else:
        from grader.content.place import shown

        path = Path(name).expanduser()
        shown_name = shown(path)
        try:
            with path.open("rb") as file:
                data = file.read(MOST_BYTES + 1)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise UsageError(
                Text(f"{shown_name}: cannot be read: {why}", f"{shown_name}：无法读取：{why}"),
                Text("write your answer there, or leave --answer-file out", "请把回答写在那里，或不加 --answer-file"),
            ) from None
    if len(data) > MOST_BYTES:
        raise UsageError(
            Text(f"{shown_name}: is larger than an answer may be", f"{shown_name}：太大了，不像是一份回答"),
            Text("a few hundred words are plenty", "几百字就足够了"),
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(
            Text(f"{shown_name}: is not UTF-8", f"{shown_name}：不是 UTF-8 编码"),
            Text("save it as UTF-8", "请存为 UTF-8"),
        ) from None


def graded(bank: Bank, question: Question, answer: str, recogniser: Recogniser | None = None) -> Grade:
    """An answer, graded by the question's rubric."""
    from grader.answers.grading import grade

    return grade(question, rubric_of(bank, question), bank.concepts, answer, recogniser)


def rubric_of(bank: Bank, question: Question) -> Rubric:
    """The rubric. PracticeError where its author has written none."""
    rubric = bank.rubric(question.id)
    if rubric is None:
        from grader.content.place import shown

        file = shown(Path("solutions", "questions", f"{question.id}.yaml"))
        raise PracticeError(
            Text(f"the question '{question.id}' has no rubric", f"问题 '{question.id}' 没有评分标准"),
            Text(
                f"its author adds {file}; docs/questions.md says how",
                f"请作者补上 {file}，写法见 docs/questions.md",
            ),
        )
    return rubric


def keep(invocation: Invocation, grade: Grade, answer: str) -> None:
    """In the journal; where that cannot be, one line says so and the grade stands."""
    if "empty" in grade.flags:
        return
    try:
        invocation.journal.record_answer(
            grade.question,
            language=grade.language,
            text=answer,
            grade=grade.pack(),
            score=grade.score,
            outcome=grade.outcome,
        )
    except OSError as error:
        why = error.strerror or type(error).__name__
        invocation.err().warning(Text(f"The journal cannot be written: {why}", f"无法写入日志：{why}"))
