"""`practice doctor`: what works on this machine, and what to do about what does not."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata

from grader.cli.background import ask_status, say_status
from grader.cli.common import Invocation, cores
from grader.cli.rendering import ISOLATION, mark_of
from grader.cli.terminal import Screen, cells, padded
from grader.confine.isolation import LAYERS, Isolation
from grader.content import Catalogue
from grader.content.place import shown
from grader.errors import ContentError, PracticeError, Text

NEEDED = ("torch", "numpy", "pytest", "hypothesis")
WIDTH = 14


def examine_machine(invocation: Invocation) -> int:
    """Show everything; the exit status says whether grading can work at all."""
    out = invocation.out
    packages = _packages(out)
    _confinement(out)
    _daemon(out)
    content = _content(invocation)
    _questions(invocation)
    _workspace(invocation)
    _journal(invocation)
    return 0 if packages and content else PracticeError.exit_status


def _row(out: Screen, outcome: str, name: Text | str, value: Text | str) -> None:
    label = padded(out.say(name), WIDTH)
    out.line(f"{mark_of(out, outcome)} {label} {out.say(value)}")


def _packages(out: Screen) -> bool:
    _row(out, "passed", "Python", f"{platform.python_version()}  {sys.executable}")
    _row(out, "passed", Text("system", "系统"), f"{platform.system()} {platform.release()} {platform.machine()}")
    _row(out, "passed", "CPU", str(cores()))
    complete = True
    for name in NEEDED:
        try:
            _row(out, "passed", name, metadata.version(name))
        except metadata.PackageNotFoundError:
            complete = False
            _row(out, "failed", name, Text("missing: pip install practice-llm", "缺失：pip install practice-llm"))
    return complete


def _confinement(out: Screen) -> None:
    try:
        from grader.confine import probe

        isolation = probe()
    except PracticeError as error:
        _row(out, "failed", Text("isolation", "隔离"), error.message)
        return
    except (ImportError, OSError) as error:
        isolation = Isolation.of((), [("all", f"{type(error).__name__}: {error}")])
    good = isolation.level == "strict"
    _row(out, "passed" if good else "failed", Text("isolation", "隔离"), ISOLATION[isolation.level])
    told = dict(isolation.missing)
    for layer in LAYERS:
        held = layer in isolation.layers
        outcome = "passed" if held else "not_run" if good else "failed"
        value = "" if held else told.get(layer) or told.get("all") or Text("missing", "缺失")
        label = padded(layer, WIDTH + 4)
        out.line(f"{mark_of(out, outcome)} {label} {out.say(value)}", indent=2)


def _daemon(out: Screen) -> None:
    try:
        _row(out, "passed", Text("daemon", "后台进程"), say_status(ask_status()))
    except PracticeError as error:
        _row(out, "failed", Text("daemon", "后台进程"), error.message)


def _content(invocation: Invocation) -> bool:
    """A row for each content root, and one for each exercise in it that cannot be used."""
    out, sound = invocation.out, True
    for root in invocation.catalogue.roots:
        exercises, errors = Catalogue([root]).all()
        count = len(exercises)
        sound = sound and bool(count) and not errors
        _row(
            out,
            "passed" if count else "failed",
            Text("content", "题库"),
            Text(f"{shown(root)}: {count} exercise{'' if count == 1 else 's'}", f"{shown(root)}：{count} 个练习"),
        )
        for error in errors:
            out.line(f"{mark_of(out, 'broken')} {out.say(error.message)}", indent=2)
            if remedy := out.say(error.remedy):
                out.line(remedy, indent=cells("! ") + 2)
    return sound


def _questions(invocation: Invocation) -> None:
    try:
        count = len(invocation.bank.questions)
    except ContentError as error:
        _row(invocation.out, "failed", Text("questions", "问答题"), error.message)
        return
    _row(invocation.out, "passed", Text("questions", "问答题"), str(count))


def _journal(invocation: Invocation) -> None:
    """Where it stands, and whether it can be read."""
    journal = invocation.journal
    try:
        count = journal.log(1)[1] if journal.begun else 0
    except (PracticeError, OSError) as error:
        message = error.message if isinstance(error, PracticeError) else Text.same(str(error))
        _row(invocation.out, "failed", Text("journal", "日志"), message)
        return
    entries = Text(f"{count} attempts and answers", f"{count} 次作答")
    where = journal.home.where
    _row(invocation.out, "passed", Text("journal", "日志"), Text(f"{where}: {entries.en}", f"{where}：{entries.zh}"))


def _workspace(invocation: Invocation) -> None:
    workspace = invocation.workspace
    folder = workspace.attempts if workspace.exists else workspace.root
    writable = os.access(folder, os.W_OK)
    _row(
        invocation.out,
        "passed" if writable else "failed",
        Text("attempts", "作答"),
        shown(workspace.attempts)
        if writable
        else Text(f"{shown(folder)} cannot be written", f"{shown(folder)} 无法写入"),
    )
