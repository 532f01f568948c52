"""What a notebook's other cells give to the answer: a slice of its statements, taken backwards from the entries.

From the names that the exercise asks for to the statements that bind them, to the names that those need, and so on;
with them whatever changes something needed (`TABLE[k] = v`, `TABLE.update(...)`, a call of a function that does so).
Scopes are Python's own, by `symtable`: the `x` inside a function is not the `x` of a cell where something is tried out.
Where it cannot be told (`exec`, `globals()`, `import *` with a name that nothing else gives), a statement stays.
"""

from __future__ import annotations

import ast
import builtins
import symtable
import sys
import warnings
from collections import defaultdict
from collections.abc import Iterator

from grader.course.pieces import Statement, is_future, names_in

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_Defined = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_Import = ast.Import | ast.ImportFrom
# Methods of the values that programs keep in tables; so does each that ends with an underscore, as torch has it.
_CHANGE = frozenset({
    "__init__", "__setattr__", "__setitem__", "add", "append", "appendleft", "clear", "difference_update", "discard",
    "extend", "extendleft", "insert", "intersection_update", "pop", "popitem", "register", "remove", "reverse",
    "rotate", "setdefault", "sort", "symmetric_difference_update", "update",
})  # fmt: skip
# A bare `value.method(...)` with another one may be for its effect.
_LOOK = frozenset({
    "abs", "all", "any", "argmax", "argmin", "copy", "count", "cpu", "cuda", "describe", "detach", "dim", "exp",
    "float", "format", "forward", "get", "head", "hist", "index", "info", "item", "items", "join", "keys", "log",
    "lower", "max", "mean", "min", "named_parameters", "norm", "numel", "numpy", "parameters", "plot", "prod",
    "replace", "reshape", "show", "size", "softmax", "split", "sqrt", "startswith", "state_dict", "std", "strip",
    "sum", "tail", "to", "tolist", "transpose", "type", "upper", "values", "var", "view",
})  # fmt: skip
_CHANGE_FIRST = frozenset({"delattr", "heapify", "heappop", "heappush", "insort", "setattr", "shuffle"})
_ANY_NAME = frozenset({"__import__", "eval", "exec", "globals", "locals", "vars"})
_GLOBAL_STATE = frozenset({"builtins", "os", "sys"})
# What may be imported where an answer runs; `grader`, so that meddling with it is judged, not hidden.
_THERE = sys.stdlib_module_names | {"grader", "numpy", "solutions", "torch"}


# ------------------------------------------------------------------------ one statement


def _runs(node: ast.AST) -> Iterator[ast.AST]:
    """What runs with a statement: not the bodies of functions."""
    waiting: list[ast.AST] = [node]
    while waiting:
        each = waiting.pop()
        yield each
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting += [*each.decorator_list, *each.args.defaults, *(one for one in each.args.kw_defaults if one)]
        elif not isinstance(each, ast.Lambda):
            waiting += ast.iter_child_nodes(each)


def _root(node: ast.AST) -> str:
    """`TABLE` of `TABLE[k].rows`, also of `TABLE.setdefault(k, []).append(v)` and `vars(TABLE)[k]`; else ''."""
    while True:
        if isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
            node = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            node = node.func
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
            if node.func.id not in {"vars", "getattr", "super", "iter", "reversed", "enumerate"}:
                return ""
            node = node.args[0]
        else:
            return node.id if isinstance(node, ast.Name) else ""


