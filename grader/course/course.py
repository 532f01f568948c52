"""A course: one folder in nbgrader's own layout, and `course.yaml` with what each assignment consists of.

DIR/course.yaml             assignments: NAME -> exercises, questions
DIR/nbgrader_config.py      written by `practice course init`
DIR/source/NAME/            made by `practice course release`
DIR/release/NAME/           made by nbgrader
DIR/handout/NAME/           the same as plain files, for those who do without notebooks
DIR/submitted/STUDENT/NAME/ collected by nbgrader, or laid there by hand: ID.ipynb or ID.py
DIR/autograded, DIR/feedback, DIR/gradebook.db     nbgrader's
DIR/results.db              ours: see `results`
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from grader.content import Catalogue, builtin_root, fields
from grader.content.bank import Bank
from grader.content.document import NO_ITEMS, Node, read_document
from grader.content.place import did_you_mean, shown
from grader.course.points import check_points
from grader.course.result import PartKind
from grader.errors import ContentError, Text, UsageError

FILE = "course.yaml"
CONFIG = "nbgrader_config.py"
# The notebook that holds an assignment's questions; an exercise's notebook is called by its id.
QUESTIONS = "questions"
QUESTION_POINTS = 5
# As nbgrader takes it: a `+` separates the parts of a collected submission's name.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\- ]*")

_KEYS = ("assignments", "content", "results")


@dataclass(frozen=True, slots=True)
class Assignment:
    """What is handed out under one name, in the order of the hand-out."""

    name: str
    exercises: tuple[str, ...]
    questions: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[tuple[str, PartKind], ...]:
        """Every part with its kind, in the order of the hand-out."""
        exercises: list[tuple[str, PartKind]] = [(id, "exercise") for id in self.exercises]
        return (*exercises, *((id, "question") for id in self.questions))

    @property
    def notebooks(self) -> tuple[str, ...]:
        """The names of its notebooks, without `.ipynb`."""
        return (*self.exercises, *((QUESTIONS,) if self.questions else ()))


@dataclass(frozen=True)
class Course:
    """An opened course. Content is read when it is asked for."""

    folder: Path
    roots: tuple[Path, ...]  # of exercises and questions: the kit's own, then course.yaml's, then the caller's
    assignments: dict[str, Assignment] = field(default_factory=dict)
    results: str = ""  # the address of the results' database; empty: DIR/results.db

    @classmethod
    def open(cls, folder: Path, roots: Sequence[Path] = ()) -> Course:
        """The course in `folder`; `roots` are further content roots. UsageError with file and remedy."""
        folder = folder.absolute()
        file = folder / FILE
        if not file.is_file():
            raise UsageError(
                Text(f"{shown(folder)}: holds no {FILE}", f"{shown(folder)}：里面没有 {FILE}"),
                Text("`practice course init DIR` makes a course", "`practice course init DIR` 新建课程"),
            )
        try:
            found = fields.fields(read_document(file), ("assignments",), _KEYS)
            content = [folder / Path(fields.text(each)).expanduser() for each in _items(found.get("content"))]
            results = fields.text(found["results"]) if "results" in found else ""
            assignments = {name: _assignment(name, node) for name, node in _entries(found["assignments"]).items()}
        except ContentError as error:  # the file is the instructor's own
            raise UsageError(error.message, error.remedy) from None
        everything = (builtin_root(), *content, *(root.expanduser().absolute() for root in roots))
        return cls(folder, tuple(dict.fromkeys(everything)), assignments, results)

    @cached_property
    def catalogue(self) -> Catalogue:
        """The exercises. UsageError for a content root that is none."""
        return Catalogue(self.roots)

    @cached_property
    def bank(self) -> Bank:
        """The questions with their rubrics."""
        return Bank(self.roots)

    def assignment(self, name: str) -> Assignment:
        """UsageError for one that course.yaml does not name."""
        if name not in self.assignments:
            known = ", ".join(self.assignments)
            otherwise = (
                Text(f"known are: {known}", f"可用的有：{known}")
                if known
                else Text(
                    f"hand one out: practice course release {name} --exercises ID,ID",
                    f"先发放：practice course release {name} --exercises ID,ID",
                )
            )
            file = shown(self.folder / FILE)
            raise UsageError(
                Text(f"{file}: there is no assignment '{name}'", f"{file}：没有作业 '{name}'"),
                did_you_mean(name, self.assignments, otherwise),
            )
        return self.assignments[name]

    def require(self, assignment: Assignment) -> None:
        """UsageError, which names course.yaml, where a part of the assignment is not there (any more)."""
        known = {"exercise": self.catalogue.ids(), "question": tuple(self.bank.questions)}
        for part, kind in assignment.parts:
            if part not in known[kind]:
                file, what = shown(self.folder / FILE), Text(kind, "练习" if kind == "exercise" else "问题")
                raise UsageError(
                    Text(
                        f"{file}: {assignment.name}: there is no {what.en} '{part}'",
                        f"{file}：{assignment.name}：没有{what.zh} '{part}'",
                    ),
                    did_you_mean(
                        part, known[kind],
                        Text(
                            "correct the name, or name its folder under `content:`",
                            "请改正名字，或在 `content:` 下写上它所在的文件夹",
                        ),
                    ),
                )  # fmt: skip

    def points(self, exercise: str) -> dict[str, float]:
        """The points of each check of an exercise, in teaching order."""
        return check_points(self.catalogue.get(exercise))

    def max_points(self, part: str, kind: PartKind) -> float:
        """What one part of an assignment is worth."""
        return QUESTION_POINTS if kind == "question" else sum(self.points(part).values())

    def submissions(self, name: str) -> Iterator[tuple[str, Path]]:
        """Every student who has handed something in for `name`, sorted, with the folder."""
        submitted = self.folder / "submitted"
        try:
            students = sorted(path.name for path in submitted.iterdir() if not path.name.startswith("."))
        except FileNotFoundError:
            return
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise UsageError(
                Text(f"{shown(submitted)} cannot be listed: {why}", f"无法列出 {shown(submitted)}：{why}"),
                Text("see that you may read it", "请确认你有读取权限"),
            ) from None
        for student in students:
            folder = submitted / student / name
            try:
                there = folder.is_symlink() or folder.is_dir()
            except OSError:  # a folder that cannot be entered: that is said where it is read
                there = True
            if there:
                yield student, folder


def _items(node: Node | None) -> tuple[Node, ...]:
    return fields.items(NO_ITEMS if node is None else node)


def _entries(node: Node) -> dict[str, Node]:
    """The entries of a mapping; nothing written is none."""
    if getattr(node, "empty", False):
        return {}
    return fields.mapping(node).entries


def _assignment(name: str, node: Node) -> Assignment:
    if not NAME.fullmatch(name):
        raise node.place.error(
            Text(f"'{name}' cannot name an assignment", f"'{name}' 不能用作作业名"),
            Text(
                "letters, digits, '_', '-', '.' and spaces, a letter or digit first",
                "可用字母、数字、'_'、'-'、'.' 和空格，以字母或数字开头",
            ),
        )
    found = fields.fields(node, (), ("exercises", "questions"))
    exercises, questions = (
        tuple(fields.text(each) for each in _items(found.get(key))) for key in ("exercises", "questions")
    )
    for ids in (exercises, questions):
        if twice := {id for id in ids if ids.count(id) > 1}:
            raise node.place.error(
                Text(f"names '{min(twice)}' twice", f"'{min(twice)}' 写了两次"), Text("remove one", "请删掉一个")
            )
    if clash := {*exercises} & {*questions, QUESTIONS}:
        raise node.place.error(
            Text(f"'{min(clash)}' would name two parts", f"'{min(clash)}' 会同时指两个部分"),
            Text("put them into two assignments, or rename the exercise", "请分到两个作业里，或给练习改名"),
        )
    if not exercises and not questions:
        raise node.place.error(
            Text("has neither exercises nor questions", "既没有练习也没有问题"),
            Text("write `exercises: [ID, ID]`", "请写上 `exercises: [ID, ID]`"),
        )
    return Assignment(name, exercises, questions)
