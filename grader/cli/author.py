"""The commands of an author of exercises."""

from __future__ import annotations

import click

from grader.cli.common import Invocation, command_options
from grader.errors import Text


@click.command()
@click.argument("id", metavar="ID")
@command_options
def new(id: str, invocation: Invocation) -> int:
    """Write both folders of a new exercise. 新建一个练习。

    They go below the last --content DIR, else beside the kit's own.
    """
    from grader.content import builtin_root, scaffold
    from grader.content.place import shown

    root = invocation.content[-1].expanduser().absolute() if invocation.content else builtin_root()
    for path in scaffold(id, root):
        invocation.out.line(shown(path))
    prove = invocation.command(f"prove {id}")
    invocation.out.line(Text(f"Prove it: {prove}", f"验证：{prove}"))
    return 0
