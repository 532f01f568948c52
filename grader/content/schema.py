"""exercise.yaml -> Exercise.

The schema is closed: a new key is a field in exercise.py, a line here, and a line in docs/authoring.md.
"""

from __future__ import annotations

import re
from keyword import iskeyword
from pathlib import Path

from grader.content import fields
from grader.content.document import NO_ITEMS, Node, read_document
from grader.content.exercise import (
    ENTRY_KINDS,
    METHOD_KINDS,
    RETURNS,
    TOPICS,
    Entry,
    Exercise,
    Limits,
    Method,
)
from grader.content.folders import require_files
from grader.content.place import Place
from grader.errors import Text

ID = re.compile(r"[a-z][a-z0-9_]*")
_QUESTION = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_RULE = re.compile(r"[a-z][a-z0-9_-]*")
_CHECK = re.compile(r"test_[A-Za-z0-9_]+")
_DOTTED = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+")

ID_IN_WORDS = Text(
    "an exercise's id: small letters, digits and underscores, a letter first",
    "练习的 id：小写字母、数字和下划线，以字母开头",
)
_QUESTION_IN_WORDS = Text("a question's id, such as self-attention", "问题的 id，例如 self-attention")
_RULE_IN_WORDS = Text("a rule's name, such as key-mask", "规则的名字，例如 key-mask")
_CHECK_IN_WORDS = Text("the name of a check, which starts with test_", "以 test_ 开头的检查名")
_BAN_IN_WORDS = Text(
    "a dotted name, such as torch.nn.functional.softmax", "带点的全名，例如 torch.nn.functional.softmax"
)

_REQUIRED = ("title", "topic", "level", "minutes", "entries", "rules", "checks")
_OPTIONAL = ("questions", "after", "bans", "limits")


def load_exercise(public: Path, private: Path) -> Exercise:
    """Read the exercise that these two folders hold. ContentError for whatever is wrong with its files.

    Names in `after` are checked by the catalogue, which knows the other exercises.
    """
    if not ID.fullmatch(public.name):
        raise Place(public).error(
            Text(f"'{public.name}' is not {ID_IN_WORDS.en}", f"'{public.name}' 不是{ID_IN_WORDS.zh}"),
            Text("rename the folder, here and in solutions/", "请给 exercises/ 和 solutions/ 下的文件夹改名"),
        )
    require_files(public, private)
    root = read_document(public / "exercise.yaml")
    found = fields.fields(root, _REQUIRED, _OPTIONAL)
    return Exercise(
        id=public.name,
        public=public,
        private=private,
        title=_title(found["title"]),
        topic=fields.choice(found["topic"], TOPICS),
        questions=fields.names(found.get("questions", NO_ITEMS), _QUESTION, _QUESTION_IN_WORDS),
        level=fields.integer(found["level"], 1, 3),
        minutes=fields.integer(found["minutes"], 1, 600),
        after=_after(found.get("after", NO_ITEMS), public.name),
        entries=_entries(found["entries"]),
        bans=fields.names(found.get("bans", NO_ITEMS), _DOTTED, _BAN_IN_WORDS),
        rules=fields.names(found["rules"], _RULE, _RULE_IN_WORDS, least=1),
        checks=fields.names(found["checks"], _CHECK, _CHECK_IN_WORDS, least=1),
        limits=_limits(found.get("limits")),
    )


def _title(node: Node) -> Text:
    found = fields.fields(node, ("en", "zh"))
    return Text(fields.text(found["en"]), fields.text(found["zh"]))


def _after(node: Node, own: str) -> tuple[str, ...]:
    names = fields.names(node, ID, ID_IN_WORDS)
    if own in names:
        raise node.place.error(Text("names the exercise itself", "写的是这个练习自己"), Text("remove it", "请删掉"))
    return names


def _limits(node: Node | None) -> Limits:
    if node is None:
        return Limits()
    found, usual = fields.fields(node, (), ("call_seconds", "memory_mb")), Limits()
    seconds, memory = found.get("call_seconds"), found.get("memory_mb")
    return Limits(
        usual.call_seconds if seconds is None else fields.number(seconds, 0.1, 600),
        usual.memory_mb if memory is None else fields.integer(memory, 64, 65536),
    )


