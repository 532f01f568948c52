"""What may go wrong at one place of a program: the mutation operators, on syntax trees.

Each takes one node and gives the nodes that may stand for it. They imitate slips: another operator, a bound off by
one, another axis, an argument or a call left out, a name taken for its neighbour.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from copy import deepcopy

from grader.exam.scopes import Scope

_ARITHMETIC: dict[type[ast.operator], tuple[type[ast.operator], ...]] = {
    ast.Add: (ast.Sub, ast.Mult),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div, ast.Add),
    ast.Div: (ast.Mult, ast.FloorDiv),
    ast.FloorDiv: (ast.Mult, ast.Div),
    ast.Mod: (ast.FloorDiv,),
    ast.Pow: (ast.Mult,),
    ast.MatMult: (),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd, ast.BitXor),
    ast.BitXor: (ast.BitOr,),
}
_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
# Functions and methods of torch that are taken for one another.
_COUSINS = {
    "mean": ("sum",),
    "sum": ("mean",),
    "amax": ("amin",),
    "amin": ("amax",),
    "max": ("min",),
    "min": ("max",),
    "argmax": ("argmin",),
    "argmin": ("argmax",),
    "triu": ("tril",),
    "tril": ("triu",),
    "any": ("all",),
    "all": ("any",),
    "softmax": ("log_softmax", "sigmoid"),
    "log_softmax": ("softmax",),
    "logsigmoid": ("sigmoid", "softplus"),
    "zeros": ("ones",),
    "ones": ("zeros",),
    "zeros_like": ("ones_like",),
    "ones_like": ("zeros_like",),
    "new_zeros": ("new_ones",),
    "new_ones": ("new_zeros",),
    "round": ("floor", "ceil", "trunc"),
    "floor": ("ceil", "round"),
    "rand": ("randn",),
    "randn": ("rand",),
    "exponential_": ("normal_", "uniform_"),
    "log": ("exp", "log1p"),
    "exp": ("log",),
    "sqrt": ("exp", "log"),
    "gelu": ("relu", "silu"),
    "relu": ("tanh", "gelu"),
    "cumsum": ("cumprod",),
    "abs": ("square", "neg"),
    "tiny": ("eps",),
    "ReLU": ("Identity",),
    "Dropout": ("Identity",),
    "AdaptiveAvgPool2d": ("AdaptiveMaxPool2d",),
}
_MODULES = frozenset({"torch", "F", "nn", "math"})
# What such a call makes has no gradient to lose.
_WITHOUT_GRADIENT = frozenset(
    {"arange", "argmax", "argsort", "detach", "empty", "full", "indices", "ones", "ones_like", "rand", "randint"}
    | {"requires_grad_", "tril", "triu", "zeros", "zeros_like", "Linear", "Sequential", "LayerNorm", "Dropout"}
    | {"Parameter", "len", "range"}
)


def of_statement(node: ast.stmt, scope: Scope) -> Iterator[tuple[ast.expr, ast.expr]]:
    """An expression of this statement, and one that may stand for it because of where it stands."""
    if isinstance(node, (ast.If, ast.While)):
        yield node.test, ast.UnaryOp(ast.Not(), deepcopy(node.test))
        if isinstance(node, ast.If):
            yield node.test, ast.Constant(True)
            yield node.test, ast.Constant(False)
    elif isinstance(node, ast.Return) and node.value is not None:
        for name in scope.before(node.lineno)[-3:]:
            if not (isinstance(node.value, ast.Name) and node.value.id == name):
                yield node.value, _name(name)
        if _may_have_gradient(node.value):
            yield node.value, _method(node.value, "detach")
    elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        if _may_have_gradient(node.value):
            yield node.value, _method(node.value, "detach")
    elif isinstance(node, ast.AugAssign):
        yield node.value, ast.UnaryOp(ast.USub(), deepcopy(node.value))


def of_expression(node: ast.expr, scope: Scope) -> Iterator[ast.expr]:
    """Expressions that a slip would put in the place of this one."""
    match node:
        case ast.BinOp():
            yield from _binary(node)
        case ast.UnaryOp():
            yield from _unary(node)
        case ast.BoolOp():
            yield from _boolean(node)
        case ast.Compare():
            yield from _comparison(node)
        case ast.Constant():
            yield from _constant(node.value)
        case ast.IfExp():
            yield node.body
            yield node.orelse
        case ast.Call():
            yield from _call(node)
        case ast.Attribute(ctx=ast.Load()):
            yield from _attribute(node, scope)
        case ast.Name(ctx=ast.Load()):
            for other in scope.neighbours(node.id, node.lineno):
                yield _name(other)
        case ast.Subscript(ctx=ast.Load()):
            yield node.value
        case ast.Slice():
            yield from _slice(node)
        case ast.List(ctx=ast.Load()) | ast.Tuple(ctx=ast.Load()):
            yield from _without_one(node)
        case _:
            pass


def _binary(node: ast.BinOp) -> Iterator[ast.expr]:
    for kind in _ARITHMETIC.get(type(node.op), ()):
        yield ast.BinOp(node.left, kind(), node.right)
    yield node.left
    yield node.right
    if isinstance(node.op, (ast.Sub, ast.Div, ast.MatMult, ast.Pow)):
        yield ast.BinOp(node.right, node.op, node.left)


def _unary(node: ast.UnaryOp) -> Iterator[ast.expr]:
    if isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):  # its constant is not visited
        number = node.operand.value
        if type(number) is int:
            for other in (-number - 1, -number + 1, 0, 1, number):
                yield ast.Constant(other) if other >= 0 else ast.UnaryOp(ast.USub(), ast.Constant(-other))
            return
    yield node.operand


def _boolean(node: ast.BoolOp) -> Iterator[ast.expr]:
    other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    yield ast.BoolOp(other, node.values)
    if len(node.values) == 2:
        yield from node.values


def _comparison(node: ast.Compare) -> Iterator[ast.expr]:
    for position, operator in enumerate(node.ops):
        for kind in _COMPARISONS.get(type(operator), ()):
            operators = [*node.ops[:position], kind(), *node.ops[position + 1 :]]
            yield ast.Compare(node.left, operators, node.comparators)
    if len(node.ops) > 1:
        yield ast.Compare(node.left, node.ops[:1], node.comparators[:1])
        yield ast.Compare(node.comparators[0], node.ops[1:], node.comparators[1:])


def _constant(value: object) -> Iterator[ast.expr]:
    others: tuple[float, ...] = ()
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int):
        others = (0, 1, value + 1, value - 1, value * 2)
    elif isinstance(value, float):
        others = (0.0, 1.0, value * 2, value / 2, value + 1.0)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        for other in dict.fromkeys(type(value)(number) for number in others):
            if other != value:
                yield _number(other)
        if value:
            yield _number(-value)


def _call(node: ast.Call) -> Iterator[ast.expr]:
    if isinstance(node.func, ast.Attribute) and not _is_module(node.func.value):
        yield node.func.value
    if node.args and not isinstance(node.args[0], ast.Starred):
        yield node.args[0]
    for position, keyword in enumerate(node.keywords):
        if keyword.arg == "device":
            continue  # there is one device, and no other is graded
        yield ast.Call(node.func, node.args, node.keywords[:position] + node.keywords[position + 1 :])
    if len(node.args) + len(node.keywords) > 1 or isinstance(node.func, ast.Attribute):
        for position in range(len(node.args)):
            yield ast.Call(node.func, node.args[:position] + node.args[position + 1 :], node.keywords)
    for position in range(len(node.args) - 1):
        one, other = node.args[position : position + 2]
        yield ast.Call(node.func, [*node.args[:position], other, one, *node.args[position + 2 :]], node.keywords)


def _attribute(node: ast.Attribute, scope: Scope) -> Iterator[ast.expr]:
    for other in _COUSINS.get(node.attr, ()):
        yield ast.Attribute(node.value, other, ast.Load())
    if isinstance(node.value, ast.Name) and node.value.id == "self":
        for other in scope.other_attributes(node.attr):
            yield ast.Attribute(node.value, other, ast.Load())
    elif node.attr in ("mT", "T", "mH"):
        yield node.value
    elif isinstance(node.value, ast.Name) and node.value.id == "math" and node.attr in ("inf", "pi", "e"):
        yield ast.Constant(0.0)
        yield ast.UnaryOp(ast.USub(), node)


def _slice(node: ast.Slice) -> Iterator[ast.expr]:
    """`[a:b]` without a bound; the bounds themselves are constants or names, and change as such."""
    if node.lower is not None and node.upper is not None:
        yield ast.Slice(node.lower, None, node.step)
        yield ast.Slice(None, node.upper, node.step)
    elif node.upper is not None:
        yield ast.Slice(node.upper, None, node.step)
    elif node.lower is not None:
        yield ast.Slice(None, node.lower, node.step)


def _without_one(node: ast.List | ast.Tuple) -> Iterator[ast.expr]:
    if 1 < len(node.elts) <= 4:
        yield type(node)(list(reversed(node.elts)), ast.Load())
    if isinstance(node, ast.List) and len(node.elts) > 1:
        for position in range(len(node.elts)):
            yield ast.List(node.elts[:position] + node.elts[position + 1 :], ast.Load())


def _may_have_gradient(node: ast.expr) -> bool:
    """Whether this may be a tensor with a gradient, as far as its outermost operation says."""
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        return name not in _WITHOUT_GRADIENT
    return isinstance(node, ast.BinOp) and not isinstance(node.op, (ast.BitAnd, ast.BitOr, ast.FloorDiv, ast.Mod))


def _is_module(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "super"
    return (isinstance(node, ast.Name) and node.id in _MODULES) or (
        isinstance(node, ast.Attribute) and _is_module(node.value)
    )


def _number(value: float) -> ast.expr:
    return ast.Constant(value) if value >= 0 else ast.UnaryOp(ast.USub(), ast.Constant(-value))


def _name(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


def _method(value: ast.expr, name: str) -> ast.Call:
    return ast.Call(ast.Attribute(deepcopy(value), name, ast.Load()), [], [])
