"""What is wrong with the statements of an exercise: sections, and the markers that say which rule stands where.

The markers tie three files together. A rule that is graded but stated in one language only is a defect that no run of
the checks would show.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grader.content.document import read_text
from grader.content.exercise import Exercise
from grader.content.place import Place, did_you_mean
from grader.content.statements import MARKER, Line, markdown_lines
from grader.errors import ContentError, Language, Text

LANGUAGES: tuple[Language, ...] = ("en", "zh")
HEADINGS: dict[Language, tuple[str, ...]] = {
    "en": ("Your task", "Rules", "Worked example", "Why interviewers ask", "Asked next"),
    "zh": ("任务", "规则", "例子", "面试为什么问", "接着会问"),
}

_OWN_ITEM = Text("give each graded rule a list item of its own", "请让每条评分规则自成一个列表项")


@dataclass(frozen=True, slots=True)
class _Section:
    heading: Line | None  # None for the opening
    lines: list[Line]


def lint(exercise: Exercise) -> list[ContentError]:
    """Every fault of both statements."""
    errors: list[ContentError] = []
    for language in LANGUAGES:
        place = Place(exercise.statement_file(language))
        try:
            lines = _read(place)
        except ContentError as error:
            errors.append(error)
            continue
        sections = list(_sections(lines))
        headings = [section.heading for section in sections if section.heading]
        errors += _empty(place, sections)
        errors += _headings(place, headings, HEADINGS[language])
        errors += _markers(place, lines)
        errors += _rules(place, lines, exercise.rules)
    return errors


def _read(place: Place) -> list[Line]:
    """The lines of a statement. ContentError when the rest of it would be taken for code."""
    # with one line more, which is code only if a fence is still open
    lines = list(markdown_lines(read_text(place.path) + "\n"))
    if lines[-1].code:
        opening = next(line for line in reversed(lines) if line.opens)
        raise place.at(opening.number).error(
            Text("the code fence is never closed", "代码块没有结束"),
            Text("close it with the same ``` or ~~~", "请用同样的 ``` 或 ~~~ 结束"),
        )
    return lines


def _sections(lines: list[Line]) -> Iterator[_Section]:
    section = _Section(None, [])
    for line in lines:
        if line.heading:
            yield section
            section = _Section(line, [])
        else:
            section.lines.append(line)
    yield section


def _empty(place: Place, sections: list[_Section]) -> Iterator[ContentError]:
    """Faults of sections below which nothing stands."""
    for section in sections:
        # the title of the page is not an opening
        if any(line.shown.strip() and (line.code or not line.text.startswith("# ")) for line in section.lines):
            continue
        if section.heading:
            yield place.at(section.heading.number).error(
                Text(
                    f"nothing stands below '## {section.heading.heading}'",
                    f"'## {section.heading.heading}' 下面没有内容",
                ),
                Text("write the section", "请写上这一节"),
            )
        else:
            yield place.error(
                Text("the opening is empty", "开头是空的"),
                Text("say above the first '## ' what is to be written", "请在第一个 '## ' 之前说明要写什么"),
            )


def _headings(place: Place, headings: list[Line], wanted: tuple[str, ...]) -> Iterator[ContentError]:
    """Faults of the headings: they are those of docs/authoring.md, each once, in that order."""
    listed = Text(f"the headings are: {', '.join(wanted)}", f"标题依次为：{'、'.join(wanted)}")
    found: dict[str, int] = {}
    for line in headings:
        name, here = line.heading or "", place.at(line.number)
        if name in found:
            yield here.error(
                Text(
                    f"'## {name}' is there twice, first on line {found[name]}",
                    f"'## {name}' 出现了两次，第一次在第 {found[name]} 行",
                ),
                Text("make one section of the two", "请合成一节"),
            )
        elif name not in wanted:
            message = Text(f"'## {name}' is not one of the headings", f"'## {name}' 不是规定的标题")
            yield here.error(message, did_you_mean(name, wanted, listed))
        found.setdefault(name, line.number)
    missing = [name for name in wanted if name not in found]
    for name in missing:
        yield place.error(Text(f"the heading '## {name}' is missing", f"缺少标题 '## {name}'"), listed)
    known = [name for name in found if name in wanted]
    if not missing and known != list(wanted):
        moved = next(name for name, right in zip(known, wanted, strict=True) if name != right)
        yield place.at(found[moved]).error(Text(f"'## {moved}' is out of order", f"'## {moved}' 的顺序不对"), listed)


def _markers(place: Place, lines: list[Line]) -> Iterator[ContentError]:
    """Faults of how markers stand: each ends a list item and is the only one in it."""
    for line in lines:
        if not line.code and "<!--" in line.shown:
            yield place.at(line.number).error(
                Text("readers see this comment: it is not a rule's marker", "这个注释不是规则标记，读者会看到它"),
                Text("a marker is written <!-- rule: name -->", "标记的写法是 <!-- rule: 名字 -->"),
            )
    for block in _blocks(lines):
        marked = [line for line in block for _ in line.markers]
        if not marked:
            continue
        last, here = block[-1], place.at(marked[-1].number)
        if not block[0].starts_item:
            yield here.error(Text("a marker stands outside a list item", "标记不在列表项里"), _OWN_ITEM)
        elif len(marked) > 1:
            yield here.error(Text("two markers stand in one list item", "一个列表项里有两个标记"), _OWN_ITEM)
        elif last is not marked[0] or not MARKER.fullmatch(last.text.rstrip(), last.text.rindex("<!--")):
            yield here.error(
                Text("more of the list item follows the marker", "标记之后列表项还有内容"),
                Text("end the list item with the marker", "请把标记放在列表项的末尾"),
            )


def _blocks(lines: list[Line]) -> Iterator[list[Line]]:
    """Lines that belong together, without the empty ones: a list item with its indented part, or a paragraph."""
    block: list[Line] = []
    blank = False
    for line in lines:
        if not line.text.strip():
            blank = True
            continue
        # a line that is not indented goes on with a list item only if nothing parts them
        starts = line.starts_item or line.heading or (blank and not line.text[0].isspace())
        if block and starts:
            yield block
            block = []
        block.append(line)
        blank = False
    if block:
        yield block


def _rules(place: Place, lines: list[Line], rules: Sequence[str]) -> Iterator[ContentError]:
    """Faults of the names: the statement marks the rules of exercise.yaml, each once."""
    found: dict[str, int] = {}
    for line in lines:
        for name in line.markers:
            here = place.at(line.number)
            if name in found:
                first = found[name]
                yield here.error(
                    Text(
                        f"the rule '{name}' is marked twice, first on line {first}",
                        f"规则 '{name}' 标了两次，第一次在第 {first} 行",
                    ),
                    Text("keep one of the two", "请只保留一个"),
                )
            elif name not in rules:
                otherwise = Text("add it to `rules`, or remove the marker", "请加进 rules，或去掉标记")
                yield here.error(
                    Text(
                        f"'{name}' is not one of the rules of exercise.yaml", f"exercise.yaml 的 rules 里没有 '{name}'"
                    ),
                    did_you_mean(name, rules, otherwise),
                )
            found.setdefault(name, line.number)
    for name in rules:
        if name not in found:
            yield place.error(
                Text(f"the rule '{name}' of exercise.yaml has no marker", f"exercise.yaml 的规则 '{name}' 没有标记"),
                Text(f"end its list item with <!-- rule: {name} -->", f"请在它的列表项末尾加上 <!-- rule: {name} -->"),
            )
