"""The commands of an author of exercises."""

from __future__ import annotations

from pathlib import Path

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


@click.command()
@click.argument("names", metavar="[ID]...", nargs=-1)
@click.option("--jobs", "-j", type=click.IntRange(min=1), help="How many exercises at once; without it, one per core.")
@click.option("--seeds", type=click.IntRange(min=1), default=1, help="Try right answers over so many other draws.")
@click.option("--mutants", is_flag=True, help="Grade every automatic mutant of the reference too.")
@click.option(
    "--table", type=click.Path(dir_okay=False, path_type=Path), help="Write the table of the proofs to this file."
)
@click.option("--questions", is_flag=True, help="Prove the rubrics of questions. 验证问答题的评分标准。")
@click.option("--json", "as_json", is_flag=True, help="Print the proofs as one JSON object.")
@command_options
def prove(
    names: tuple[str, ...],
    jobs: int | None,
    seeds: int,
    mutants: bool,
    table: Path | None,
    questions: bool,
    as_json: bool,
    invocation: Invocation,
) -> int:
    """Show that checks tell right from wrong. 验证检查能分清对错。

    Without ID every exercise is proven, with --questions every rubric. Exit status 0: every proof holds, 1: one does
    not, 3: files of an exercise are wrong.
    """
    if questions:
        from grader.cli.proving_rubrics import prove_rubrics

        return prove_rubrics(invocation, names, as_json=as_json)
    from grader.cli.proving import prove_and_show

    return prove_and_show(invocation, names, jobs=jobs, seeds=seeds, mutated=mutants, table=table, as_json=as_json)
