"""Small wrong edits of a reference, made by rule and not by an author: what its checks must tell from the original.

A mutant changes one place of the source and leaves every other character as it was, so that it can be shown as a
line and what becomes of it. Messages of exceptions, annotations and imports are left alone: nothing is graded there.
"""

from __future__ import annotations

import ast
import io
import tokenize
import warnings
from dataclasses import dataclass

from grader.exam import operators
from grader.exam.scopes import Scope, scope_of

REMOVED = "(removed)"


@dataclass(frozen=True, slots=True)
class Mutant:
    """One edit: `line` of the function, class or module `within` becomes `becomes`. The three name it, also where
    lines of the file have moved; `source` is the whole edited file.
    """

    within: str
    line: str
    becomes: str
    number: int
    source: str

    @property
    def key(self) -> tuple[str, str, str]:
        return self.within, self.line, self.becomes


def mutants(source: str) -> list[Mutant]:
    """Every mutant of this source that compiles, each edit once, in the order of the lines."""
    tree = ast.parse(source)
    walk = _Walk(source)
    walk.visit(tree)
    known = {ast.dump(tree)}
    found: dict[tuple[str, str, str], Mutant] = {}
    for mutant in walk.found:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SyntaxWarning)
                shape = ast.dump(ast.parse(mutant.source))
                compile(mutant.source, "mutant", "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            continue
        if shape not in known:
            known.add(shape)
            found.setdefault(mutant.key, mutant)
    return sorted(found.values(), key=lambda mutant: mutant.number)


class _Walk(ast.NodeVisitor):
    """Visits what is graded and gathers the edits."""

    def __init__(self, source: str) -> None:
        self.found: list[Mutant] = []
        self._text = source.encode()
        self._starts = [0]
        for line in self._text.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self._names: list[str] = []
        self._scope = Scope()

    # ------------------------------------------------------------- places

    def visit_Module(self, node: ast.Module) -> None:
        self._body(node.body)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        outer, self._scope = self._scope, scope_of(node)
        self._names.append(node.name)
        self._body(node.body)
        self._names.pop()
        self._scope = outer

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        outer, self._scope = self._scope, scope_of(node, self._scope)
        self._names.append(node.name)
        for decorator in node.decorator_list:
            if not (isinstance(decorator, ast.Name) and decorator.id in ("classmethod", "staticmethod", "property")):
                self._cut(decorator)
        for default in [*node.args.defaults, *(value for value in node.args.kw_defaults if value is not None)]:
            self.visit(default)
        self._body(node.body)
        self._names.pop()
        self._scope = outer

    def _body(self, body: list[ast.stmt]) -> None:
        for position, statement in enumerate(body):
            if position == 0 and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                continue  # a docstring
            self._statement(statement)

    def _statement(self, node: ast.stmt) -> None:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            return
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)) and self._scope.can_lose(node):
            self._replace(node, "pass")
        if isinstance(node, ast.Raise):
            return  # that it raises is graded, and the name of an argument in the message; not its words
        for mutated in operators.of_statement(node, self._scope):
            self._replace_with(mutated[0], mutated[1])
        self.visit(node)

    def generic_visit(self, node: ast.AST) -> None:
        if isinstance(node, ast.expr):
            for mutated in operators.of_expression(node, self._scope):
                self._replace_with(node, mutated)
        if isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant):
            return  # a negative number is one constant
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "body", "orelse", "finalbody") and not isinstance(value, ast.AST):
                if isinstance(value, list):
                    self._body(value)
            elif name in ("annotation", "returns"):
                continue
            elif isinstance(value, ast.AST):
                self.visit(value)
            elif isinstance(value, list):
                for item in value:
                    if isinstance(item, ast.AST):
                        self.visit(item)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Positions inside an f-string are not to be relied on, and its words are not graded."""

    # -------------------------------------------------------------- edits

    def _replace_with(self, old: ast.expr, new: ast.expr) -> None:
        text = ast.unparse(ast.fix_missing_locations(new))
        if isinstance(new, ast.Tuple) and isinstance(old, ast.Tuple) and self._segment(old)[:1] != b"(":
            text = text.removeprefix("(").removesuffix(")")
        elif _loose(new) and not _same_strength(old, new) and not self._enclosed(old):
            text = f"({text})"
        self._replace(old, text)

    def _cut(self, decorator: ast.expr) -> None:
        """Take a decorator away, with its line."""
        start = self._starts[decorator.lineno - 1]
        self._edit(start, self._starts[decorator.end_lineno or decorator.lineno], "", decorator.lineno, REMOVED)

    def _replace(self, node: ast.stmt | ast.expr, text: str) -> None:
        start, end = self._span(node)
        self._edit(start, end, text, node.lineno)

    def _edit(self, start: int, end: int, text: str, number: int, shown: str = "") -> None:
        edited = self._text[:start] + text.encode() + self._text[end:]
        first = self._text.rfind(b"\n", 0, start) + 1
        last = self._text.find(b"\n", max(end - 1, start))
        last = len(self._text) if last < 0 else last
        before, after = self._text[first:last], edited[first : last + len(edited) - len(self._text)]
        self.found.append(
            Mutant(".".join(self._names) or "module", _tidy(before), shown or _tidy(after), number, edited.decode()),
        )

    def _span(self, node: ast.stmt | ast.expr) -> tuple[int, int]:
        end_line, end_column = node.end_lineno or node.lineno, node.end_col_offset or 0
        return self._starts[node.lineno - 1] + node.col_offset, self._starts[end_line - 1] + end_column

    def _enclosed(self, node: ast.expr) -> bool:
        start, end = self._span(node)
        return self._text[start - 1 : start] == b"(" and self._text[end : end + 1] == b")"

    def _segment(self, node: ast.expr) -> bytes:
        start, end = self._span(node)
        return self._text[start:end]


def _tidy(lines: bytes) -> str:
    """Source lines as one, without comments."""
    text = lines.decode()
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text.strip() + "\n").readline))
    except (tokenize.TokenError, IndentationError):
        tokens = []
    for token in reversed(tokens):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            kept = text.strip().split("\n")
            kept[row - 1] = kept[row - 1][:column]
            text = "\n".join(kept)
    return " ".join(text.split())


_LOOSE = (ast.BinOp, ast.BoolOp, ast.Compare, ast.UnaryOp, ast.IfExp, ast.Lambda, ast.NamedExpr)


def _loose(node: ast.expr) -> bool:
    negative = isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and node.value < 0
    return isinstance(node, _LOOSE) or negative


_STRENGTH: tuple[tuple[type[ast.operator], ...], ...] = (
    (ast.Add, ast.Sub),
    (ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.MatMult),
)


def _same_strength(old: ast.expr, new: ast.expr) -> bool:
    """Whether the new expression stands where the old one stood without parentheses."""
    if isinstance(old, ast.BinOp) and isinstance(new, ast.BinOp):
        return any(isinstance(old.op, group) and isinstance(new.op, group) for group in _STRENGTH)
    return type(old) is type(new) and not isinstance(old, (ast.BinOp, ast.BoolOp))


__all__ = ["Mutant", "mutants"]