def _entries(node: Node) -> tuple[Entry, ...]:
    entries = fields.mapping(node).entries
    if not entries:
        raise node.place.error(
            Text("names no entry", "没有写任何入口"),
            Text("name the function or class that the checks call", "请写上检查要调用的函数或类"),
        )
    return tuple(_entry(_name(name, each), each) for name, each in entries.items())


def _entry(name: str, node: Node) -> Entry:
    found = fields.fields(node, ("kind", "signature"), ("returns", "methods"))
    kind = fields.choice(found["kind"], ENTRY_KINDS)
    signature = _signature(found["signature"])
    if kind == "function":
        _only_for(
            found, "methods", Text("only an entry of kind module has methods", "只有 kind: module 的入口才有 methods")
        )
        found = fields.fields(node, ("kind", "signature", "returns"))
        return Entry(name, kind, signature, fields.choice(found["returns"], RETURNS))
    _only_for(
        found,
        "returns",
        Text("a module has no `returns` of its own: its methods have", "module 本身没有 returns，写在它的方法里"),
    )
    found = fields.fields(node, ("kind", "signature", "methods"))
    methods = fields.mapping(found["methods"])
    return Entry(
        name, kind, signature, "module", tuple(_method(_name(n, each), each) for n, each in methods.entries.items())
    )


def _only_for(found: dict[str, Node], key: str, remedy: Text) -> None:
    if key in found:
        raise found[key].place.error(Text("does not belong here", "不该写在这里"), remedy)


def _method(name: str, node: Node) -> Method:
    found = fields.fields(node, ("signature", "returns"), ("kind",))
    kind = fields.choice(found["kind"], METHOD_KINDS) if "kind" in found else "method"
    return Method(name, kind, _signature(found["signature"]), fields.choice(found["returns"], RETURNS))


def _name(name: str, node: Node) -> str:
    """The key of an entry or a method, which must be a Python name."""
    if name.startswith("__"):
        # `__init__` is the entry's own signature; the proxy answers the other special names itself
        raise node.place.error(
            Text("is a special name of Python", "是 Python 的特殊名字"),
            Text(
                "remove it: the signature of __init__ is that of the entry",
                "请删掉：__init__ 的参数写在入口自己的 signature 里",
            ),
        )
    if not name.isidentifier() or iskeyword(name):
        raise node.place.error(
            Text(f"'{name}' is not a Python name", f"'{name}' 不是合法的 Python 名字"),
            Text("write it as it stands in stub.py", "请和 stub.py 里的写法一致"),
        )
    return name


def _signature(node: Node) -> str:
    """A parameter list as Python writes it, without self."""
    import ast  # only when an exercise is read

    value = fields.text(node)
    remedy = Text(
        "write it as Python does, for example (x, *, factor=1.0)", "请按 Python 的写法，例如 (x, *, factor=1.0)"
    )
    wrong = node.place.error(Text(f"'{value}' is not a parameter list", f"'{value}' 不是参数列表"), remedy)
    # the body stands on a line of its own: after `(x): pass  # )` it does not fit any more
    source = f"def entry{value}:\n    pass"
    try:
        module = ast.parse(source)
        compile(module, "signature", "exec")  # only this step finds one name twice
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise wrong from None
    match module.body:
        case [ast.FunctionDef(name="entry", args=arguments, returns=None, body=[ast.Pass()])]:
            first = (arguments.posonlyargs + arguments.args)[:1]
        case _:  # a '->' or a ':' inside has made something else of it
            raise wrong
    if first and first[0].arg in ("self", "cls"):
        raise node.place.error(
            Text(f"'{value}' names {first[0].arg}", f"'{value}' 里写了 {first[0].arg}"),
            Text(f"leave {first[0].arg} out", f"请去掉 {first[0].arg}"),
        )
    return value
