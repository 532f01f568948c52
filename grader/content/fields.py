"""Nodes of a document read as what the schema expects: the value, or a ContentError with place and remedy."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeVar

from grader.content.document import Mapping, Node, Scalar, Sequence
from grader.content.place import Place, did_you_mean
from grader.errors import ContentError, Text

_Option = TypeVar("_Option", bound=str)

_KINDS = {Scalar: ("a text", "文本"), Sequence: ("a list", "列表"), Mapping: ("keys and values", "若干键值")}
_REMEDIES = {
    Scalar: Text("write the value on the line of its key", "请把值写在键的同一行"),
    Sequence: Text("write [a, b], or [] for none", "请写成 [a, b]，没有就写 []"),
    Mapping: Text("write one `key: value` a line, indented", "请缩进，每行写一个 `键: 值`"),
}


def fields(node: Node, required: Iterable[str], optional: Iterable[str] = ()) -> dict[str, Node]:
    """The entries of a mapping whose keys are known: an unknown key or a missing one is an error."""
    required, known = list(required), [*required, *optional]
    entries = mapping(node).entries
    for key, value in entries.items():
        if key not in known:
            raise _unknown_key(node, key, value, known)
    for key in required:
        if key not in entries:
            remedy = Text(
                f"add `{key}: ...`; docs/authoring.md describes it", f"请加上 `{key}: ...`，说明见 docs/authoring.md"
            )
            raise node.place.error(Text(f"the key '{key}' is missing", f"缺少键 '{key}'"), remedy)
    return entries


def _unknown_key(node: Node, key: str, value: Node, known: list[str]) -> ContentError:
    if isinstance(node, Mapping) and node.flow and isinstance(value, Scalar) and value.empty:
        # `{signature: (x, p), returns: tensor}` is read as a key 'p)' without a value
        remedy = Text(
            'a comma inside {...} ends the value: put quotes around it, as in signature: "(x, p)"',
            '{...} 里的逗号会结束这个值：请加引号，例如 signature: "(x, p)"',
        )
    else:
        names = ", ".join(known)
        remedy = did_you_mean(
            key,
            known,
            Text(
                f"known here: {names}; a new key is added in grader/content/schema.py",
                f"这里可用的键：{names}；新的键要在 grader/content/schema.py 里添加",
            ),
        )
    place = value.place.at(value.place.line or 1, node.place.key)
    return place.error(Text(f"unknown key '{key}'", f"未知的键 '{key}'"), remedy)


def mapping(node: Node) -> Mapping:
    """A mapping, whatever its keys."""
    if not isinstance(node, Mapping):
        raise _other_kind(node, Mapping)
    return node


def items(node: Node) -> tuple[Node, ...]:
    """The items of a list, which may be empty."""
    if not isinstance(node, Sequence):
        raise _other_kind(node, Sequence)
    return node.items


def text(node: Node) -> str:
    """A text that is not empty."""
    if not isinstance(node, Scalar):
        raise _other_kind(node, Scalar)
    if node.empty or not node.value.strip():
        raise node.place.error(
            Text("is empty", "是空的"),
            Text("write a value, or leave the key out if it may be", "请填上值；可省略的键也可以整行去掉"),
        )
    return node.value.strip()


def _other_kind(node: Node, wanted: type[Scalar | Sequence | Mapping]) -> ContentError:
    (expected, expected_zh), (found, found_zh) = _KINDS[wanted], _KINDS[type(node)]
    if isinstance(node, Scalar):
        found, found_zh = ("nothing", "空") if node.empty else (f"'{node.value}'", f"'{node.value}'")
    message = Text(f"expected {expected}, found {found}", f"这里应是{expected_zh}，实际是{found_zh}")
    return node.place.error(message, _REMEDIES[wanted])


def choice(node: Node, options: tuple[_Option, ...]) -> _Option:
    """One of the given texts."""
    value = text(node)
    for option in options:
        if option == value:
            return option
    names = ", ".join(f"'{option}'" for option in options)
    message = Text(f"'{value}' is not one of {names}", f"'{value}' 不是可选值之一：{names}")
    raise node.place.error(message, did_you_mean(value, options, Text("take one of these", "请从中选一个")))


def integer(node: Node, low: int, high: int) -> int:
    """A whole number from `low` to `high`."""
    value = text(node)
    if not re.fullmatch(r"-?[0-9]{1,9}", value) or not low <= int(value) <= high:
        span = Text(f"a whole number from {low} to {high}", f"{low} 到 {high} 之间的整数")
        raise _not_a(node.place, value, span)
    return int(value)


def number(node: Node, low: float, high: float) -> float:
    """A decimal number from `low` to `high`."""
    value = text(node)
    if not re.fullmatch(r"-?[0-9]{1,9}(\.[0-9]{1,9})?", value) or not low <= float(value) <= high:
        span = Text(f"a number from {low:g} to {high:g}", f"{low:g} 到 {high:g} 之间的数")
        raise _not_a(node.place, value, span)
    return float(value)


def matching(node: Node, pattern: re.Pattern[str], what: Text) -> str:
    """A text that has the form of `pattern`; `what` says in words what that is."""
    value = text(node)
    if not pattern.fullmatch(value):
        raise _not_a(node.place, value, what)
    return value


def names(node: Node, pattern: re.Pattern[str], what: Text, *, least: int = 0) -> tuple[str, ...]:
    """A list of names of one form, each there once, at least `least` of them."""
    found: dict[str, int | None] = {}
    for item in items(node):
        name = matching(item, pattern, what)
        if name in found:
            raise item.place.error(
                Text(
                    f"'{name}' is there twice, first on line {found[name]}",
                    f"'{name}' 出现了两次，第一次在第 {found[name]} 行",
                ),
                Text("keep one of the two", "请只保留一个"),
            )
        found[name] = item.place.line
    if len(found) < least:
        raise node.place.error(
            Text(f"has {len(found)} names, needs at least {least}", f"有 {len(found)} 个名字，至少要 {least} 个"),
            Text(f"each is {what.en}", f"每个都应是{what.zh}"),
        )
    return tuple(found)


def _not_a(place: Place, value: str, what: Text) -> ContentError:
    remedy = Text(f"write {what.en}", f"请写{what.zh}")
    return place.error(Text(f"'{value}' does not fit here", f"'{value}' 不符合要求"), remedy)
