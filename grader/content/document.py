"""YAML files as trees whose every node knows its line: what error messages need and `yaml.safe_load` throws away.

The tree is built from parse events, not from PyYAML's constructors. Scalars stay text until the schema says what they
are, so `no` or `1e3` never turn into something that the author did not write. Aliases, tags, duplicate keys, a second
document, deep nesting and large files are refused: content is written by hand, and nothing in it needs them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from grader.content.place import Place, read_bytes
from grader.errors import ContentError, Text

if TYPE_CHECKING:
    from yaml import Event, YAMLError

MAX_CHARACTERS = 1_000_000
MAX_DEPTH = 20

_QUOTE = Text(
    "put quotes around a text that holds ': ', ' #' or, inside [...] and {...}, a comma",
    "文本里有 ': '、' #'，或在 [...]、{...} 里有逗号时，请给它加上引号",
)
_WRITE_OUT = Text("write the value out where it is used", "请在用到的地方把值直接写出来")


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text as it was written; `plain` means without quotes."""

    place: Place
    value: str
    plain: bool

    @property
    def empty(self) -> bool:
        """Nothing was written, or YAML's word for it."""
        return self.plain and self.value in ("", "~", "null")


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    place: Place
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys and values; `flow` means written in braces."""

    place: Place
    entries: dict[str, Node]
    flow: bool


Node: TypeAlias = Scalar | Sequence | Mapping

NO_ITEMS = Sequence(Place(Path()), ())  # what a list that may be left out reads as


def read_text(path: Path) -> str:
    """The file as text. ContentError when it cannot be read, is not UTF-8, or is very large."""
    place = Place(path)
    try:
        text = read_bytes(path).decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise place.at(line).error(
            Text("is not UTF-8", "不是 UTF-8 编码"), Text("save it as UTF-8", "请存为 UTF-8")
        ) from None
    if len(text) > MAX_CHARACTERS:
        raise place.error(
            Text(f"has more than {MAX_CHARACTERS} characters", f"超过 {MAX_CHARACTERS} 个字符"),
            Text("shorten it", "请缩短"),
        )
    return text


def read_document(path: Path) -> Mapping:
    """The mapping that a YAML file holds. Every fault is a ContentError with file and line."""
    import yaml  # only when a file is read: a client of a warm daemon reads none

    loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
    text = read_text(path)
    try:
        root = _Builder(path, iter(yaml.parse(text, Loader=loader))).document()
    except yaml.YAMLError as error:
        raise _not_yaml(path, text, error) from None
    if not isinstance(root, Mapping):
        raise Place(path, 1).error(
            Text("holds no keys", "里面没有键"), Text("write one `key: value` a line", "请每行写一个 `键: 值`")
        )
    return root


def _not_yaml(path: Path, text: str, error: YAMLError) -> ContentError:
    """PyYAML's error in one line."""
    problem = " ".join(str(getattr(error, "problem", None) or getattr(error, "reason", None) or error).split())
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    # a character that YAML does not allow is told by its position, everything else by a mark
    before = int(getattr(error, "position", 0)) if mark is None else 0
    line = text.count("\n", 0, before) if mark is None else int(mark.line)
    return Place(path, line + 1).error(Text(f"is not YAML: {problem}", f"不是合法的 YAML：{problem}"), _QUOTE)


class _Builder:
    """Turns the events of one document into nodes."""

    def __init__(self, path: Path, events: Iterator[Event]) -> None:
        self._path = path
        self._events = events

    def document(self) -> Node | None:
        """The one document of the file; None for an empty file."""
        import yaml

        next(self._events)  # the stream starts
        if not isinstance(next(self._events), yaml.DocumentStartEvent):
            return None
        root = self._node(next(self._events), Place(self._path), depth=0)
        next(self._events)  # the document ends
        after = next(self._events)
        if isinstance(after, yaml.DocumentStartEvent):
            raise Place(self._path, _line(after)).error(
                Text("a second document begins here", "这里又开始了一个文档"),
                Text("keep one document a file: remove the '---'", "一个文件只放一个文档：请删掉 '---'"),
            )
        return root

    def _node(self, event: Event, place: Place, depth: int) -> Node:
        import yaml

        here = place.at(_line(event))
        anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
        if isinstance(event, yaml.AliasEvent):
            raise here.error(Text(f"the alias *{anchor} is not allowed", f"不能使用别名 *{anchor}"), _WRITE_OUT)
        if anchor:
            raise here.error(Text(f"the anchor &{anchor} is not allowed", f"不能使用锚点 &{anchor}"), _WRITE_OUT)
        if tag:
            raise here.error(
                Text(f"the tag {tag} is not allowed", f"不能使用标签 {tag}"),
                Text("leave it out", "请去掉它"),
            )
        if depth > MAX_DEPTH:
            raise here.error(
                Text(f"is nested deeper than {MAX_DEPTH} levels", f"嵌套超过 {MAX_DEPTH} 层"),
                Text("count the brackets", "请数一数括号"),
            )
        place = here if place.line is None else place
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(place, bool(event.flow_style), depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(place, depth)
        assert isinstance(event, yaml.ScalarEvent)
        return Scalar(place, event.value, plain=not event.style)

    def _sequence(self, place: Place, depth: int) -> Sequence:
        import yaml

        items: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            key = f"{place.key}[{len(items)}]"
            items.append(self._node(event, place.at(_line(event), key), depth + 1))
        return Sequence(place, tuple(items))

    def _mapping(self, place: Place, flow: bool, depth: int) -> Mapping:
        import yaml

        entries: dict[str, Node] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, place.at(_line(event)), depth + 1)
            if not isinstance(key, Scalar):
                raise key.place.error(Text("a key must be a text", "键必须是文本"), _QUOTE)
            here = key.place.at(_line(event), place.below(key.value))
            if key.value in entries:
                first = entries[key.value].place.line
                raise here.error(
                    Text(f"the key is there twice, first on line {first}", f"这个键出现了两次，第一次在第 {first} 行"),
                    Text("keep one of the two", "请只保留一个"),
                )
            entries[key.value] = self._node(next(self._events), here, depth + 1)
        return Mapping(place, entries, flow)


def _line(event: Event) -> int:
    mark = event.start_mark
    return int(mark.line) + 1 if mark else 1
