"""What a worker is told to load, and the words for a submission that does not offer what the checks call."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from grader.content import Exercise
from grader.errors import Text

if TYPE_CHECKING:
    from grader.exam.link import Submitted


def load_request(exercise: Exercise, submitted: Submitted) -> dict[str, Any]:
    """The load message. It holds nothing that the candidate may not see."""
    stem = PurePath(submitted.filename).stem
    return {
        "op": "load",
        "name": stem if stem.isidentifier() else "submission",
        "filename": submitted.filename,
        "source": submitted.source,
        "switches": list(submitted.switches),
        "bans": list(exercise.bans),
        "entries": [
            {
                "name": entry.name,
                "kind": entry.kind,
                "signature": entry.signature,
                "methods": [
                    {"name": method.name, "kind": method.kind, "signature": method.signature}
                    for method in entry.methods
                ],
            }
            for entry in exercise.entries
        ],
    }


def describe_problems(problems: Any) -> Text | None:
    """The words for the worker's list of problems; None when there is none."""
    texts = [_describe(problem) for problem in problems]
    if not texts:
        return None
    return Text("\n".join(text.en for text in texts), "\n".join(text.zh for text in texts))


def _describe(problem: dict[str, str]) -> Text:
    kind, entry = problem["kind"], problem["entry"]
    if kind == "missing":
        near = problem.get("near")
        return Text(
            f"The file defines no `{entry}`." + (f" It defines `{near}`: is the name misspelled?" if near else ""),
            f"文件里没有定义 `{entry}`。" + (f"里面有 `{near}`：是不是名字写错了？" if near else ""),
        )
    if kind == "not callable":
        return Text(
            f"`{entry}` must be a function; it is of type {problem['type']}.",
            f"`{entry}` 应该是函数，现在的类型是 {problem['type']}。",
        )
    if kind == "not a module":
        return Text(
            f"`{entry}` must be a class that derives from nn.Module; it is of type {problem['type']}.",
            f"`{entry}` 应该是继承 nn.Module 的类，现在的类型是 {problem['type']}。",
        )
    if kind == "missing method":
        return Text(f"The class has no method `{entry}`.", f"类里没有方法 `{entry}`。")
    if kind == "not a classmethod":
        return Text(
            f"`{entry}` is called on the class: it needs @classmethod.",
            f"`{entry}` 会在类上调用：需要加 @classmethod。",
        )
    needed, yours = problem["needed"], problem["yours"]
    return Text(
        f"`{entry}` takes other arguments than it is called with: needed {needed}, yours {yours}.",
        f"`{entry}` 的参数与调用方式不符：需要 {needed}，你的是 {yours}。",
    )
