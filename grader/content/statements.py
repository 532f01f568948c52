"""The statements of an exercise: what a reader is shown, and whether both languages state the same rules.

A graded rule stands in a list item of its own that ends in `<!-- rule: name -->`; the marker is not shown.
Lines inside code fences are never headings, list items or markers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from grader.content.document import read_text
from grader.content.exercise import Exercise
from grader.content.place import Place, did_you_mean
from grader.errors import ContentError, Language, Text

LANGUAGES: tuple[Language, ...] = ("en", "zh")
HEADINGS: dict[Language, tuple[str, ...]] = {
    "en": ("Your task", "Rules", "Worked example", "Why interviewers ask", "Asked next"),
    "zh": ("任务", "规则", "例子", "面试为什么问", "接着会问"),
}

_MARKER = re.compile(r"[ \t]*<!--\s*rule:\s*([^\s>]+?)\s*-->")
_HEADING = re.compile(r"##[ \t]+(.+?)[ \t]*#*[ \t]*")
_ITEM = re.compile(r"[ \t]*([-*+]|\d+[.)])[ \t]+\S")
_FENCE = re.compile(r" *(`{3,}|~{3,})")


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement as it is shown: `opening` up to the first `## `, `body` from there on, `rules_marked` in its text."""

    opening: str
    body: str
    rules_marked: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    text: str
    code: bool

    @property
    def heading(self) -> str | None:
        match = None if self.code else _HEADING.fullmatch(self.text)
        return match and match[1]

    @property
    def markers(self) -> list[str]:
        return [] if self.code else _MARKER.findall(self.text)

    @property
    def shown(self) -> str:
        return self.text if self.code else _MARKER.sub("", self.text)


def statement(exercise: Exercise, language: Language) -> Statement:
    """The statement in one language. ContentError when the file cannot be read."""
    lines = list(_lines(read_text(exercise.statement_file(language))))
    first = next((index for index, line in enumerate(lines) if line.heading), len(lines))
    opening, body = ("\n".join(line.shown for line in part).strip() for part in (lines[:first], lines[first:]))
    return Statement(opening, body, tuple(name for line in lines for name in line.markers))


def lint(exercise: Exercise) -> list[ContentError]:
    """Every fault of both statements."""
    errors: list[ContentError] = []
    for language in LANGUAGES:
        place = Place(exercise.statement_file(language))
        try:
            lines = list(_lines(read_text(place.path)))
        except ContentError as error:
            errors.append(error)
            continue
        errors += [*_sections(place, lines, language), *_items(place, lines), *_rules(place, lines, exercise.rules)]
    return errors


def _lines(text: str) -> Iterator[_Line]:
    fence = ""
    for number, line in enumerate(text.splitlines(), 1):
        match = _FENCE.match(line)
        if fence:
            yield _Line(number, line, code=True)
            if match and match[1].startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
        else:
            fence = match[1] if match else ""
            yield _Line(number, line, code=bool(match))


def _sections(place: Place, lines: list[_Line], language: Language) -> Iterator[ContentError]:
    """Faults of the headings: they are those of docs/authoring.md, and something stands below each."""
    wanted = HEADINGS[language]
    found: dict[str, int] = {}
    section: _Line | None = None
    holds = False
    for line in [*lines, None]:
        heading = line.heading if line else None
        if line is not None and not heading:
            # the title of the page is not an opening
            holds = holds or bool(line.shown.strip() and (line.code or not line.text.startswith("# ")))
            continue
        if not holds:
            yield _nothing_below(place, section)
        section, holds = line, False
        if line and heading:
            yield from _heading(place.at(line.number), heading, found, wanted)
    missing = [f"## {heading}" for heading in wanted if heading not in found]
    for heading in missing:
        yield place.error(
            Text(f"the heading '{heading}' is missing", f"缺少标题 '{heading}'"),
            Text(f"the headings are, in this order: {', '.join(wanted)}", f"标题依次为：{'、'.join(wanted)}"),
        )
    known = [heading for heading in found if heading in wanted]
    if not missing and known != list(wanted):
        yield place.at(found[known[0]]).error(
            Text("the headings are in another order", "标题的顺序不对"),
            Text(f"the order is: {', '.join(wanted)}", f"应为：{'、'.join(wanted)}"),
        )


