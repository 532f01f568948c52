"""The report of an interview: its two files, and what the screen shows of it."""

from __future__ import annotations

import os
from pathlib import Path

from grader.cli.rendering import mark_of
from grader.cli.terminal import Screen, cells, padded, shortened
from grader.content.place import shown
from grader.errors import Text
from grader.interview.pages import html, markdown
from grader.interview.report import Report, Written, clock

MOST_LINES = 3  # of strengths, and of gaps
_BAR = 10


def write(report: Report, folder: Path) -> tuple[Path, Path]:
    """`DATE-SEED.md` and `.html`; never over those of an earlier interview. OSError where they cannot be written."""
    pages = {".md": markdown(report), ".html": html(report)}
    stem = f"{report.date.partition(' ')[0]}-{report.seed}"
    for number in range(1, 1000):
        name = stem if number == 1 else f"{stem}-{number}"
        paths = {suffix: folder / f"{name}{suffix}" for suffix in pages}
        if any(os.path.lexists(path) for path in paths.values()):
            continue
        for suffix, path in paths.items():
            with path.open("x", encoding="utf-8", errors="replace", newline="\n") as file:
                file.write(pages[suffix])
        return paths[".md"], paths[".html"]
    raise FileExistsError(17, "too many reports of one day", str(folder))


def show(out: Screen, report: Report, paths: tuple[Path, Path]) -> None:
    """In short: the scores, the best and the worst, the code, and where to read all of it."""
    out.line()
    out.line(report.ending, "strong")
    out.line(_figures(report))
    _topics(out, report)
    _strengths(out, report)
    _gaps(out, report)
    if report.written:
        _section(out, Text("Exercises", "编程题"))
        for one in report.written:
            _exercise(out, one)
    _section(out, Text("Next", "接下来"))
    width = max(cells(one.command) for one in report.todo)
    for todo in report.todo:
        out.line(f"{padded(todo.command, width)}  {out.styled(todo.why, 'dim')}", indent=2)
    _section(out, Text("The whole report", "完整报告"))
    for path in paths:
        out.line(shown(path), indent=2)


def _figures(report: Report) -> Text:
    en, zh = [], []
    if report.talk is not None:
        en.append(f"questions {report.talk:.0%}")
        zh.append(f"问答 {report.talk:.0%}")
    if report.code is not None:
        en.append(f"code {report.code:.0%}")
        zh.append(f"编程 {report.code:.0%}")
    en.append(f"{clock(report.seconds)} of {report.minutes}:00 minutes")
    zh.append(f"用时 {clock(report.seconds)} / {report.minutes}:00")
    return Text(" · ".join(en), " · ".join(zh))


def _section(out: Screen, title: Text) -> None:
    out.line()
    out.line(title, "strong")


def _topics(out: Screen, report: Report) -> None:
    out.line()
    width = max((cells(one.name) for one in report.topics), default=0)
    for one in report.topics:
        full = round(_BAR * one.share)
        bar = f"{'█' * full}{'░' * (_BAR - full)}  " if out.terminal and out.carries("█░") else ""
        out.line(f"{padded(one.name, width)}  {bar}{one.share:>4.0%}", indent=2)


def _strengths(out: Screen, report: Report) -> None:
    found = report.strengths[:MOST_LINES]
    if found:
        _section(out, Text("Strengths", "答得好的地方"))
    for one in found:
        out.line(f"{mark_of(out, 'passed')} {shortened(one.prompt, out.width and out.width - 4)}", indent=2)


def _gaps(out: Screen, report: Report) -> None:
    found = report.gaps[:MOST_LINES]
    if found:
        _section(out, Text("Gaps", "不足之处"))
    for one in found:
        out.line(f"{mark_of(out, 'failed')} {shortened(one.prompt, out.width and out.width - 4)}", indent=2)
        if one.wrong:
            quote = shortened(one.wrong[0].quote, 60)
            out.paragraph(Text(f"This is wrong: “{quote}”", f"这里说错了：“{quote}”"), "dim", indent=4)
            out.paragraph(one.wrong[0].why, "dim", indent=4)
        elif one.open:
            out.paragraph(one.open[0].text, "dim", indent=4)
        else:
            out.paragraph(one.flags[0] if one.flags else one.outcome, "dim", indent=4)


def _exercise(out: Screen, one: Written) -> None:
    mark = mark_of(out, "passed" if one.passed else "failed" if one.max_points else "not_run")
    points = f"  {one.points:g}/{one.max_points:g}" if one.max_points else ""
    out.line(f"{mark} {one.title}{points}  {out.styled(one.status, 'dim')}", indent=2)
    for finding in one.diagnosis[:1]:
        out.paragraph(finding.what, "dim", indent=4)
