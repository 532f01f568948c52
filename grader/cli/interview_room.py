"""Where an interview is held: the terminal, or a pipe. The interviewer nods, whatever was said."""

from __future__ import annotations

import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from grader.cli.answering import graded, keep
from grader.cli.common import Invocation
from grader.content.place import read_bytes, shown
from grader.errors import PracticeError, SubmissionUnreadable, Text
from grader.interview.session import InputEndedError

if TYPE_CHECKING:
    from grader.answers.result import Grade, PointGrade
    from grader.cli.running import Target
    from grader.cli.terminal import Screen
    from grader.content import Exercise
    from grader.content.question import Question
    from grader.interview.plan import Plan
    from grader.interview.record import Asked
    from grader.verdict import Verdict

SKIPS = ("skip", "跳过")
ENDS = (".", "。")
HURRY_SECONDS = 300
_ASIDE = 3  # the heading at which a statement stops telling what to do

_NODS = (
    Text("Thank you.", "好的，谢谢。"),
    Text("All right.", "嗯，好。"),
    Text("I see.", "了解了。"),
)
_SKIPPED = Text("No matter; let us go on.", "没关系，我们继续。")


class TerminalRoom:
    """One interview; see `grader.interview.session.Room`."""

    def __init__(self, invocation: Invocation, plan: Plan) -> None:
        self._invocation = invocation
        self._plan = plan
        self._out: Screen = invocation.out
        self._nods = 0
        self._skipped = False  # just now, in a pipe: a dot that follows ends what was skipped, and no further answer

    # -------------------------------------------------------------- questions

    def ask(self, question: Question, *, number: int | None, left: float) -> str | None:
        count = len(self._plan.questions)
        head = (
            Text("A further question", "再问一题")
            if number is None
            else Text(f"Question {number} of {count}", f"第 {number} 题，共 {count} 题")
        )
        self._head(head, left)
        self._out.paragraph(question.prompt, "strong")
        return self._answer(left)

    def probe(self, point: PointGrade, *, left: float) -> str | None:
        self._head(Text("About that", "就刚才的回答"), left)
        self._out.paragraph(point.hint, "strong")
        return self._answer(left)

    def grade(self, question: Question, answer: str) -> Grade:
        return graded(self._invocation.bank, question, answer)

    def keep(self, asked: Asked) -> None:
        from grader.answers.result import outcome

        if asked.final is not None:
            final = replace(asked.final, score=asked.score, outcome=outcome(asked.score))
            keep(self._invocation, final, asked.text)

    # ------------------------------------------------------------------- code

    def code(self, exercise: Exercise, *, number: int, left: float) -> Verdict | Text | None:
        from grader.cli.running import own_target

        count = len(self._plan.exercises)
        self._head(Text(f"Exercise {number} of {count}", f"编程第 {number} 题，共 {count} 题"), left)
        try:
            self._hand_out(exercise)
            with _Bell(self._out, left):
                return self._handed_in(exercise, own_target(self._invocation, exercise.id))
        except PracticeError as error:
            self._invocation.err().error(error)
            return error.message

    def _hand_out(self, exercise: Exercise) -> None:
        """From the stub, also where there is an attempt already: that is kept."""
        from grader.content import statement
        from grader.content.proofreading import HEADINGS

        invocation, out, id = self._invocation, self._out, exercise.id
        told = statement(exercise, invocation.spoken)
        # not why it is asked, and what else would be: that belongs to practice
        task = told.body.partition(f"\n## {HEADINGS[invocation.spoken][_ASIDE]}")[0].rstrip()
        out.markdown(f"{told.opening}\n\n{task}")
        out.line()
        stub, path = read_bytes(exercise.stub_file), shown(invocation.workspace.attempt(id))
        if not invocation.workspace.started(id):
            passed = invocation.journal.state().get(id) == "passed"
            invocation.workspace.hand_out(id, stub)
            if passed:
                invocation.note("reset", id)  # from here on a pass shows that it is still known
        elif (backup := invocation.workspace.reset(id, stub)) is not None:
            invocation.note("reset", id)
            out.line(
                Text(
                    f"It begins from the stub; what you had is kept: {shown(backup)}",
                    f"从模板重新开始；你原来的代码保存在：{shown(backup)}",
                )
            )
        where = out.styled(path, "strong")
        out.line(Text(f"Your file: {where}", f"你的文件：{where}"))

    def _handed_in(self, exercise: Exercise, target: Target) -> Verdict | None:
        """What the candidate hands in, once it can be read and is not the stub; None where it is left."""
        from grader.cli.running import grade

        out = self._out
        while True:
            out.line(
                Text(
                    "Write it in your editor. Enter hands it in, `skip` leaves it.",
                    "请在编辑器里完成并保存。按回车提交，输入 skip 或“跳过”则放弃。",
                ),
                "dim",
            )
            if not (line := self._read()):
                raise InputEndedError
            said = line.strip().lower()
            if said in SKIPS:
                self._skipped = not sys.stdin.isatty()
                out.line(_SKIPPED, "dim")
                return None
            if said:
                continue
            try:
                if target.file.is_file() and target.file.read_bytes() == read_bytes(exercise.stub_file):
                    out.line(Text("The file is still the stub.", "文件还是模板，没有改动。"), "warn")
                    continue
                out.line(Text("Thank you. One moment.", "好的，请稍等。"), "dim")
                return grade(self._invocation, target, daemon=True)
            except SubmissionUnreadable as error:
                self._invocation.err().error(error)

    # ------------------------------------------------------------------ words

    def _head(self, what: Text, left: float) -> None:
        out, time = self._out, time_left(left)
        out.line()
        out.line(
            f"{out.styled(what, 'dim')}{out.styled(' · ', 'dim')}"
            f"{out.styled(time, 'warn' if left < HURRY_SECONDS else 'dim')}"
        )

    def _answer(self, left: float) -> str | None:
        """Lines until one with a single dot, or Ctrl-D; None where there is nothing, or `skip`."""
        lines: list[str] = []
        with _Bell(self._out, left):
            while True:
                line = self._read()
                if not lines and line.strip().lower() in SKIPS:
                    self._skipped = not sys.stdin.isatty()
                    break
                if line and line.strip() not in ENDS:
                    lines.append(line)
                if not line.endswith("\n") or line.strip() in ENDS:
                    break
        ended = not line.endswith("\n")
        answer = "".join(lines).strip()
        if ended and sys.stdin.isatty():
            self._out.line()
        elif ended and not answer:
            raise InputEndedError
        if not answer:
            self._out.line(_SKIPPED, "dim")
            return None
        self._out.line(_NODS[self._nods % len(_NODS)], "dim")
        self._nods += 1
        return answer

    def _read(self) -> str:
        line = sys.stdin.readline()
        if self._skipped and line.strip() in ENDS:
            line = sys.stdin.readline()
        self._skipped = False
        return line


class _Bell:
    """On a terminal, says once that the time is over, while an answer is still being written."""

    def __init__(self, out: Screen, left: float) -> None:
        self._timer = threading.Timer(left, self._ring, [out]) if out.terminal and left else None

    def __enter__(self) -> Self:
        if self._timer is not None:
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    @staticmethod
    def _ring(out: Screen) -> None:
        out.line()
        out.line(Text("The time is over: finish what you are at.", "时间到：请把手头的回答收个尾。"), "warn")


def time_left(seconds: float) -> Text:
    """In minutes, as an interviewer would say it."""
    minutes = round(seconds / 60)
    if not seconds:
        return Text("the time is over", "时间已到")
    if minutes < 1:
        return Text("less than a minute left", "剩余不到 1 分钟")
    return Text(f"{minutes} min left", f"剩余 {minutes} 分钟")
