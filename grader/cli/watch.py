"""`practice run --watch`: grades at each save, and shows what to look at first."""

from __future__ import annotations

import select
import time
from collections.abc import Callable

from grader.cli.common import Invocation
from grader.cli.keyboard import Keyboard
from grader.cli.rendering import (
    first_failing,
    mark_of,
    render_diagnosis,
    render_failure,
    render_summary,
)
from grader.cli.running import Target, listen_quietly, own_target, record, request_for
from grader.cli.saves import Saves
from grader.cli.terminal import Screen
from grader.cli.waiting import Waiting
from grader.daemon import client
from grader.daemon.protocol import Event, code_version
from grader.errors import PracticeError, Text
from grader.verdict import Verdict

MOST_CHANGES = 3
KEYS = Text(
    "h hint · n next · l list · s statement · r again · q quit", "h 提示 · n 下一题 · l 列表 · s 题目 · r 重评 · q 退出"
)


def watch(invocation: Invocation, target: Target, *, daemon: bool) -> int:
    """Until q, or Ctrl-C. The terminal is left as it was found."""
    with Keyboard() as keyboard:
        following: Target | None = target
        while following is not None:
            following = _Watch(invocation, following, keyboard, daemon=daemon).run()
    return 0


class _Watch:
    """One exercise being watched."""

    def __init__(self, invocation: Invocation, target: Target, keyboard: Keyboard, *, daemon: bool) -> None:
        self._invocation = invocation
        self._target = target
        self._keyboard = keyboard
        self._daemon = daemon
        self._out: Screen = invocation.out
        self._previous: Verdict | None = None
        self._following: Target | None = None
        self._open = True
        self._actions: dict[str, Callable[[], None]] = {
            "h": self._hint,
            "n": self._next,
            "l": self._list,
            "s": self._statement,
            "q": self._quit,
        }

    def run(self) -> Target | None:
        """The exercise to watch next; None to leave."""
        handed_out = self._begin()
        with Saves(self._target.file) as saves:
            saves.take()
            if handed_out:
                self._say_waiting()
            else:
                self._grade()
            while self._open:
                self._wait(saves)
        return self._following

    def _begin(self) -> bool:
        """Whether the stub had to be handed out first."""
        if not self._target.own or self._invocation.workspace.started(self._target.id):
            last = self._invocation.journal.last(self._target.id)
            self._previous = last.verdict if last else None
            return False
        from grader.cli.handing_out import hand_out

        self._out.clear()
        hand_out(self._invocation, self._target.id)
        return True

    def _wait(self, saves: Saves) -> None:
        sources: list[Saves | int] = [saves]
        if self._keyboard.descriptor is not None:
            sources.append(self._keyboard.descriptor)
        ready, _, _ = select.select(sources, [], [])
        if saves in ready and saves.take():
            self._grade()
        if self._keyboard.descriptor in ready:
            keys = self._keyboard.read()
            for key in keys or "q":
                self._press(key.lower())

    def _press(self, key: str) -> None:
        if key == "r":
            self._grade()
        elif key in self._actions and self._open:
            try:
                self._out.line()
                self._actions[key]()
            except PracticeError as error:
                self._invocation.err().error(error)
            if self._open:
                self._out.line(KEYS, "dim")

    # ---------------------------------------------------------------- grading

    def _grade(self) -> None:
        try:
            verdict, source = self._verdict()
        except PracticeError as error:
            self._out.clear()
            self._invocation.err().error(error)
            self._say_waiting()
            return
        self._out.clear()
        self._show(verdict)
        record(self._invocation, self._target, verdict, source)
        self._previous = verdict
        self._say_waiting()

    def _verdict(self) -> tuple[Verdict, str]:
        """The verdict; while it takes its time, the check that is running is named below the last one."""
        source, request = request_for(self._invocation, self._target)
        waiting = Waiting(self._out)
        code_version.cache_clear()  # this process may outlive an update of the kit

        def listen(event: Event) -> None:
            if event["event"] == "started":
                waiting.begin(self._out.say(Text(*event["title"])))
            else:
                waiting.end()
                listen_quietly(self._invocation, event)

        waiting.begin(self._out.say(Text("grading", "正在评分")))
        try:
            return client.run(request, daemon=self._daemon, listen=listen), source
        finally:
            waiting.end()

    def _show(self, verdict: Verdict) -> None:
        out = self._out
        now = time.strftime("%H:%M:%S")
        out.line(f"{out.styled(verdict.exercise, 'strong')} · {verdict.submission} · {now}")
        out.line("".join(mark_of(out, check.outcome) for check in verdict.checks))
        if self._previous is not None:
            _show_changes(out, self._previous, verdict)
        first = first_failing(verdict.checks)
        if first is not None:
            render_failure(out, first)
            if out.say(first.hint):
                out.line()
                out.paragraph(Text(f"Hint: {first.hint.en}", f"提示：{first.hint.zh}"), indent=2)
        for diagnosis in verdict.diagnosis:
            render_diagnosis(out, diagnosis)
        render_summary(out, verdict)

    def _say_waiting(self) -> None:
        self._out.line(Text("Waiting for you to save the file.", "等待你保存文件。"), "dim")
        if self._keyboard.descriptor is not None:
            self._out.line(KEYS, "dim")

    # ------------------------------------------------------------------- keys

    def _hint(self) -> None:
        from grader.cli.hints import show_hint

        show_hint(self._invocation, self._target.id, snippet=False)

    def _next(self) -> None:
        from grader.cli.progress import next_id

        invocation = self._invocation
        id = next_id(invocation.catalogue, invocation.workspace, invocation.journal, other_than=self._target.id)
        if id is None:
            self._out.line(Text("There is no other exercise to do.", "没有其他要做的练习了。"))
            return
        self._following = own_target(self._invocation, id)
        self._open = False

    def _list(self) -> None:
        from grader.cli.listing import list_exercises

        list_exercises(self._invocation)

    def _statement(self) -> None:
        from grader.cli.handing_out import show_statement

        show_statement(self._invocation, self._target.id)

    def _quit(self) -> None:
        self._open = False


def _show_changes(out: Screen, previous: Verdict, verdict: Verdict) -> None:
    """Which checks come out otherwise than at the last attempt."""
    before = {check.id: check.outcome for check in previous.checks}
    for outcome, label in (
        ("passed", Text("newly passing", "新通过")),
        ("failed", Text("newly failing", "新出现的失败")),
    ):
        titles = [
            check.title
            for check in verdict.checks
            if check.outcome == outcome and before.get(check.id, outcome) != outcome
        ]
        if titles:
            shown, more = titles[:MOST_CHANGES], len(titles) - MOST_CHANGES
            en = "; ".join(title.en for title in shown) + (f"; and {more} more" if more > 0 else "")
            zh = "；".join(title.zh for title in shown) + (f"；另外 {more} 项" if more > 0 else "")
            out.paragraph(Text(f"{label.en}: {en}", f"{label.zh}：{zh}"), "good" if outcome == "passed" else "bad")