def _nothing_below(place: Place, section: _Line | None) -> ContentError:
    if section is None:
        return place.error(
            Text("the opening is empty", "开头是空的"),
            Text(
                "say above the first '## ' what is to be written and why", "请在第一个 '## ' 之前说明要写什么、为什么写"
            ),
        )
    name = section.text.strip()
    return place.at(section.number).error(Text(f"nothing stands below '{name}'", f"'{name}' 下面没有内容"))


def _heading(place: Place, heading: str, found: dict[str, int], wanted: tuple[str, ...]) -> Iterator[ContentError]:
    if heading in found:
        yield place.error(
            Text(
                f"the heading '## {heading}' is there twice, first on line {found[heading]}",
                f"标题 '## {heading}' 出现了两次，第一次在第 {found[heading]} 行",
            )
        )
        return
    found[heading] = place.line or 0
    if heading not in wanted:
        listed = Text(f"the headings are: {', '.join(wanted)}", f"标题只有：{'、'.join(wanted)}")
        yield place.error(
            Text(f"unknown heading '## {heading}'", f"未知的标题 '## {heading}'"), did_you_mean(heading, wanted, listed)
        )


def _items(place: Place, lines: list[_Line]) -> Iterator[ContentError]:
    """Faults of the markers: each ends a list item and is the only one in it."""
    item: _Line | None = None  # the list item that the current line belongs to
    marked: _Line | None = None  # the line of that item that has a marker
    for line in lines:
        text = line.shown.strip()
        if not line.code and (_ITEM.match(line.text) or line.heading):
            item, marked = (None if line.heading else line), None
        elif text and not line.text[0].isspace() and not line.code and _blank_before(lines, line):
            item = marked = None
        if text and marked:
            yield place.at(marked.number).error(
                Text(f"text follows the marker on line {line.number}", f"标记之后在第 {line.number} 行还有文字"),
                Text("a marker ends its list item", "标记要放在列表项的末尾"),
            )
            marked = None
        yield from _line_markers(place.at(line.number), line, item)
        marked = line if line.markers else marked


def _blank_before(lines: list[_Line], line: _Line) -> bool:
    return line.number == 1 or not lines[line.number - 2].text.strip()


def _line_markers(place: Place, line: _Line, item: _Line | None) -> Iterator[ContentError]:
    if not line.code and "<!--" in line.shown:
        yield place.error(
            Text("this comment is not a rule's marker, so readers see it", "这个注释不是规则标记，读者会看到它"),
            Text("a marker is written <!-- rule: name -->", "标记的写法是 <!-- rule: 名字 -->"),
        )
    own = Text("give each graded rule a list item of its own", "请让每条评分规则自成一个列表项")
    if line.markers and item is None:
        yield place.error(Text("a marker stands outside a list item", "标记不在列表项里"), own)
    if len(line.markers) > 1:
        yield place.error(Text("two markers stand in one list item", "一个列表项里有两个标记"), own)
    elif line.markers and not _MARKER.fullmatch(line.text[line.text.rfind("<!--") :].rstrip()):
        yield place.error(
            Text("text follows the marker", "标记之后还有文字"),
            Text("a marker ends its list item", "标记要放在列表项的末尾"),
        )


def _rules(place: Place, lines: list[_Line], rules: tuple[str, ...]) -> Iterator[ContentError]:
    """Faults of the names: the statement marks the rules of exercise.yaml, each once."""
    found: dict[str, int] = {}
    for line in lines:
        for name in line.markers:
            if name in found:
                yield place.at(line.number).error(
                    Text(
                        f"the rule '{name}' is marked twice, first on line {found[name]}",
                        f"规则 '{name}' 标了两次，第一次在第 {found[name]} 行",
                    )
                )
            elif name not in rules:
                yield place.at(line.number).error(
                    Text(
                        f"'{name}' is not one of the rules of exercise.yaml", f"'{name}' 不在 exercise.yaml 的 rules 里"
                    ),
                    did_you_mean(
                        name, rules, Text("add it to `rules`, or remove the marker", "请加进 rules，或去掉标记")
                    ),
                )
            found.setdefault(name, line.number)
    for name in rules:
        if name not in found:
            yield place.error(
                Text(f"the rule '{name}' of exercise.yaml has no marker", f"exercise.yaml 的规则 '{name}' 没有标记"),
                Text(f"end its list item with <!-- rule: {name} -->", f"请在它的列表项末尾加上 <!-- rule: {name} -->"),
            )
