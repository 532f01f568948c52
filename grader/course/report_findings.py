"""What many got wrong: catalogued mistakes by diagnosis, points of a rubric that were left out, misconceptions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from grader.course.result import Result
from grader.errors import Text

# How a diagnosis begins and ends when it speaks to the student (grader.exam.diagnosis).
_TO_THE_STUDENT = (
    Text("Your code behaves exactly like one in which ", "你的代码的表现与这种写法完全一致："),
    Text(".", "。"),
)
FindingKind = Literal["mistake", "misconception", "left_out"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that `students` got wrong in one part: what it is, and the hint that leads out of it.

    `graded`: how many submissions for the part were graded. `with_others`: how many of the students made another
    catalogued mistake at the same time.
    """

    part: str
    kind: FindingKind
    names: tuple[str, ...]
    what: Text
    hint: Text
    students: tuple[str, ...]
    with_others: int
    graded: int

    @property
    def rate(self) -> float:
        return len(self.students) / self.graded


@dataclass(slots=True)
class _Group:
    what: Text
    hint: Text
    students: list[str] = field(default_factory=list)
    with_others: int = 0


_Key = tuple[str, FindingKind, tuple[str, ...]]


@dataclass(slots=True)
class Findings:
    """Findings while results pass."""

    groups: dict[_Key, _Group] = field(default_factory=dict)
    undiagnosed: Counter[str] = field(default_factory=Counter)
    graded: Counter[str] = field(default_factory=Counter)

    def add(self, result: Result) -> None:
        """One result that has a verdict."""
        assert result.verdict is not None
        self.graded[result.part] += 1
        if result.kind == "question":
            self._add_answer(result, result.verdict)
            return
        diagnoses = result.verdict["diagnosis"]
        if result.outcome == "failed" and not diagnoses:
            self.undiagnosed[result.part] += 1
        for one in diagnoses:
            what, hint = _about_it(_text(one["what"])), _text(one["hint"])
            self._note(result, "mistake", tuple(one["mistakes"]), what, hint)

    def ranked(self, name: Callable[[str], str]) -> list[Finding]:
        """The most frequent first."""
        self._take_apart()
        found = [
            Finding(
                part, kind, names, group.what, group.hint,
                tuple(sorted(name(student) for student in group.students)), group.with_others, self.graded[part],
            )
            for (part, kind, names), group in self.groups.items()
        ]  # fmt: skip
        return sorted(found, key=lambda one: (-len(one.students), one.part, one.names))

    def _note(self, result: Result, kind: FindingKind, names: tuple[str, ...], what: Text, hint: Text) -> None:
        group = self.groups.setdefault((result.part, kind, names), _Group(what, hint))
        group.students.append(result.student)

    def _add_answer(self, result: Result, grade: Mapping[str, Any]) -> None:
        for point in grade["points"]:
            if point["required"] and point["status"] != "covered":
                what, hint = _text(point["text"]), _text(point["hint"])
                self._note(result, "left_out", (point["id"],), what, hint)
        for wrong in {one["misconception"]: one for one in grade["wrong"]}.values():
            why = _text(wrong["why"])
            self._note(result, "misconception", (wrong["misconception"],), why, why)

    def _take_apart(self) -> None:
        """Count a pair of mistakes for each of the two, where both were also made alone: their words are known then."""
        for part, kind, names in [key for key in self.groups if len(key[2]) > 1]:
            alone = [self.groups.get((part, kind, (name,))) for name in names]
            if not all(alone):
                continue
            pair = self.groups.pop((part, kind, names))
            for group in filter(None, alone):
                group.students.extend(pair.students)
                group.with_others += len(pair.students)


def told(kind: str) -> Text:
    """What may be said of an incident where nothing may be quoted."""
    return _KINDS.get(kind, Text.same(kind))


_KINDS = {
    "broken": Text("the grader was at fault", "评分程序出错"),
    "forged": Text("something in the notebook was forged", "notebook 中有伪造的内容"),
    "unreadable": Text("what was handed in cannot be read", "提交的内容无法读取"),
    "version": Text("cells of another version of the hand-out", "单元来自发放材料的另一个版本"),
    "removed": Text("a cell was removed", "删除了单元"),
    "added": Text("a cell with an id of its own was added", "添加了自带 id 的单元"),
    "duplicate": Text("a cell is there more than once", "单元重复出现"),
    "reordered": Text("cells were put in another order", "单元的顺序被改动了"),
    "edited": Text("a locked cell was edited", "改动了锁定的单元"),
    "outputs": Text("a test cell brings outputs", "测试单元自带输出"),
    "celltype": Text("a cell is of another type now", "单元的类型变了"),
    "tag": Text("cells have tags", "单元带有标签"),
    "kernel": Text("another kernel is named", "指定了别的内核"),
    "attachment": Text("something is attached to cells", "单元带有附件"),
    "foreign": Text("the notebook of another part", "另一部分的 notebook"),
    "left-out": Text("lines were left out", "有些行被略去"),
    "twice": Text("handed in as notebook and as file", "notebook 和文件都提交了"),
    "link": Text("a link, which is not read", "链接，不会读取"),
    "stray": Text("a file that is no part", "不属于任何部分的文件"),
    "timestamp": Text("the time of handing in cannot be read", "无法读取提交时间"),
    "late": Text("handed in late", "迟交"),
}


def _text(packed: object) -> Text:
    """Both languages, as `verdict.pack` and `Grade.pack` leave them."""
    if isinstance(packed, Mapping):
        return Text(str(packed["en"]), str(packed["zh"]))
    assert isinstance(packed, (list, tuple))
    return Text(*(str(said) for said in packed))


def _about_it(what: Text) -> Text:
    """The mistake itself, without the words to the student around it."""
    before, after = _TO_THE_STUDENT
    return Text(
        what.en.removeprefix(before.en).removesuffix(after.en), what.zh.removeprefix(before.zh).removesuffix(after.zh)
    )
