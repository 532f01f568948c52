"""Where a command writes: plain text, and with colour and measured lines where a person looks at a terminal.

Small on purpose. rich takes longer to import than a check takes to run; it renders statements and code (`markdown`,
`code`), where nobody waits for a verdict.
"""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Iterator
from typing import TextIO

from grader.errors import Language, PracticeError, Text

# the terminal's own colours, by their numbers
STYLES = {"good": 32, "bad": 31, "warn": 33, "dim": 2, "strong": 1}
_WIDEST = 100


class OutputClosedError(Exception):
    """Whoever read our output has left. No OSError: click would end the program with the status of a failed attempt."""


class Screen:
    """One output stream in one language. `terminal`: somebody watches it, lines may be wrapped, coloured, replaced."""

    def __init__(self, stream: TextIO, language: Language) -> None:
        self.stream = stream
        self.language = language
        self.terminal = stream.isatty() and os.environ.get("TERM") != "dumb"
        self.colour = self.terminal and not os.environ.get("NO_COLOR")
        self.width = min(_columns(stream), _WIDEST) if self.terminal else 0
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")

    def say(self, text: Text | str) -> str:
        """The words in this screen's language."""
        return text if isinstance(text, str) else text.say(self.language)

    def carries(self, signs: str) -> bool:
        """Whether the stream's encoding has these signs."""
        try:
            signs.encode(self.stream.encoding or "ascii")
        except (UnicodeEncodeError, LookupError):
            return False
        return True

    def styled(self, text: Text | str, style: str) -> str:
        """The words in a style, where there is colour."""
        said = self.say(text)
        return f"\x1b[{STYLES[style]}m{said}\x1b[0m" if self.colour and style else said

    def line(self, text: Text | str = "", style: str = "", *, indent: int = 0) -> None:
        """Lines as they are."""
        for line in self.say(text).split("\n"):
            self.write(f"{' ' * indent}{self.styled(line, style) if line else ''}".rstrip(" ") + "\n")

    def paragraph(self, text: Text | str, style: str = "", *, indent: int = 0) -> None:
        """Prose: wrapped on a terminal, one line elsewhere."""
        for line in self.say(text).split("\n"):
            for part in wrapped(line, self.width - indent) if self.width else [line]:
                self.line(part, style, indent=indent)

    def error(self, error: PracticeError) -> None:
        """What is wrong, and on the next line what to do."""
        self.line(f"{self.styled(Text('error: ', '错误：'), 'bad')}{self.say(error.message)}")
        if remedy := self.say(error.remedy):
            self.line(remedy, indent=2)

    def warning(self, text: Text | str) -> None:
        """One line that does not stand in the way."""
        self.line(" ".join(self.say(text).split("\n")), "warn")

    def write(self, text: str) -> None:
        """Written at once: who reads a pipe waits for each check as well."""
        try:
            self.stream.write(text)
            self.stream.flush()
        except BrokenPipeError:
            raise OutputClosedError from None

    def clear(self) -> None:
        if self.terminal:
            self.write("\x1b[H\x1b[2J\x1b[3J")

    # ------------------------------------------------------------------ rich

    def markdown(self, text: str) -> None:
        """Markdown as it reads best: rendered on a terminal, its own text elsewhere."""
        if not self.terminal:
            self.line(text)
            return
        from rich.console import Console
        from rich.markdown import Markdown

        console = Console(file=self.stream, width=self.width, no_color=not self.colour)
        console.print(Markdown(joined_lines(text), code_theme="ansi_dark"))

    def code(self, text: str) -> None:
        """Python source, to read on a terminal and to save elsewhere."""
        if not self.colour:
            self.write(text)
            return
        from rich.console import Console
        from rich.syntax import Syntax

        Console(file=self.stream).print(
            Syntax(text.rstrip("\n"), "python", theme="ansi_dark", background_color="default")
        )


def _columns(stream: TextIO) -> int:
    try:
        columns = os.get_terminal_size(stream.fileno()).columns
    except OSError:
        columns = 0
    return columns or 80  # some terminals do not know


def stdout(language: Language) -> Screen:
    return Screen(sys.stdout, language)


def stderr(language: Language) -> Screen:
    return Screen(sys.stderr, language)


# ----------------------------------------------------------------------- widths


def cells(text: str) -> int:
    """Columns that a text takes: Chinese characters take two."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def padded(text: str, width: int) -> str:
    """The text, filled with blanks to `width` columns."""
    return text + " " * max(0, width - cells(text))


def shortened(text: str, width: int) -> str:
    """One line of at most `width` columns; 0 is no limit."""
    line = " ".join(text.split())
    if not width or cells(line) <= width:
        return line
    while line and cells(line) > width - 1:
        line = line[:-1]
    return line + "…"


def wrapped(line: str, width: int) -> Iterator[str]:
    """A line cut to `width` columns: at blanks, and between Chinese characters, whose punctuation begins no line."""
    current = ""
    for piece in _pieces(line):
        if current and cells(current + piece.rstrip()) > width:
            yield current.rstrip()
            current = ""
            piece = piece.lstrip()
        current += piece
    yield current.rstrip()


def _pieces(line: str) -> list[str]:
    """What must stay together, each with the blanks that follow it."""
    pieces: list[str] = []
    for char in line:
        previous = pieces[-1][-1:] if pieces else ""
        wide = unicodedata.east_asian_width(char) in "WF"
        breaks = not previous or (previous == " " and char != " ")
        if not breaks and char != " " and (wide or unicodedata.east_asian_width(previous) in "WF"):
            breaks = unicodedata.category(char) not in ("Po", "Pe", "Pf") and previous not in "“‘（《「【"
        if breaks:
            pieces.append(char)
        else:
            pieces[-1] += char
    return pieces


def joined_lines(markdown: str) -> str:
    """Chinese lines that were cut in the source, without the blank that Markdown puts between them."""
    import re

    wide = r"[\u2e80-\u9fff\u3000-\u303f\uff00-\uffef]"
    parts = re.split(r"(^ *```.*?^ *```)", markdown, flags=re.DOTALL | re.MULTILINE)
    return "".join(
        part if index % 2 else re.sub(rf"(?<={wide})\n *(?={wide})|(?<=[，。；：、！？）])\n *(?=\w)", "", part)
        for index, part in enumerate(parts)
    )
