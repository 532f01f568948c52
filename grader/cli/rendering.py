"""A verdict as a candidate reads it: a line a check, the first failing one in full, the diagnosis, the points."""

from __future__ import annotations

from collections.abc import Iterable

from grader.cli.terminal import Screen, shortened
from grader.cli.waiting import Waiting
from grader.confine.isolation import REQUIRED
from grader.daemon.protocol import Event
from grader.errors import Text
from grader.verdict import CheckResult, Diagnosis, Verdict, unpack_check

MARKS = {"passed": "✓", "failed": "✗", "broken": "!", "not_run": "·"}
PLAIN_MARKS = {"passed": "+", "failed": "x", "broken": "!", "not_run": "-"}
COLOURS = {"passed": "good", "failed": "bad", "broken": "warn", "not_run": "dim"}
OUTPUT_LINES = 20
ISOLATION = {
    "strict": Text("strict isolation", "严格隔离"),
    "partial": Text("partial isolation", "部分隔离"),
    "none": Text("no isolation", "没有隔离"),
}


class Checks:
    """Prints the checks as they finish. A check that takes a while is shown to be running."""

    def __init__(self, out: Screen, err: Screen) -> None:
        self._out = out
        self._err = err
        self._waiting = Waiting(out)
        self._shown: set[str] = set()
        self._messages: set[str] = set()

    def __enter__(self) -> Checks:
        self._waiting.begin(self._out.say(Text("starting the grader", "正在启动评分程序")))
        return self

    def __exit__(self, *_: object) -> None:
        self._waiting.end()

    def listen(self, event: Event) -> None:
        """Show one event of the host."""
        if event["event"] == "started":
            self._waiting.begin(self._out.say(Text(*event["title"])))
        elif event["event"] == "check":
            self._waiting.end()
            self.show(unpack_check(event["result"]))
        elif event["event"] == "notice":
            self._waiting.end()
            self._err.line(Text(*event["text"]), "dim")

    def show_rest(self, results: Iterable[CheckResult]) -> None:
        """What no event told of, and how many checks have not run."""
        self._waiting.end()
        results = list(results)
        for result in results:
            if result.id not in self._shown:
                self.show(result)
        if unrun := sum(result.outcome == "not_run" for result in results):
            mark = mark_of(self._out, "not_run")
            self._out.line(
                Text(
                    f"{mark} {unrun} {'check has' if unrun == 1 else 'checks have'} not run",
                    f"{mark} 还有 {unrun} 项检查没有运行",
                ),
                "dim",
            )

    def show(self, result: CheckResult) -> None:
        """One line; a failure after the first says in a second one what is wrong."""
        self._shown.add(result.id)
        if result.outcome == "not_run":
            return
        out = self._out
        points = f"{result.points:g}/{result.max_points:g}"
        out.line(f"{mark_of(out, result.outcome)} {out.styled(f'{points:>5}', 'dim')}  {out.say(result.title)}")
        message = safe(out.say(result.message))
        if message and self._messages and message not in self._messages:
            out.line(shortened(message, out.width and out.width - 9), "dim", indent=9)
        if message:
            self._messages.add(message)


def mark_of(out: Screen, outcome: str) -> str:
    """The mark of an outcome, in its colour, in signs that the stream can carry."""
    marks = MARKS if out.carries("".join(MARKS.values())) else PLAIN_MARKS
    return out.styled(marks[outcome], COLOURS[outcome])


def first_failing(checks: Iterable[CheckResult]) -> CheckResult | None:
    """What to look at first: the earliest check in teaching order that is not passed."""
    return next((check for check in checks if check.outcome in ("failed", "broken")), None)


def render_failure(out: Screen, check: CheckResult) -> None:
    """One failing check in full."""
    out.line()
    out.line(f"{mark_of(out, check.outcome)} {out.styled(check.title, 'strong')}")
    out.paragraph(safe(out.say(check.message)), indent=2)
    if out.say(check.counterexample):
        out.line()
        out.line(safe(out.say(check.counterexample)), indent=2)
    if check.output.strip():
        out.line()
        out.line(Text("your code printed:", "你的代码打印了："), "dim", indent=2)
        lines = safe(check.output).rstrip("\n").split("\n")
        for line in lines[:OUTPUT_LINES]:
            out.line(line[:200], indent=4)
        if len(lines) > OUTPUT_LINES:
            out.line("…", "dim", indent=4)


def safe(text: str) -> str:
    """Text that a submission had a hand in: it must not steer the terminal."""
    return "".join(char if char.isprintable() or char in "\n\t" else "�" for char in text)


def render_diagnosis(out: Screen, diagnosis: Diagnosis) -> None:
    out.line()
    out.paragraph(diagnosis.what, "strong")
    out.paragraph(diagnosis.hint, indent=2)


def render_summary(out: Screen, verdict: Verdict) -> None:
    """Points, time and confinement in one line; a second one only where the confinement is not whole."""
    head = {
        "passed": Text("Passed", "通过"),
        "failed": Text("Not passed", "未通过"),
        "broken": Text("The grader is at fault, not you", "评分程序出错，不是你的问题"),
    }[verdict.outcome]
    isolation = ISOLATION[verdict.isolation]
    rest = Text(
        f": {verdict.points:g} of {verdict.max_points:g} points · {verdict.seconds:.2f} s · {isolation.en}",
        f"：{verdict.points:g} / {verdict.max_points:g} 分 · {verdict.seconds:.2f} 秒 · {isolation.zh}",
    )
    out.line()
    out.line(f"{out.styled(head, COLOURS[verdict.outcome])}{out.say(rest)}")
    if verdict.isolation != "strict":
        missing = ", ".join(layer for layer in REQUIRED if layer not in verdict.layers)
        out.warning(
            Text(
                f"Your code ran less confined than it should be: no {missing}. `practice doctor` says what to do.",
                f"运行你的代码时隔离不完整：缺少 {missing}。`practice doctor` 会说明怎么办。",
            )
        )


def render_verdict(out: Screen, verdict: Verdict) -> None:
    """Everything below the checks' lines."""
    first = first_failing(verdict.checks)
    if first is not None:
        render_failure(out, first)
    for diagnosis in verdict.diagnosis:
        render_diagnosis(out, diagnosis)
    render_summary(out, verdict)
