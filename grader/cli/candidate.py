"""The commands of a candidate."""

from __future__ import annotations

from pathlib import Path

import click

from grader.cli.common import Invocation, command_options
from grader.errors import Text, UsageError

ID = click.argument("name", metavar="ID")


def overview(invocation: Invocation) -> int:
    """Where I stand, and what next."""
    from grader.cli.listing import overview

    return overview(invocation)


@click.command("list")
@command_options
def list_exercises(invocation: Invocation) -> int:
    """All exercises by topic, and how far you are. 列出全部练习。"""
    from grader.cli.listing import list_exercises

    return list_exercises(invocation)


@click.command()
@ID
@command_options
def show(name: str, invocation: Invocation) -> int:
    """The statement of an exercise. 显示题目。"""
    from grader.cli.handing_out import show_statement

    show_statement(invocation, invocation.resolve(name))
    return 0


@click.command()
@click.argument("name", metavar="[ID]", required=False)
@click.option("--file", "-f", type=click.Path(path_type=Path), help="Grade this file instead of attempts/ID.py.")
@click.option("--watch", "-w", is_flag=True, help="Grade again at each save. 保存后自动重新评分。")
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as one JSON object.")
@click.option("--no-daemon", is_flag=True, help="Grade in a process of this command's own.")
@command_options
def run(
    name: str | None, file: Path | None, watch: bool, as_json: bool, no_daemon: bool, invocation: Invocation
) -> int:
    """Hand out an exercise; once handed out, grade it. 领取练习；领取后评分。

    Without ID: what you started last and have not passed, else the next to learn. Exit status 0: passed or handed out,
    1: not passed, 2: wrong usage or unreadable input, 3: the grader is at fault.
    """
    from grader.cli.running import choose, run_once

    if watch and as_json:
        raise UsageError("--watch and --json cannot go together")
    target = choose(invocation, name, file)
    if watch and target is not None:
        from grader.cli.watch import watch as start_watching

        return start_watching(invocation, target, daemon=not no_daemon)
    return run_once(invocation, target, as_json=as_json, daemon=not no_daemon)


@click.command()
@ID
@click.option("--snippet", is_flag=True, help="Print Python that reproduces the first failure. 可复现的代码。")
@command_options
def hint(name: str, snippet: bool, invocation: Invocation) -> int:
    """A hint for the last attempt; asked again, a further one. 给出提示，每次多一条。"""
    from grader.cli.hints import show_hint

    return show_hint(invocation, invocation.resolve(name), snippet=snippet)


@click.command()
@ID
@click.option("--give-up", is_flag=True, help="Show it before you have passed; that is recorded. 未通过也显示。")
@command_options
def solution(name: str, give_up: bool, invocation: Invocation) -> int:
    """The reference, once you have passed. 通过后显示参考答案。"""
    id = invocation.resolve(name)
    exercise = invocation.catalogue.get(id)
    if not _passed(invocation, id):
        if not give_up:
            anyway = invocation.command(f"solution {id} --give-up")
            raise UsageError(
                Text(f"you have not passed {id} yet", f"你还没有通过 {id}"),
                Text(f"to see it all the same: {anyway}", f"仍然想看：{anyway}"),
            )
        if invocation.workspace.exists:
            invocation.note("gave_up", id)
    from grader.content.document import read_text

    invocation.out.code(read_text(exercise.reference_file))
    return 0


def _passed(invocation: Invocation, id: str) -> bool:
    from grader.cli.hints import catch_up

    catch_up(invocation)
    return invocation.journal.state().get(id) == "passed"


@click.command()
@ID
@command_options
def reset(name: str, invocation: Invocation) -> int:
    """Put the stub back; your attempt is kept. 恢复模板，原来的作答会备份。"""
    from grader.content.place import read_bytes, shown

    id = invocation.resolve(name)
    workspace, out = invocation.workspace, invocation.out
    path = shown(workspace.attempt(id))
    if not workspace.started(id):
        run = invocation.command(f"run {id}")
        raise UsageError(
            Text(f"{path} does not exist", f"{path} 不存在"), Text(f"{run} hands it out", f"领取练习：{run}")
        )
    backup = workspace.reset(id, read_bytes(invocation.catalogue.get(id).stub_file))
    if backup is None:
        out.line(Text(f"{path} is the stub already.", f"{path} 本来就是模板。"))
        return 0
    invocation.note("reset", id)
    out.line(Text(f"{path} is the stub again.", f"{path} 已恢复为模板。"))
    out.line(Text(f"Your attempt is kept: {shown(backup)}", f"原来的作答保存在：{shown(backup)}"))
    return 0


@click.command()
@click.argument("name", metavar="[ID]", required=False)
@click.option("--all", "whole", is_flag=True, help="Without ID: not only the latest. 显示全部。")
@command_options
def history(name: str | None, whole: bool, invocation: Invocation) -> int:
    """Your attempts and answers. 作答历史。"""
    from grader.cli.history import show_all, show_history

    return show_all(invocation, whole=whole) if name is None else show_history(invocation, name)


@click.command()
@command_options
def review(invocation: Invocation) -> int:
    """What is due today, questions and exercises. 今天该复习什么。"""
    from grader.cli.reviewing import show_due

    return show_due(invocation)


@click.group()
def journal() -> None:
    """Your attempts and answers as a file. 导出或导入日志。"""


@journal.command("export")
@click.argument("file", metavar="FILE|-", type=click.Path(path_type=Path))
@command_options
def export_journal(file: Path, invocation: Invocation) -> int:
    """Write the whole journal as JSON. 把日志写成 JSON。"""
    from grader.cli.transfer import export_to

    return export_to(invocation, file)


@journal.command("import")
@click.argument("file", metavar="FILE|-", type=click.Path(path_type=Path))
@command_options
def import_journal(file: Path, invocation: Invocation) -> int:
    """Take in an exported journal; what is there already stays as it is. 导入日志，重复的不会再记一遍。"""
    from grader.cli.transfer import import_from

    return import_from(invocation, file)
