"""`practice course init` and `practice course release`."""

from __future__ import annotations

from pathlib import Path

import click

from grader.cli.common import Invocation, command_options
from grader.errors import Text, UsageError

FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--course-id", default="", metavar="NAME", help="nbgrader's name of the course; without it, DIR's.")
@click.option("--db", "db_url", default="", metavar="URL", help="The gradebook; without it, DIR/gradebook.db.")
@click.option("--exchange", default="", metavar="DIR", help="The exchange's folder; without it, nbgrader's own.")
@command_options
def init(folder: Path, course_id: str, db_url: str, exchange: str, invocation: Invocation) -> int:
    """Make an nbgrader course that grades in confinement. 新建课程。"""
    from grader.content.place import shown
    from grader.course.config import init as make
    from grader.course.config import require_nbgrader

    require_nbgrader()
    where = str(Path(exchange).expanduser().absolute()) if exchange else ""
    course = make(folder, course_id=course_id, content=invocation.content, db_url=db_url, exchange=where)
    out = invocation.out
    out.line(Text(f"A course in {shown(course.folder)}", f"课程已建立：{shown(course.folder)}"))
    command = f"cd {shown(course.folder)} && practice course release homework-1 --exercises self_attention"
    out.line(Text(f"Hand out: {command}", f"发放作业：{command}"))
    return 0


def _ids(_ctx: click.Context, _option: click.Parameter, value: str) -> tuple[str, ...]:
    return tuple(filter(None, (each.strip() for each in value.split(","))))


@click.command()
@click.argument("name", metavar="NAME")
@click.option("--exercises", default="", callback=_ids, metavar="ID,ID", help="Exercises, in their order.")
@click.option("--questions", default="", callback=_ids, metavar="ID,ID", help="Questions, in their order.")
@click.option("--course", "folder", type=FOLDER, default=Path(), metavar="DIR", help="The course; else this folder.")
@click.option("--force", is_flag=True, help="Write notebooks below source/ anew that you have changed.")
@click.option("--exchange/--no-exchange", default=True, help="Release into nbgrader's exchange, where there is one.")
@command_options
def release(
    name: str,
    exercises: tuple[str, ...],
    questions: tuple[str, ...],
    folder: Path,
    force: bool,
    exchange: bool,
    invocation: Invocation,
) -> int:
    """Hand out exercises and questions. 发放作业。

    Without --exercises and --questions it is the assignment as course.yaml has it.
    """
    from grader.content.place import shown
    from grader.course import release as steps
    from grader.course.config import has_exchange, require_nbgrader
    from grader.course.course import Course

    require_nbgrader()
    course = Course.open(folder, invocation.content)
    course, assignment = steps.enter(course, name, exercises, questions)
    released = steps.write(course, assignment, force=force)
    steps.generate(course, assignment)
    out = invocation.out
    for path in released.kept:
        said = shown(path)
        invocation.err().warning(
            Text(
                f"{said} was changed and stays as it is; --force writes it anew",
                f"{said} 有改动，保持原样；--force 会重写",
            )
        )
    notebooks, files = (shown(course.folder / half / name) for half in (steps.RELEASE, steps.HANDOUT))
    out.line(Text(f"Notebooks to hand out: {notebooks}", f"要发放的 notebook：{notebooks}"))
    out.line(Text(f"The same as plain files: {files}", f"同样内容的普通文件：{files}"))
    if not exchange:
        return 0
    if not has_exchange(course):
        out.line(
            Text(
                "There is no exchange: hand the folder out, or set c.Exchange.root in nbgrader_config.py.",
                "没有 exchange：请直接分发文件夹，或在 nbgrader_config.py 中设置 c.Exchange.root。",
            ),
            "dim",
        )
        return 0
    try:
        steps.publish(course, assignment)
    except UsageError as error:
        invocation.err().warning(
            Text(
                f"Not released through the exchange: {error.message.en}", f"没有通过 exchange 发放：{error.message.zh}"
            )
        )
        invocation.err().line(
            Text(
                "Hand out the folder, or set c.Exchange.root in nbgrader_config.py and run this again.",
                "可以直接分发上面的文件夹；或在 nbgrader_config.py 中设置 c.Exchange.root 后再运行一次。",
            )
        )
        return UsageError.exit_status
    out.line(Text("Released through nbgrader's exchange.", "已通过 nbgrader 的 exchange 发放。"))
    return 0
