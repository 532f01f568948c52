"""A candidate's failures: what is said to have gone wrong with a submission, in both languages.

These are outcomes and no errors of ours. `CheckFailure` is a check's own finding; `CandidateRaised` is an exception
of the submission, which also is an instance of the plain built-in error that it was, so that a check may expect a
ValueError; `WorkerLost` is a worker that hangs or died. WorkerLost is no Exception: Hypothesis must not shrink it,
each try would cost the whole time limit. `WorkerKilled` alone is nobody's failure: the check has no result.
"""

from __future__ import annotations

from typing import Any

import torch

from grader.errors import Text


class CheckFailure(AssertionError):
    """A check found the submission wrong: `text` says what; `expected` and `actual` are shown where they help."""

    def __init__(self, text: Text, *, expected: Any = None, actual: Any = None, where: str = "") -> None:
        super().__init__(text.en)
        self.text = text
        self.expected = expected
        self.actual = actual
        self.where = where


class CandidateRaised(Exception):
    """The submission raised: `report` is the worker's account of it, plain text."""

    def __init__(self, report: dict[str, Any], call: str) -> None:
        super().__init__(f"{report.get('type', '')}: {report.get('message', '')}")
        self.report = report
        self.call = call

    @property
    def said(self) -> str:
        return str(self.report.get("message", ""))

    @property
    def text(self) -> Text:
        """What happened, with the innermost line of the candidate's own file."""
        return describe_report(self.report, self.call)

    @property
    def identity(self) -> tuple[object, ...]:
        """Equal for the same words from the same lines."""
        frames = tuple(map(tuple, self.report.get("frames") or ()))
        return self.call, self.report.get("type"), self.report.get("message"), frames


class Again(BaseException):
    """What the submission raised is what it raised in an earlier check: a smaller example would explain nothing new.

    No Exception: Hypothesis must not shrink it.
    """


class WorkerLost(BaseException):
    """The worker hung or died during `call`."""

    def __init__(self, text: Text) -> None:
        super().__init__(text.en)
        self.text = text


class WorkerKilled(WorkerLost):
    """Something outside of the grader killed the worker: the kernel for want of memory, or a person."""


class TooSlow(WorkerLost):
    """The calls of a check took too long together, none of them by itself."""


# The plain errors that a check may expect; anything else arrives as CandidateRaised alone.
_PLAIN: dict[str, type[Exception]] = {
    kind.__name__: kind
    for kind in (
        ArithmeticError,
        AssertionError,
        AttributeError,
        ImportError,
        IndexError,
        KeyError,
        LookupError,
        MemoryError,
        NameError,
        NotImplementedError,
        OSError,
        OverflowError,
        RecursionError,
        RuntimeError,
        SyntaxError,
        TypeError,
        ValueError,
        ZeroDivisionError,
    )
}
_raised_classes: dict[str, type[CandidateRaised]] = {}


def raised(report: dict[str, Any], call: str) -> CandidateRaised:
    """The exception to raise for a worker's report; its class is also the built-in error where that is a plain one."""
    for name in report.get("kinds", ()):
        if name in _PLAIN:
            if name not in _raised_classes:
                plain = _PLAIN[name]
                members = {"__init__": CandidateRaised.__init__, "__str__": lambda self: self.said}
                _raised_classes[name] = type(f"Candidate{name}", (CandidateRaised, plain), members)
            return _raised_classes[name](report, call)
    return CandidateRaised(report, call)


def describe_report(report: dict[str, Any], call: str) -> Text:
    """One or two lines for a worker's report of an exception."""
    kind, said = str(report.get("type", "")), _first_lines(str(report.get("message", "")))
    where_en, where_zh = _where(report)
    if report.get("banned"):
        name = report["banned"]
        return Text(
            f"{call} uses {name}{where_en}. This exercise asks you to build it yourself, so it is switched off here.",
            f"{call} 使用了 {name}{where_zh}。本练习要求自己实现它，所以这里禁用了它。",
        )
    if report.get("missing_module"):
        name = report["missing_module"]
        return Text(
            f"{call} imports {name}{where_en}, which is not installed here. The exercise needs no more than torch.",
            f"{call} 导入了 {name}{where_zh}，而这里没有安装它。本练习只用 torch 就能完成。",
        )
    if kind == "NotImplementedError":
        return Text(f"{call} is not written yet{where_en}.", f"{call} 还没有写{where_zh}。")
    if kind in ("MemoryError",) or "can't allocate memory" in said or "not enough memory" in said:
        return Text(
            f"{call} ran out of the memory that a submission may use{where_en}.", f"{call} 用完了允许的内存{where_zh}。"
        )
    if kind in ("SystemExit", "KeyboardInterrupt"):
        return Text(
            f"{call} ended the program with {kind}{where_en}; return a result instead.",
            f"{call} 用 {kind} 结束了程序{where_zh}；请返回结果。",
        )
    if report.get("syntax"):
        return Text(
            f"{call} is not valid Python{where_en}: {said}.", f"{call} 不是合法的 Python 代码{where_zh}：{said}。"
        )
    colon = f"{kind}: {said}" if said else kind
    return Text(f"{call} raised {colon}{where_en}", f"{call} 抛出了 {colon}{where_zh}")


def _where(report: dict[str, Any]) -> tuple[str, str]:
    frames = report.get("frames") or ()
    if not frames:
        return "", ""
    line, _function, source = frames[-1]
    shown = f": {source}" if source else ""
    return f" (line {line}{shown})", f"（第 {line} 行{shown}）"


def _first_lines(message: str) -> str:
    lines = [line.strip() for line in message.strip().splitlines() if line.strip()]
    shown = " ".join(lines[:3])
    return shown[:400] + ("…" if len(shown) > 400 or len(lines) > 3 else "")


def how_it_ended(status: int) -> tuple[str, str]:
    """How a worker ended, in both languages."""
    if status < 0:
        names = {
            9: "killed",
            11: "crashed",
            6: "aborted",
            24: "used too much processor time",
            31: "forbidden system call",
        }
        zh = {9: "被终止", 11: "崩溃", 6: "中止", 24: "占用处理器时间过长", 31: "调用了禁止的系统调用"}
        return f"{names.get(-status, 'signal')}, signal {-status}", f"{zh.get(-status, '信号')}，信号 {-status}"
    return f"exit status {status}", f"退出码 {status}"


def describe_tensor(value: torch.Tensor) -> str:
    """`float32 tensor of shape (2, 3)`."""
    return f"{str(value.dtype).removeprefix('torch.')} tensor of shape {tuple(value.shape)}"
