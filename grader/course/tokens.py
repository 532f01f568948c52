"""A submission as the words that it is made of, whatever its author called things.

Not Python's own tokenizer or parser: half of what is handed in does not parse, and a parser can be brought down from
outside. This one takes any text, in one pass.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

NAME = "name"  # what every name of the author's own becomes
STRING = "string"

_TOKEN = re.compile(
    r"""
      (?P<comment>\#[^\n]*)
    | (?P<string>(?i:[rbfu]{0,2})(?:'''(?:[^\\]|\\.)*?(?:'''|\Z)|\"\"\"(?:[^\\]|\\.)*?(?:\"\"\"|\Z)
        |'(?:[^'\\\n]|\\.)*(?:'|$)|"(?:[^"\\\n]|\\.)*(?:"|$)))
    | (?P<number>\.?\d(?:[eE][+-]|[\w.])*)
    | (?P<name>[^\W\d]\w*)
    | (?P<newline>\n)
    | (?P<operator>\*\*=|//=|<<=|>>=|:=|->|==|!=|<=|>=|[-+*/%@&|^]=|\*\*|//|<<|>>|[^\s\w])
    """,
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)
_OPENS, _CLOSES = frozenset("([{"), frozenset(")]}")
_ASSIGNS = frozenset({"=", "+=", "-=", "*=", "/=", "//=", "%=", "@=", "&=", "|=", "^=", "**="})
_WORD = re.compile(r"[\u3400-\u9fff]|[^\W_]+")


@dataclass(frozen=True, slots=True)
class Token:
    """`kind` is a group of the pattern above; `line` counts from 0."""

    kind: str
    text: str
    line: int


def code(source: str) -> list[tuple[str, int]]:
    """Python as words, each with its line. Comments and docstrings are left out, and every name that the source gives
    to something is the same word, so that to rename changes nothing; names of libraries stay.
    """
    tokens = _without_docstrings(list(_tokens(source)))
    own = _given_names(tokens)
    words = []
    for token in tokens:
        if token.kind == "newline":
            continue
        text = token.text
        if token.kind == "string":
            text = STRING
        elif token.kind == "name" and text in own:
            text = NAME
        words.append((text, token.line))
    return words


def prose(text: str) -> list[tuple[str, int]]:
    """An answer as words, each with its line; a Chinese character is a word."""
    return [(word.lower(), number) for number, line in enumerate(text.split("\n")) for word in _WORD.findall(line)]


def _tokens(source: str) -> Iterator[Token]:
    line, seen = 0, 0
    for found in _TOKEN.finditer(source):
        line += source.count("\n", seen, found.start())
        seen = found.start()
        if found.lastgroup != "comment":
            yield Token(str(found.lastgroup), found.group(), line)


def _without_docstrings(tokens: Sequence[Token]) -> list[Token]:
    """Without strings that are a whole line's statement."""
    kept: list[Token] = []
    for index, token in enumerate(tokens):
        begins = not kept or kept[-1].kind == "newline"
        ends = index + 1 == len(tokens) or tokens[index + 1].kind == "newline"
        if token.kind != "string" or not (begins and ends):
            kept.append(token)
    return kept


def _given_names(tokens: Sequence[Token]) -> frozenset[str]:
    """The names that are defined, assigned to, imported, or bound by a loop or a signature anywhere in the source."""
    given: set[str] = set()
    statement: list[Token] = []
    depth = 0
    for token in tokens:
        if token.text in _OPENS:
            depth += 1
        elif token.text in _CLOSES:
            depth = max(depth - 1, 0)
        if token.kind == "newline" and depth == 0:
            given |= _given_in(statement)
            statement = []
        elif token.kind != "newline":
            statement.append(token)
    given |= _given_in(statement)
    return frozenset(name for name in given if not keyword.iskeyword(name))


def _given_in(statement: Sequence[Token]) -> set[str]:
    """What one statement gives names to."""
    given: set[str] = set()
    if not statement:
        return given
    given |= _assigned(statement)
    first = statement[0].text
    signature = first == "def" or (first == "async" and len(statement) > 1 and statement[1].text == "def")
    binding = ""  # the keyword whose names we are among
    before = ""
    for token in statement:
        if token.text in ("for", "lambda", "import"):
            binding = token.text
        elif (binding, token.text) in (("for", "in"), ("lambda", ":")):
            binding = ""
        elif token.text == ":=":
            given.add(before)
        elif token.kind == "name" and (
            before in ("def", "class", "as")
            or (binding and before != ".")
            or (signature and before in ("(", ",", "*", "**"))
        ):
            given.add(token.text)
        before = token.text
    return given


def _assigned(statement: Sequence[Token]) -> set[str]:
    """The names left of the last assignment of a statement, attributes of objects among them, indices not."""
    given: set[str] = set()
    waiting: list[str] = []
    depth = 0
    for token in statement:
        if token.text in ("(", "{"):  # the keywords of a call are the library's names
            break
        depth += (token.text == "[") - (token.text == "]")
        if token.text in _ASSIGNS:
            given.update(waiting)
            waiting = []
        elif token.kind == "name" and depth == 0:
            waiting.append(token.text)
    return given
