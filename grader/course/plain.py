"""What others wrote, made safe to show: without characters that mislead a reader, and as a spreadsheet's cell.

Names of students, their code, and messages about it end on pages and in tables. HTML is escaped by Jinja; here is
what no escaping covers.
"""

from __future__ import annotations

import re
import unicodedata

# A cell that begins so is a formula to a spreadsheet; some read the wide forms likewise.
_FORMULA = re.compile(r"[=+\-@＝＋－＠\t\r]")
# Where the decimal sign is a comma, a spreadsheet parts lines at semicolons, quoted or not: a cell begins behind each.
_INNER_FORMULA = re.compile(r"(;[\s\"]*)(?=[=+\-@＝＋－＠])")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")
MOST_OF_A_CELL = 32_000  # characters: a spreadsheet takes 32,767, and spills the rest over other cells


def plain(text: str) -> str:
    """Lines without control characters, invisible ones, and those that turn the direction of writing."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(
        char if char in "\n\t" or char.isprintable() else " " if unicodedata.category(char) == "Zs" else "\ufffd"
        for char in text
    )


def one_line(text: str) -> str:
    """The same in one line: for names, and for cells of a table."""
    return " ".join(plain(text).split())


def shortened(text: str, most: int) -> str:
    """The beginning of it, in one line."""
    line = one_line(text[: 4 * most])  # what is thousands of times too long is not all read
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def cell(value: object) -> str:
    """A value for CSV that no spreadsheet takes for a formula: an apostrophe stands before what looks like one.

    Numbers stay numbers, and a name is changed only where it begins like a formula: O'Brien and Jean-Luc do not.
    https://owasp.org/www-community/attacks/CSV_Injection
    """
    if value is None:
        return ""
    if isinstance(value, float):
        return figure(value)
    text = _INNER_FORMULA.sub(r"\1'", shortened(str(value), MOST_OF_A_CELL))
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def figure(number: float) -> str:
    """Points as one writes them: at most four decimals, no zeros at the end."""
    return f"{number:.4f}".rstrip("0").rstrip(".") if number % 1 else f"{number:.0f}"