def _changed(nodes: Iterator[ast.AST], changers: set[str], modules: set[str], bare: ast.AST | None) -> set[str]:
    """The names whose values these nodes may change. `changers` are functions that change what is given to them."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
            found.add(_root(node))
        elif isinstance(node, ast.AugAssign):
            found.add(_root(node.target))
        elif isinstance(node, ast.Call):
            found |= _changed_by(node, changers, modules, bare=node is bare)
    return found - {""}


def _changed_by(call: ast.Call, changers: set[str], modules: set[str], *, bare: bool) -> set[str]:
    found: set[str] = set()
    given = {_root(each) for each in (*call.args, *(keyword.value for keyword in call.keywords))}
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    if name in _CHANGE_FIRST and call.args:
        found.add(_root(call.args[0]))
    if name in changers or (name.endswith("_") and not name.startswith("__")):
        found |= given
    if isinstance(call.func, ast.Attribute):
        root = _root(call.func)
        effect = name in _CHANGE or name in changers or (name.endswith("_") and not name.startswith("__"))
        if root not in modules and (effect or (bare and name not in _LOOK)):
            found.add(root)
    return found


def _changers(nodes: list[ast.stmt]) -> set[str]:
    """Functions, and methods, that change what they are given."""
    found: set[str] = set()
    for node in nodes:
        for each in ast.walk(node):
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
                taken = {one.arg for one in (*each.args.posonlyargs, *each.args.args, *each.args.kwonlyargs)}
                taken |= {one.arg for one in (each.args.vararg, each.args.kwarg) if one}
                if taken & _changed((part for one in each.body for part in ast.walk(one)), set(), set(), None):
                    found.add(each.name)
    return found


def _bound(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Name(id=name, ctx=ast.Store()):
            yield name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            yield from (_alias(each) for each in aliases)
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name
        case ast.MatchMapping(rest=str(name)):
            yield name


def _alias(alias: ast.alias) -> str:
    return alias.asname or alias.name.split(".")[0]


def _own(node: ast.AST) -> set[str]:
    """Names stored at a class's level or in a comprehension are not the cell's."""
    found: set[str] = set()
    waiting = [node]
    while waiting:
        each = waiting.pop()
        found.update(_bound(each))
        if isinstance(each, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            found |= {one.target.id for one in ast.walk(each) if isinstance(one, ast.NamedExpr)}
        elif not isinstance(each, _Defined | ast.Lambda):
            waiting += ast.iter_child_nodes(each)
    return found


def _global_names(source: str, walked: list[ast.AST]) -> set[str]:
    """What a statement needs of the notebook's own level, at any depth."""
    simple = {each.id for each in walked if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)}
    scopes = ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp
    if not any(isinstance(each, (*scopes, ast.GeneratorExp)) for each in walked):
        return simple
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            top = symtable.symtable(source, "cell", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return simple
    found = {each.get_name() for each in top.get_symbols() if each.is_referenced()}
    waiting = top.get_children()
    while waiting:
        scope = waiting.pop()
        waiting += scope.get_children()
        in_class = scope.get_type() == "class"  # `x = x` in a class looks outside, too
        for each in scope.get_symbols():
            if each.is_global() or (in_class and each.is_referenced() and not each.is_free()):
                found.add(each.get_name())
    return found


def _study(each: Statement, changers: set[str], modules: set[str], states: set[str], entries: set[str]) -> None:
    node = each.node
    walked = list(ast.walk(node))
    each.binds = _own(node)
    each.needs = _global_names(each.source, walked)
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        each.needs.add(node.target.id)
    each.gives = isinstance(node, _Defined) or (
        isinstance(node, ast.Assign)
        and (
            isinstance(node.value, ast.Name | ast.Attribute | ast.Lambda)
            or (isinstance(node.value, ast.Call) and ast.unparse(node.value.func).endswith("partial"))
        )
    )
    bare = node.value if isinstance(node, ast.Expr) and _root(node.value) not in entries else None
    each.now = {one.id for one in _runs(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load)}
    each.changes = _changed(_runs(node), changers, modules, bare)
    deep = any(isinstance(one, _Function) for one in walked)
    if deep or isinstance(node, ast.ClassDef):
        stated = {name for one in walked if isinstance(one, ast.Global) for name in one.names}
        each.later = (_changed(iter(walked), changers, modules, None) & each.needs) | stated
    called = {one.func.id for one in walked if isinstance(one, ast.Call) and isinstance(one.func, ast.Name)}
    if called & _ANY_NAME:  # the names stand in its strings
        texts = (one.value for one in walked if isinstance(one, ast.Constant) and isinstance(one.value, str))
        each.needs |= set[str]().union(*(names_in(text) for text in texts))
    runs = {one.func.id for one in _runs(node) if isinstance(one, ast.Call) and isinstance(one.func, ast.Name)}
    each.always = is_future(node) or bool(runs & {"exec", "globals"} or each.changes & states)


def _imported(nodes: list[ast.stmt]) -> tuple[set[str], set[str]]:
    """Names that an import gives, and those of them that stand for the state of the whole program."""
    modules, states = set[str](), set[str]()
    for node in nodes:
        for each in _runs(node):
            if isinstance(each, _Import):
                modules |= {_alias(one) for one in each.names}
                source = each.module if isinstance(each, ast.ImportFrom) else None
                for one in each.names:
                    if (source or one.name).split(".")[0] in _GLOBAL_STATE:
                        states.add(_alias(one))
    return modules, states


def _binds_answer(node: ast.stmt, entries: set[str]) -> bool:
    """Whether it says what an entry is, and does not only store a result of it under the same name."""
    for each in _runs(node):
        if isinstance(each, _Defined | _Import):
            if entries & set(_bound(each)):
                return True
        elif isinstance(each, ast.Assign | ast.AnnAssign) and each.value is not None:
            called = {_root(one.func) for one in ast.walk(each.value) if isinstance(one, ast.Call)}
            called |= {one.func.id for one in ast.walk(each.value) if isinstance(one, ast.Call)
                       and isinstance(one.func, ast.Name)}  # fmt: skip
            stored = {one.id for one in ast.walk(each) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
            if stored & entries and not called & entries and not isinstance(each.value, ast.Constant):
                return True
    return False


# ------------------------------------------------------------------------ the slice


def _optional(found: list[Statement]) -> list[bool]:
    """Which statements of the answer's own cell may be left out: imports of what is not there, and what uses it."""
    away: set[str] = set()
    result = []
    for each in found:
        optional = False
        if each.from_answer:
            foreign = {_alias(alias) for alias in each.imports if not is_there(each.node, alias)}
            optional = bool(foreign) or bool(each.needs & away)
            if optional:
                away |= foreign or each.binds
        result.append(optional)
    return result


def is_there(node: ast.stmt, alias: ast.alias) -> bool:
    """Whether an answer can import it."""
    module = node.module or "" if isinstance(node, ast.ImportFrom) else alias.name
    return module.split(".")[0] in _THERE


def keep(found: list[Statement], entries: set[str], unread: set[str], *, answered: bool) -> set[str]:
    """Mark what counts; the names that are needed. `unread` are the names in cells that count as they stand;
    `answered`, whether the answer has a cell of its own.
    """
    nodes = [each.node for each in found]
    modules, states = _imported(nodes)
    changers = _changers(nodes)
    for each in found:
        _study(each, changers, modules - entries, states, entries)
    slicing = _Slice(found, entries, modules)
    slicing.need(entries | unread)
    for each, optional in zip(found, _optional(found), strict=True):
        if each.always or (each.from_answer and not optional):
            slicing.take(each)
    if not answered and not slicing.answers:  # a name spelled wrong: what there is shall be seen
        for each in found:
            if isinstance(each.node, _Defined):
                slicing.take(each)
    slicing.run()
    if slicing.needed - set(slicing.binders) - set(dir(builtins)):
        for each in found:
            if "*" in each.binds:
                slicing.take(each)
    return slicing.needed


class _Slice:
    """Names that are needed, and the statements that were taken for them, until there are no more."""

    def __init__(self, found: list[Statement], entries: set[str], modules: set[str]) -> None:
        self.entries = entries
        self.needed: set[str] = set()
        self.answers = False
        self._waiting: list[str] = []
        self._movers: set[str] = set()  # functions that change something needed
        self.binders: dict[str, list[Statement]] = defaultdict(list)
        self._changing: dict[str, list[Statement]] = defaultdict(list)
        self._callers: dict[str, list[Statement]] = defaultdict(list)
        self._later: dict[str, list[Statement]] = defaultdict(list)
        self._readers: dict[str, list[Statement]] = defaultdict(list)
        last = -1
        for at, each in enumerate(found):
            if each.binds & entries and (each.from_answer or _binds_answer(each.node, entries)):
                self.answers, last = True, at
        for at, each in enumerate(found):
            define = isinstance(each.node, _Defined) or (
                bool(each.binds & modules) and any(isinstance(one, _Import) for one in ast.walk(each.node))
            )
            names = each.binds
            if each.binds & entries and not each.from_answer and not _binds_answer(each.node, entries):
                names = names - entries
            if not each.from_answer and at > last and not define:
                names = names - modules  # `for F in ...` at the end is not meant for the `F.` of the answer
            for name in names:
                self.binders[name].append(each)
            for name in each.changes:
                self._changing[name].append(each)
            for name in each.now - entries:
                self._callers[name].append(each)
            if each.later:
                for name in each.later:
                    self._later[name].append(each)
            for name in each.needs if each.gives else ():
                self._readers[name].append(each)

    def need(self, names: set[str]) -> None:
        self._waiting += names - self.needed
        self.needed |= names

    def take(self, each: Statement) -> None:
        if not each.kept:
            each.kept = True
            self.need(each.needs)

    def run(self) -> None:
        while self._waiting:
            name = self._waiting.pop()
            for each in (*self.binders.get(name, ()), *self._changing.get(name, ())):
                self.take(each)
            self._move(self._later.get(name, []))

    def _move(self, found: list[Statement]) -> None:
        """Functions that change something needed: those that call them do, too, and cells that do are taken."""
        waiting = [name for each in found for name in each.binds]
        while waiting:
            name = waiting.pop()
            if name in self._movers or name in self.entries:
                continue
            self._movers.add(name)
            for each in self._callers.get(name, ()):
                self.take(each)
            for each in self._readers.get(name, ()):
                waiting += each.binds


def wanted(statement: Statement, needed: set[str]) -> str:
    """The statement; of an import only the names that are needed."""
    node = statement.node
    if not isinstance(node, _Import) or is_future(node):
        return statement.source
    there = statement.from_answer
    names = [
        each for each in node.names if each.name == "*" or _alias(each) in needed or (there and is_there(node, each))
    ]
    if len(names) == len(node.names):
        return statement.source
    if not names:
        return ""
    if isinstance(node, ast.Import):
        return ast.unparse(ast.Import(names))
    return ast.unparse(ast.ImportFrom(node.module, names, node.level))
