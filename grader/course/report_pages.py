"""A report as one HTML page that needs nothing else, no script and no network, and as tables in CSV.

Whatever a student wrote is data on the page: Jinja escapes it, `plain` takes out what misleads a reader, and a content
security policy forbids everything but the page's own styles.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from grader.course.plain import cell, figure, one_line, shortened
from grader.course.report import Report
from grader.course.report_findings import Finding
from grader.course.report_sides import rows
from grader.course.report_words import KINDS, LABELS, OUTCOMES
from grader.errors import Language, Text

if TYPE_CHECKING:
    from jinja2 import Environment

_TEMPLATES = Path(__file__).parent / "templates"
MOST_STUDENTS = 1000  # on the page; the tables have all
MOST_INCIDENTS = 300
MOST_ALIKE = 40
MOST_NAMED = 12
MOST_OF_A_TITLE = 60  # characters; that of a question is its prompt, which is long
MOST_OF_A_TEXT = 1000
MOST_TO_TEACH = 5
WORTH_TEACHING = 0.05  # of those who were graded


def html(report: Report, language: Language, made: date) -> str:
    """The page."""
    environment = _environment(report, language)
    return environment.get_template("report.html.jinja").render(
        report=report,
        language=language,
        other="en" if language == "zh" else "zh",
        made=made.isoformat(),
        to_teach=to_teach(report),
        students=report.students[:MOST_STUDENTS],
        incidents=report.incidents[:MOST_INCIDENTS],
        alike=report.alike[:MOST_ALIKE],
        rows=rows,
        kinds={part.id: part.kind for part in report.parts},
    )


def to_teach(report: Report) -> list[Finding]:
    """What is worth a class's time: the commonest mistakes that more than a few made."""
    worth = (one for one in report.findings if len(one.students) > 1 and one.rate > WORTH_TEACHING)
    return [one for one, _ in zip(worth, range(MOST_TO_TEACH), strict=False)]


def tables(report: Report) -> dict[str, str]:
    """The page's figures as CSV, by name. What is said in two languages has two columns."""
    return {
        "students": _table(_students(report)),
        "checks": _table(_checks(report)),
        "mistakes": _table(_mistakes(report)),
        "alike": _table(_alike(report)),
        "incidents": _table(_incidents(report)),
    }


# ------------------------------------------------------------------------ tables


def _table(lines: Iterable[Sequence[object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerows([cell(value) for value in line] for line in lines)
    return out.getvalue()


def _students(report: Report) -> Iterable[Sequence[object]]:
    ids = [part.id for part in report.parts]
    yield ["student", "points", "max_points", "passed", *ids, *(f"{id} outcome" for id in ids)]
    for one in report.students:
        points = [part.points if part and part.outcome != "broken" else None for part in one.parts]
        outcomes = [part.outcome if part else None for part in one.parts]
        yield [one.name, one.points if one.known else None, one.max_points, one.passed, *points, *outcomes]


def _checks(report: Report) -> Iterable[Sequence[object]]:
    yield ["exercise", "check", "title en", "title zh", "points", "passed", "graded", "hint en", "hint zh"]
    for one in report.checks:
        yield [one.part, one.id, *_both(one.title), one.points, one.passed, one.graded, *_both(one.hint)]


def _mistakes(report: Report) -> Iterable[Sequence[object]]:
    yield ["part", "kind", "names", "what en", "what zh", "hint en", "hint zh", "students", "graded", "who"]
    for one in report.findings:
        names, who = " + ".join(one.names), "; ".join(one.students)
        said = (*_both(one.what), *_both(one.hint))
        yield [one.part, one.kind, names, *said, len(one.students), one.graded, who]


def _alike(report: Report) -> Iterable[Sequence[object]]:
    yield ["part", "likeness", "students", "who"]
    for one in report.alike:
        yield [one.part, round(one.alike.likeness, 2), len(one.alike.students), "; ".join(one.alike.students)]


def _incidents(report: Report) -> Iterable[Sequence[object]]:
    yield ["kind", "student", "part", "what en", "what zh"]
    for one in report.incidents:
        yield [one.kind, one.student, one.part, *_both(one.text)]


def _both(text: Text) -> tuple[str, str]:
    return text.en, text.zh


# ------------------------------------------------------------------------ the page


def _environment(report: Report, language: Language) -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["say"] = partial(_label, language)
    environment.globals["said"] = lambda text, spoken=language: shortened(text.say(spoken), MOST_OF_A_TEXT)
    environment.globals["title"] = lambda part, most=MOST_OF_A_TITLE: shortened(report.title(part).say(language), most)
    environment.globals["kind_name"] = lambda kind: KINDS.get(kind, Text.same(one_line(kind))).say(language)
    environment.globals["outcome_name"] = lambda outcome: OUTCOMES[outcome].say(language)
    environment.globals["named"] = partial(_named, language)
    environment.filters["percent"] = lambda share: f"{share:.0%}"
    environment.filters["figure"] = figure
    environment.filters["one_line"] = one_line
    return environment


def _label(language: Language, name: str, *values: object) -> str:
    said = LABELS[name].say(language)
    return said % values if values else said


def _named(language: Language, students: Sequence[str], most: int = MOST_NAMED) -> str:
    """Names in a row, the first few of many."""
    names = [one_line(name) for name in students[:most]]
    if len(students) > most:
        names.append(_label(language, "more", len(students) - most))
    return LABELS["comma"].say(language).join(names)
