"""`practice course report` and `practice course export`: what came of an assignment, to read and to take elsewhere."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

import click

from grader.cli.common import Invocation, command_options
from grader.content.place import shown
from grader.errors import Text, UsageError

if TYPE_CHECKING:
    from grader.course.course import Assignment, Course
    from grader.course.exports import Format
    from grader.course.report import Part

STREAM = Path("-")
_SUFFIX = {"canvas": ".csv", "moodle": ".csv", "csv": ".csv", "json": ".json", "gradescope": ".zip"}

in_course = click.option(
    "--course", "folder", default=".", metavar="DIR", type=click.Path(path_type=Path), help="The course."
)


@click.command()
@click.argument("name")
@in_course
@click.option(
    "--output",
    metavar="DIR|FILE",
    type=click.Path(path_type=Path),
    help="A folder, or FILE.html. Default: reports/ in the course.",
)
@click.option("--anonymous", is_flag=True, help="Leave out names and code. 不显示姓名和代码。")
@command_options
def report(name: str, folder: Path, output: Path | None, anonymous: bool, invocation: Invocation) -> int:
    """What came of assignment NAME, on one page and in tables. 作业的成绩报告：一个网页和几张表。"""
    from grader.course.course import Course
    from grader.course.exports_booked import by_hand, confirmed
    from grader.course.report import summarise
    from grader.course.report_pages import html, tables
    from grader.course.results import Results

    course = Course.open(folder.expanduser(), invocation.content)
    assignment = course.assignment(name)
    with Results.of(course) as results:
        marked = confirmed(results.all(name), by_hand(course, name))
        found = summarise(name, _parts(course, assignment), marked, anonymous=anonymous)
    if not found.students:
        raise _no_results(course, name)
    page = _page(course, name, output)
    _write_text(page, html(found, invocation.spoken, date.today()))
    for table, text in tables(found).items():
        # a spreadsheet takes Chinese for what it is only behind the mark
        _write_text(page.with_name(f"{page.stem}-{table}.csv"), f"\ufeff{text}")
    invocation.out.line(Text(f"The report is in {shown(page)}.", f"报告已写入 {shown(page)}。"))
    looking = len(found.incidents)
    if looking:
        invocation.out.line(Text(f"To look at: {looking}.", f"需要处理：{looking} 项。"), "warn")
    return 0


@click.command()
@click.argument("name")
@in_course
@click.option("--format", "form", required=True, type=click.Choice(list(_SUFFIX)), help="What it is for. 用途。")
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Default: exports/NAME-FORMAT in the course; - is the terminal.",
)
@click.option("--allow-unconfined", is_flag=True, help="gradescope: grade also where confinement is less than strict.")
@command_options
def export(
    name: str, folder: Path, form: str, output: Path | None, allow_unconfined: bool, invocation: Invocation
) -> int:
    """Marks of assignment NAME for Canvas or Moodle, as CSV or JSON; or its autograder for Gradescope. 导出成绩。"""
    from grader.course.course import Course

    course = Course.open(folder.expanduser(), invocation.content)
    assignment = course.assignment(name)
    file = output or course.folder / "exports" / f"{name}-{form}{_SUFFIX[form]}"
    if form == "gradescope":
        return _gradescope(invocation, course, assignment, file, allow_unconfined)
    waiting = _marks(course, assignment, cast("Format", form), file)
    if waiting:
        invocation.err().warning(
            Text(
                f"{waiting} marks are left empty: the grader was at fault. Grade again, then export.",
                f"{waiting} 个成绩留空：评分程序出错。请重新评分后再导出。",
            )
        )
    if file != STREAM:
        invocation.out.line(Text(f"The marks are in {shown(file)}.", f"成绩已写入 {shown(file)}。"))
    return 0


def _marks(course: Course, assignment: Assignment, form: Format, file: Path) -> int:
    """Write them; how many wait for the grader."""
    from grader.course import exports
    from grader.course.exports_booked import booked, by_hand, confirmed
    from grader.course.results import Results

    parts = [id for id, _ in assignment.parts]
    worth = sum(course.max_points(id, kind) for id, kind in assignment.parts)
    entries, changed = booked(course, assignment.name), by_hand(course, assignment.name)
    waiting = 0

    def write(out: TextIO) -> None:
        nonlocal waiting
        found = exports.marks(confirmed(results.all(assignment.name), changed), entries, worth)
        waiting = exports.write(form, out, assignment.name, parts, found)

    with Results.of(course) as results:
        if not entries.entries and next(results.all(assignment.name), None) is None:
            raise _no_results(course, assignment.name)
        _write(file, write)
    return waiting


def _gradescope(
    invocation: Invocation, course: Course, assignment: Assignment, file: Path, allow_unconfined: bool
) -> int:
    from grader.course.gradescope import autograder

    data = autograder(course, assignment, require_strict=not allow_unconfined)
    if file == STREAM:
        sys.stdout.buffer.write(data)
        return 0
    _write(file, lambda out: out.buffer.write(data))
    invocation.out.line(
        Text(
            f"The autograder is in {shown(file)}: Gradescope, Configure Autograder, upload it.",
            f"自动评分包已写入 {shown(file)}：在 Gradescope 的 Configure Autograder 页面上传。",
        )
    )
    return 0


def _parts(course: Course, assignment: Assignment) -> list[Part]:
    """The parts with their titles, and what everybody was given."""
    from grader.course.report import Part

    course.require(assignment)
    found = []
    for id, kind in assignment.parts:
        if kind == "question":
            question = course.bank.questions.get(id)
            found.append(Part(id, kind, question.prompt if question else Text.same(id)))
        else:
            exercise = course.catalogue.get(id)
            found.append(Part(id, kind, exercise.title, (exercise.stub_file.read_text(encoding="utf-8"),)))
    return found


def _page(course: Course, name: str, output: Path | None) -> Path:
    if output is not None and output.suffix.lower() in (".html", ".htm"):
        return output
    return (output or course.folder / "reports") / f"{name}.html"


def _no_results(course: Course, name: str) -> UsageError:
    where = shown(course.folder)
    return UsageError(
        Text(f"{where}: nothing of '{name}' is graded yet", f"{where}：'{name}' 还没有评分"),
        Text(f"grade it: practice course grade {name}", f"请先评分：practice course grade {name}"),
    )


def _write_text(file: Path, text: str) -> None:
    _write(file, lambda out: out.write(text))


def _write(file: Path, write: Callable[[TextIO], object]) -> None:
    """Write a file whole or not at all. UsageError that names it."""
    if file == STREAM:
        write(sys.stdout)
        return
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", encoding="utf-8", errors="replace", newline="") as out:
            write(out)
        temporary.replace(file)
    except (OSError, ValueError) as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        why = (error.strerror if isinstance(error, OSError) else "") or str(error)
        raise UsageError(
            Text(f"{shown(file)} cannot be written: {why}", f"无法写入 {shown(file)}：{why}"),
            Text("name another place with --output", "请用 --output 指定别的位置"),
        ) from None
