"""The commands about this machine: what holds here, and the daemon."""

from __future__ import annotations

import click

from grader.cli.common import Invocation, command_options
from grader.errors import Text


@click.command()
@command_options
def doctor(invocation: Invocation) -> int:
    """What works on this machine, and what to do about the rest. 检查本机环境。"""
    from grader.cli.doctor import examine_machine

    return examine_machine(invocation)


@click.group()
def daemon() -> None:
    """The background process that makes grading instant. 后台进程。"""


@daemon.command()
@command_options
def status(invocation: Invocation) -> int:
    """Whether it runs. 是否在运行。"""
    from grader.cli.background import ask_status, say_status

    invocation.out.line(say_status(ask_status()))
    return 0


@daemon.command()
@command_options
def stop(invocation: Invocation) -> int:
    """Stop it; the next run starts another. 停止；下次评分时会重新启动。"""
    from grader.cli.background import ask_stop

    if ask_stop():
        invocation.out.line(Text("The daemon has stopped.", "后台进程已停止。"))
    else:
        invocation.out.line(Text("No daemon was running.", "没有后台进程在运行。"))
    return 0
