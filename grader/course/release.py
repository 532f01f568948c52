"""An assignment is written into course.yaml, into notebooks for nbgrader, and into plain files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.content.place import read_bytes, shown
from grader.course.config import cannot_write, nbgrader
from grader.course.course import FILE, NAME, QUESTIONS, Assignment, Course
from grader.course.files import replace, sweep
from grader.errors import LANGUAGES, Text, UsageError

SOURCE, RELEASE, HANDOUT = "source", "release", "handout"


@dataclass(frozen=True, slots=True)
class Released:
    """What was written, and what was left as an instructor had changed it."""

    written: tuple[Path, ...]
    kept: tuple[Path, ...]


def enter(course: Course, name: str, exercises: Sequence[str], questions: Sequence[str]) -> tuple[Course, Assignment]:
    """The course with the assignment in it, and the assignment. Without exercises and questions it is the one that
    course.yaml has. UsageError for unknown names, or where course.yaml says otherwise.
    """
    ids = tuple(dict.fromkeys(course.catalogue.resolve(each) for each in exercises))
    asked = tuple(dict.fromkeys(course.bank.resolve(each) for each in questions))
    wanted = Assignment(name, ids, asked)
    if not ids and not asked:
        wanted = course.assignment(name)
    elif name in course.assignments:
        if course.assignments[name] != wanted:
            raise UsageError(
                Text(
                    f"{shown(course.folder / FILE)}: '{name}' has other exercises or questions",
                    f"{shown(course.folder / FILE)}：'{name}' 的练习或问题与此不同",
                ),
                Text(
                    f"edit that file, then run: practice course release {name} --force",
                    f"请修改该文件，再运行：practice course release {name} --force",
                ),
            )
    else:
        course = _append(course, wanted)
    course.require(wanted)
    for id in wanted.exercises:
        course.catalogue.get(id)
    for id in wanted.questions:
        if course.bank.rubric(id) is None:
            raise UsageError(
                Text(f"the question '{id}' has no rubric", f"问题 '{id}' 没有评分标准"),
                Text("choose another, or write one: docs/questions.md", "请换一个，或参照 docs/questions.md 编写"),
            )
    return course, wanted


def write(course: Course, assignment: Assignment, *, force: bool = False) -> Released:
    """The source notebooks and the plain files. A notebook that is there stays as it is, unless `force`."""
    written, kept = [], []
    for path, text in _files(course, assignment):
        data = text.encode() if isinstance(text, str) else text
        try:
            if path.parent.parent.name == SOURCE and path.exists() and path.read_bytes() != data and not force:
                kept.append(path)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            sweep(path.parent)
            replace(path, data)
        except OSError as error:
            raise cannot_write(path, error) from None
        written.append(path)
    return Released(tuple(written), tuple(kept))


def generate(course: Course, assignment: Assignment) -> None:
    """nbgrader's own `generate_assignment`. UsageError with its words."""
    nbgrader(course, "generate_assignment", assignment.name, "--force")


def publish(course: Course, assignment: Assignment) -> None:
    """nbgrader's own `release_assignment`, into the exchange. UsageError with its words."""
    nbgrader(course, "release_assignment", assignment.name, "--force")


def _files(course: Course, assignment: Assignment) -> Iterator[tuple[Path, str | bytes]]:
    from grader.course.notebooks import exercise_notebook, question_file, questions_notebook, written

    source, handout = (course.folder / half / assignment.name for half in (SOURCE, HANDOUT))
    for id in assignment.exercises:
        exercise = course.catalogue.get(id)
        yield source / f"{id}.ipynb", written(exercise_notebook(exercise, course.points(id)))
        yield handout / f"{id}.py", read_bytes(exercise.stub_file)
        for language in LANGUAGES:
            yield handout / f"{id}.{language}.md", _told(course, id, language)
    questions = [course.bank.questions[id] for id in assignment.questions]
    if questions:
        yield source / f"{QUESTIONS}.ipynb", written(questions_notebook(questions))
    for question in questions:
        yield handout / f"{question.id}.md", question_file(question)


def _told(course: Course, id: str, language: str) -> str:
    """The statement, and what the checks are worth."""
    from grader.content import statement

    told = statement(course.catalogue.get(id), "zh" if language == "zh" else "en")
    points = course.points(id)
    worth = Text("Points", "分值").say("zh" if language == "zh" else "en")
    table = "\n".join(f"- `{name}`: {each:g}" for name, each in points.items())
    return f"{told.opening}\n\n{told.body}\n\n## {worth}: {sum(points.values()):g}\n\n{table}\n"


def _append(course: Course, assignment: Assignment) -> Course:
    """course.yaml with one assignment more, at its end; its other lines stay as they are."""
    file = (course.folder / FILE).resolve()  # where it is a link, what it leads to is replaced
    if not NAME.fullmatch(assignment.name):
        raise UsageError(
            Text(f"'{assignment.name}' cannot name an assignment", f"'{assignment.name}' 不能用作作业名"),
            Text(
                "letters, digits, '_', '-', '.' and spaces, a letter or digit first",
                "可用字母、数字、'_'、'-'、'.' 和空格，以字母或数字开头",
            ),
        )
    block = "".join(
        f"    {key}: [{', '.join(ids)}]\n"
        for key, ids in (("exercises", assignment.exercises), ("questions", assignment.questions))
        if ids
    )
    try:
        before = file.read_bytes()
        newline = b"" if before.endswith(b"\n") else b"\n"
        replace(file, before + newline + f"  {json.dumps(assignment.name)}:\n{block}".encode())
        try:
            after = Course.open(course.folder, course.roots)
            if after.assignments == {**course.assignments, assignment.name: assignment}:
                return after
        except UsageError:
            pass
        replace(file, before)
    except OSError as error:
        raise cannot_write(file, error) from None
    raise UsageError(
        Text(f"{shown(file)}: `assignments` is not its last key", f"{shown(file)}：`assignments` 不是最后一个键"),
        Text("move it to the end of the file", "请把它移到文件末尾"),
    )
