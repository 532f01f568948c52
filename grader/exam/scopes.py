"""The names that a function or a class of a reference may confuse: its locals, and the attributes of its `self`."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field


@dataclass(slots=True)
class Scope:
    """Names in the order in which they are bound, with the line that binds each first, and how many places do."""

    locals: dict[str, int] = field(default_factory=dict)
    attributes: list[str] = field(default_factory=list)
    bound: dict[str, int] = field(default_factory=dict)

    def before(self, line: int) -> list[str]:
        """The local names that are bound above this line."""
        return [name for name, first in self.locals.items() if first < line]

    def neighbours(self, name: str, line: int) -> list[str]:
        """The local names bound just before and just after this one: the likeliest to be written for it."""
        return _beside(self.before(line), name)

    def other_attributes(self, name: str) -> list[str]:
        return _beside(self.attributes, name)

    def can_lose(self, node: ast.stmt) -> bool:
        """Whether the function still runs without this statement: it is not the only one to bind a name."""
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [t.id for target in targets for t in ast.walk(target) if isinstance(t, ast.Name) and _stores(t)]
            return all(self.bound.get(name, 0) > 1 for name in names)
        if isinstance(node, (ast.If, ast.For, ast.While, ast.With)):
            inner = [child for child in ast.walk(node) if isinstance(child, ast.Name) and _stores(child)]
            return all(self.bound.get(name.id, 0) > 1 for name in inner)
        return not isinstance(node, ast.Pass)


def scope_of(node: ast.ClassDef | ast.FunctionDef, outer: Scope | None = None) -> Scope:
    """The names of a class (attributes) or of a function (locals, and the attributes of the class around it)."""
    scope = Scope(attributes=list(outer.attributes) if outer is not None else [])
    if isinstance(node, ast.ClassDef):
        for child in _in_order(node):
            match child:
                case ast.Attribute(value=ast.Name(id="self"), ctx=ast.Store()) if child.attr not in scope.attributes:
                    scope.attributes.append(child.attr)
        return scope
    arguments = node.args
    for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]:
        if argument.arg not in ("self", "cls"):
            _bind(scope, argument.arg, 0)
    for child in _in_order(node):
        if isinstance(child, ast.Name) and _stores(child):
            _bind(scope, child.id, child.lineno)
    return scope


def _bind(scope: Scope, name: str, line: int) -> None:
    scope.bound[name] = scope.bound.get(name, 0) + 1
    scope.locals.setdefault(name, line)


def _in_order(node: ast.AST) -> list[ast.expr]:
    nodes = [child for child in ast.walk(node) if isinstance(child, ast.expr)]
    return sorted(nodes, key=lambda child: (child.lineno, child.col_offset))


def _stores(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store)


def _beside(names: list[str], name: str) -> list[str]:
    if name not in names:
        return []
    position = names.index(name)
    return [*names[max(position - 1, 0) : position], *names[position + 1 : position + 2]]
