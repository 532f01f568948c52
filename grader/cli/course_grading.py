"""`practice course grade`: a cohort, with a progress bar, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from grader.cli.common import Invocation, command_options, cores
from grader.errors import Text, UsageError

if TYPE_CHECKING:
    from grader.course.cohort import Tally, Workforce

OUTCOMES: dict[str, tuple[Text, str]] = {
    "passed": (Text("passed", "通过"), "good"),
    "failed": (Text("failed", "未通过"), "bad"),
    "missing": (Text("missing", "未提交"), "dim"),
    "unreadable": (Text("unreadable", "无法读取"), "bad"),
    "broken": (Text("broken", "评分出错"), "bad"),
}
INTERRUPTED = Text(
    "Interrupted. What was graded is kept: the same command with --resume goes on.",
    "已中断。已评的结果都已保存：加上 --resume 再运行即可继续。",
)
NOTES = Text("Notes", "备注")


@click.command()
@click.argument("name")
@click.option("--course", "folder", default=".", metavar="DIR", type=click.Path(path_type=Path), help="The course.")
@click.option("--workers", "-n", type=click.IntRange(min=1), help="Worker processes, by Dask. Dask 工作进程数。")
@click.option("--cluster", metavar="ADDRESS", help="A Dask scheduler: tcp://HOST:8786. Dask 调度器的地址。")
@click.option("--resume", is_flag=True, help="Go on: read only what has no result yet. 只评还没有结果的。")
@click.option("--student", default="*", metavar="GLOB", help="Only these students. 只评这些学生。")
@click.option("--force", is_flag=True, help="Grade all again, changed or not. 全部重评。")
@click.option("--allow-unconfined", is_flag=True, help="Grade also where confinement is less than strict.")
@command_options
def grade(
    name: str,
    folder: Path,
    workers: int | None,
    cluster: str | None,
    resume: bool,
    student: str,
    force: bool,
    allow_unconfined: bool,
    invocation: Invocation,
) -> int:
    """Grade everything that was handed in for NAME and is not graded yet. 批改一次作业的全部提交。

    What was graded stands, unless the submission or the exercise has changed. Exit status 0: all graded, 1: some are
    broken, the grader's own fault, or were left out, 2: wrong usage or unreadable input.
    """
    if resume and force:
        raise UsageError(
            Text("--resume and --force exclude each other", "--resume 和 --force 不能同时使用"),
            Text("--force grades all again; --resume what is left", "--force 全部重评，--resume 只评剩下的"),
        )
    if cluster is not None and workers is not None:
        raise UsageError(
            Text("--workers is for this machine, --cluster for others", "--workers 用于本机，--cluster 用于其他主机"),
            Text("leave one out", "请去掉一个"),
        )
    from grader.cli.course_progress import cohort_progress
    from grader.course.cohort import Run, Wishes, alone, order_of, students
    from grader.course.config import require_nbgrader
    from grader.course.course import Course

    require_nbgrader()
    from grader.course.gradebook import Gradebook
    from grader.course.grading import require_strict_isolation
    from grader.course.results import Results

    course = Course.open(folder.expanduser(), invocation.content)
    course.assignment(name)
    if not allow_unconfined:
        require_strict_isolation()
    wishes = Wishes(student, resume, force, not allow_unconfined)
    total = sum(1 for _ in students(course, name, wishes))
    if not total:
        raise _nothing(course.folder, name, student)
    with alone(course), Results.of(course) as results, Gradebook(course, name) as book:
        order = order_of(course, name, wishes)
        run = Run(course, order, wishes, results, book)
        with _workforce(workers, cluster) as workforce, cohort_progress(invocation.spoken, total) as progress:
            try:
                tally = run.grade(workforce, progress)
            except KeyboardInterrupt:
                invocation.err().line(INTERRUPTED)
                raise
    _summary(invocation, name, tally)
    return 1 if tally.outcomes["broken"] or tally.told else 0


def _nothing(folder: Path, name: str, student: str) -> UsageError:
    from grader.content.place import shown

    where = shown(folder / "submitted" / student / name)
    return UsageError(
        Text(f"nothing was handed in: {where}", f"没有任何提交：{where}"),
        Text(f"collect it: nbgrader collect {name}", f"先收取作业：nbgrader collect {name}"),
    )


@contextmanager
def _workforce(workers: int | None, cluster: str | None) -> Iterator[Workforce]:
    """Without a wish: threads of this process, one a core, and one that reads and writes while those wait for verdicts.
    Dask takes seconds to start, and is for more than that.
    """
    if cluster is None and workers is None:
        from grader.course.cohort import Here

        yield Here(cores() + 1)
        return
    from grader.course.cluster import local, remote

    with local(workers or 1) if cluster is None else remote(cluster) as found:
        yield found


def _summary(invocation: Invocation, name: str, tally: Tally) -> None:
    out = invocation.out
    out.line(
        Text(
            f"{name}: {tally.students} submissions; {tally.graded} parts graded, {tally.standing} unchanged",
            f"{name}：{tally.students} 份提交；评了 {tally.graded} 项，{tally.standing} 项没有变化",
        )
    )
    for outcome, (text, style) in OUTCOMES.items():
        if count := tally.outcomes[outcome]:
            out.line(f"{count:7}  {out.styled(out.say(text), style)}", indent=2)
    if tally.notes:
        counted = ", ".join(f"{kind} {count}" for kind, count in sorted(tally.notes.items()))
        out.line(Text(f"{NOTES.en}: {counted}", f"{NOTES.zh}：{counted}"))
    for result in tally.broken:
        fault = out.say(result.fault) if result.fault else ""
        out.line(f"! {result.student} · {result.part}: {fault}", indent=2)
    if tally.outcomes["broken"]:
        out.line(
            Text(
                "Broken is the grader's fault, and costs nobody marks: the same command grades them again.",
                "“评分出错”是评分程序的问题，不会扣分：再运行一次同样的命令会重评它们。",
            )
        )
    for told in tally.told:
        invocation.err().warning(told)
    if tally.untold:
        invocation.err().warning(Text(f"and {tally.untold} more", f"还有 {tally.untold} 条"))
