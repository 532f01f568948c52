"""A report as Markdown, and as one HTML file that needs nothing else: no script, no network.

Whatever a candidate wrote is data on both pages. In HTML Jinja escapes it; in Markdown every value is escaped on its
way out, and longer texts stand in fences that they cannot close.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from grader.interview.report import Report, clock
from grader.interview.words import LABELS

if TYPE_CHECKING:
    from jinja2 import Environment

_TEMPLATES = Path(__file__).parent / "templates"
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&!$])")
_BEGINS_A_BLOCK = re.compile(r"^(\d+)([.)])|^([-+=:])")


def html(report: Report) -> str:
    """The report as one page."""
    return _rendered("report.html.jinja", report, _environment(autoescape=True))


def markdown(report: Report) -> str:
    """The report as Markdown."""
    environment = _environment(autoescape=False)
    environment.finalize = _escaped
    text = _rendered("report.md.jinja", report, environment)
    return re.sub(r"\n{3,}", "\n\n", re.sub(r" +\n", "\n", text)).strip() + "\n"


def _environment(*, autoescape: bool) -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["percent"] = lambda share: f"{share:.0%}"
    environment.filters["clock"] = clock
    environment.filters["fenced"] = _Fenced
    environment.filters["verbatim"] = _Verbatim
    return environment


def _rendered(name: str, report: Report, environment: Environment) -> str:
    say = partial(_label, report)
    return environment.get_template(name).render(report=report, say=say)


def _label(report: Report, name: str) -> str:
    return _Label(LABELS[name].say(report.language))


class _Label(str):
    """Words of ours, which Markdown takes as they are."""

    def escaped(self) -> str:
        return str(self)


class _Verbatim(str):
    """Markdown code within a line."""

    def escaped(self) -> str:
        ticks = "`" * (_longest(self, "`") + 1)
        pad = " " if self.startswith("`") or self.endswith("`") else ""
        return f"{ticks}{pad}{' '.join(self.split())}{pad}{ticks}"


class _Fenced(str):
    """Lines as they are, between fences longer than any in them."""

    def escaped(self) -> str:
        fence = "`" * max(_longest(self, "`") + 1, 3)
        return f"{fence}text\n{self}\n{fence}"


def _escaped(value: object) -> object:
    """One line of Markdown that shows the value's characters and nothing else."""
    if isinstance(value, (_Fenced, _Label, _Verbatim)):
        return value.escaped()
    text = _SPECIAL.sub(r"\\\1", " ".join(str(value).split()))
    return _BEGINS_A_BLOCK.sub(lambda found: f"{found[1]}\\{found[2]}" if found[1] else f"\\{found[3]}", text)


def _longest(text: str, char: str) -> int:
    return max((len(run) for run in re.findall(f"{re.escape(char)}+", text)), default=0)
