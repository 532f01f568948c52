"""The statements of an exercise, as a reader is shown them.

A graded rule stands in a list item of its own that ends in `<!-- rule: name -->`; the marker is not shown.
Lines inside code fences are never headings, list items or markers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from grader.content.document import read_text
from grader.errors import Language

if TYPE_CHECKING:
    from grader.content.exercise import Exercise

MARKER = re.compile(r"[ \t]*<!--\s*rule:\s*([^\s>]+?)\s*-->")
_HEADING = re.compile(r"##[ \t]+(.+?)[ \t]*#*[ \t]*")
_ITEM = re.compile(r"[ \t]*([-*+]|\d{1,9}[.)])[ \t]+\S")
# after backticks that open a fence none may follow: ```x``` is code within a line
_FENCE = re.compile(r"[ \t]*(`{3,}(?!.*`)|~{3,})")


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement as it is shown: `opening` up to the first `## `, `body` from there on, `rules_marked` in its text."""

    opening: str
    body: str
    rules_marked: tuple[str, ...]


@dataclass(frozen=True)
class Line:
    """One line of Markdown, and whether it belongs to a code fence."""

    number: int
    text: str
    code: bool
    opens: bool = False  # the fence begins here

    @cached_property
    def heading(self) -> str | None:
        """The words of a `## ` heading."""
        match = None if self.code else _HEADING.fullmatch(self.shown)
        return match[1] if match else None

    @cached_property
    def markers(self) -> list[str]:
        """The rules that the line marks."""
        return [] if self.code else MARKER.findall(self.text)

    @property
    def shown(self) -> str:
        """The line without its markers."""
        return self.text if self.code else MARKER.sub("", self.text)

    @property
    def starts_item(self) -> bool:
        """Whether a list item begins here."""
        return not self.code and bool(_ITEM.match(self.text))


def statement(exercise: Exercise, language: Language) -> Statement:
    """The statement in one language. ContentError when the file cannot be read."""
    lines = list(markdown_lines(read_text(exercise.statement_file(language))))
    first = next((index for index, line in enumerate(lines) if line.heading), len(lines))
    opening, body = ("\n".join(line.shown for line in part).strip() for part in (lines[:first], lines[first:]))
    return Statement(opening, body, tuple(name for line in lines for name in line.markers))


def markdown_lines(text: str) -> Iterator[Line]:
    """The lines of a text, numbered from 1."""
    fence = ""
    for number, line in enumerate(text.split("\n"), 1):
        match = _FENCE.match(line)
        yield Line(number, line, code=bool(fence or match), opens=bool(match and not fence))
        if not fence:
            fence = match[1] if match else ""
        elif line.strip().startswith(fence) and not line.strip().strip(fence[0]):
            fence = ""
