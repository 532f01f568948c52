"""What others wrote, made safe to show: without characters that mislead a reader, and as a spreadsheet's cell.

Names of students, their code, and messages about it end on pages and in tables. HTML is escaped by Jinja; here is
what no escaping covers.
"""

from __future__ import annotations

import re
import unicodedata

# A cell that begins so is a formula to a spreadsheet; some read the wide forms likewise.
_FORMULA = re.compile(r"[=+\-@＝＋－＠\t\r]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")


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


def cell(value: object) -> str:
    """A value for CSV that no spreadsheet takes for a formula: an apostrophe stands before what looks like one.

    Numbers stay numbers, and a name is changed only where it begins like a formula: O'Brien and Jean-Luc do not.
    https://owasp.org/www-community/attacks/CSV_Injection
    """
    if value is None:
        return ""
    if isinstance(value, float):
        return figure(value)
    text = one_line(str(value))
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def figure(number: float) -> str:
    """Points as one writes them: at most four decimals, no zeros at the end."""
    return f"{number:.4f}".rstrip("0").rstrip(".") if number % 1 else f"{number:.0f}"
