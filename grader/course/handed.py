"""What one student handed in for an assignment, made ready to be graded.

Each part is looked for as a notebook (`ID.ipynb`; answers in `questions.ipynb`), then as a plain file (`ID.py`,
`ID.md`). A part handed in both ways counts as the notebook, unless nothing was done in it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from grader.course.course import QUESTIONS, Assignment, Course
from grader.course.extraction import Code, counted, without_magics
from grader.course.folders import TIMESTAMP, read_file, submitted_at, unreadable_folder
from grader.course.integrity import SHORTEN, Cell, Notebook, compare, read_notebook, shown_name, unreadable
from grader.course.notebooks import PLACEHOLDER, answer_of, exercise_notebook, grade_id, questions_notebook
from grader.course.result import Note, PartKind
from grader.daemon.client import SUBMISSION_LIMIT
from grader.errors import Text

NOTEBOOK_LIMIT = 16 * 1024 * 1024
SET_ASIDE = ".set-aside"  # what a link is renamed to, so that nbgrader does not follow it
_KNOWN = {TIMESTAMP, "submission_secret.txt", "__pycache__"}
_MOST_NAMES = 10
_MOST_ENTRIES = 10_000


@dataclass(frozen=True, slots=True)
class Handed:
    """One part of a submission. `source` is the code, or the answer; None where there is none that can be graded.

    `sha256` changes with what is graded and with the notes. `path` is None where nothing was handed in.
    """

    part: str
    kind: PartKind
    source: str | None
    sha256: str
    notes: tuple[Note, ...]
    path: Path | None
    submitted: datetime | None


@dataclass(frozen=True, slots=True)
class _Found:
    """What one file holds for one part."""

    path: Path
    source: str | None
    notes: tuple[Note, ...] = ()


def handed_in(folder: Path, course: Course, assignment: Assignment) -> list[Handed]:
    """One for every part of the assignment, also where it is missing; `folder` need not exist. Nothing that a student
    did raises an error: it becomes a note. PracticeError where exercises or the released notebooks are wrong.
    """
    if (note := unreadable_folder(folder)) is not None:
        return [_handed(part, kind, _Found(folder, None, (note,)), (), None) for part, kind in assignment.parts]
    about = tuple(_about_folder(folder, assignment))
    submitted, late = submitted_at(folder)
    about += late
    handed: list[Handed] = []
    questions = None
    for part, kind in assignment.parts:
        name = QUESTIONS if kind == "question" else part
        if name == QUESTIONS:
            questions = questions or _notebook(folder, course, assignment, QUESTIONS)
            read = questions
        else:
            read = _notebook(folder, course, assignment, part)
        found = _chosen(part, kind, read, _plain(folder, part, kind), course)
        # what is said of the folder is said once, and wherever a part is missing
        handed.append(_handed(part, kind, found, about if found is None or not handed else (), submitted))
    return handed


def released_notebook(course: Course, assignment: Assignment, name: str) -> NotebookNode:
    """A notebook as it was handed out; where nbgrader has not made it, as it would be. PracticeError."""
    path = course.folder / "release" / assignment.name / f"{name}.ipynb"
    try:
        on_disk = path.stat()
        made = _read_released(path, on_disk.st_mtime_ns, on_disk.st_size)
    except (OSError, ValueError):
        if name == QUESTIONS:
            return questions_notebook(course.bank.questions[id] for id in assignment.questions)
        return exercise_notebook(course.catalogue.get(name), course.points(name))
    return made


@lru_cache(maxsize=32)
def _read_released(path: Path, _modified: int, _size: int) -> NotebookNode:
    """The same for each student of a cohort; nobody writes to it."""
    made: NotebookNode = nbformat.read(path, as_version=4)
    return made


def read_notebook_file(path: Path) -> Notebook | Note | None:
    """A notebook that was handed in; a note where it cannot be read, None where there is none."""
    data = read_file(path, NOTEBOOK_LIMIT)
    return read_notebook(data) if isinstance(data, bytes) else data


# ------------------------------------------------------------------------ one part


def _handed(
    part: str, kind: PartKind, found: _Found | None, about: tuple[Note, ...], submitted: datetime | None
) -> Handed:
    notes = tuple(dict.fromkeys((*(found.notes if found else ()), *about)))
    source = found.source if found else None
    said = json.dumps([source, [[note.kind, note.text.en] for note in notes]])
    digest = sha256(said.encode()).hexdigest()
    return Handed(part, kind, source, digest, notes, found.path if found else None, submitted)


@dataclass(frozen=True, slots=True)
class _Read:
    """A notebook that is there: its cells, or why there are none."""

    path: Path
    notebook: Notebook | None
    released: NotebookNode
    notes: tuple[Note, ...]


def _notebook(folder: Path, course: Course, assignment: Assignment, name: str) -> _Read | None:
    path = folder / f"{name}.ipynb"
    read = read_notebook_file(path)
    if read is None:
        return None
    released = released_notebook(course, assignment, name)
    if isinstance(read, Note):
        return _Read(path, None, released, (read,))
    return _Read(path, read, released, tuple(compare(read, released)))


def _chosen(part: str, kind: PartKind, read: _Read | None, plain: _Found | None, course: Course) -> _Found | None:
    """The notebook's or the plain file's."""
    if read is None:
        return plain
    notebook = _from_notebook(part, kind, read, course)
    if plain is None:
        return notebook
    untouched = notebook.source is None or _untouched(part, kind, read, notebook.source)
    chosen, other = (plain, notebook) if untouched and plain.source is not None else (notebook, plain)
    twice = Note(
        "twice",
        Text(
            f"Handed in twice: {chosen.path.name} was graded, {other.path.name} was not.",
            f"提交了两份：评的是 {chosen.path.name}，没有评 {other.path.name}。",
        ),
    )
    return _Found(chosen.path, chosen.source, (*chosen.notes, twice))


def _untouched(part: str, kind: PartKind, read: _Read, source: str) -> bool:
    """Whether a notebook holds what was handed out."""
    if kind == "question":
        return not source
    stub = next((str(cell.source) for cell in read.released.cells if grade_id(cell) == part), "")
    return source.strip() in ("", stub.strip())


def _from_notebook(part: str, kind: PartKind, read: _Read, course: Course) -> _Found:
    if read.notebook is None:
        return _Found(read.path, None, read.notes)
    if kind == "question":
        # what concerns another question's cell is said there
        answer = _answer(part, read.notebook)
        return _Found(read.path, answer, read.notes)
    if sum(len(cell.source) for cell in read.notebook.cells) > SUBMISSION_LIMIT:
        return _Found(
            read.path, None, (*read.notes, unreadable("more than 1 MiB of source", "源代码超过 1 MiB", SHORTEN))
        )
    code = _code(part, read.notebook, read.released, {entry.name for entry in course.catalogue.get(part).entries})
    return _Found(read.path, code.source, (*read.notes, *_left_out(code)))


def _answer(part: str, notebook: Notebook) -> str:
    texts = (cell.source.replace(PLACEHOLDER, "").strip() for cell in notebook.cells if cell.id == part)
    return "\n\n".join(text for text in texts if text)


def _code(part: str, notebook: Notebook, released: NotebookNode, entries: set[str]) -> Code:
    """All code of a notebook apart from its tests: see `extraction`."""
    locked = {grade_id(cell): cell.source.strip() for cell in released.cells if grade_id(cell) not in ("", part)}
    cells, left_out = list[tuple[str, bool]](), list[Text]()
    for cell in notebook.cells:
        if cell.id in locked or not (cell.type == "code" or cell.id == part) or _is_test(cell, locked):
            continue
        plain = without_magics(cell.source)
        cells.append((plain.source, cell.id == part))
        left_out += plain.left_out
    code = counted(cells, entries)
    return Code(code.source, (*left_out, *code.left_out))


def _is_test(cell: Cell, locked: dict[str, str]) -> bool:
    """A copy of a test that has lost its id."""
    return bool(cell.source.strip()) and cell.source.strip() in locked.values()


def _left_out(code: Code) -> Iterator[Note]:
    if code.left_out:
        lines = "; ".join(shown_name(text.en) for text in code.left_out[:5])
        more = "" if len(code.left_out) <= 5 else " ..."
        yield Note("left-out", Text(f"Lines that were left out: {lines}{more}", f"略去的行：{lines}{more}"))


def plain_name(part: str, kind: PartKind) -> str:
    """The plain file that a part may be handed in as."""
    return f"{part}.{'md' if kind == 'question' else 'py'}"


def _plain(folder: Path, part: str, kind: PartKind) -> _Found | None:
    path = folder / plain_name(part, kind)
    data = read_file(path, SUBMISSION_LIMIT)
    if data is None:
        return None
    if isinstance(data, Note):
        return _Found(path, None, (data,))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        why = Text(
            "Not graded: it is not text in UTF-8. Save it as UTF-8.", "没有评分：不是 UTF-8 文本。请存为 UTF-8。"
        )
        return _Found(path, None, (Note("unreadable", why),))
    if kind == "exercise":
        return _Found(path, text)
    answer = answer_of(text)
    return _Found(path, text.strip() if answer is None else answer)


# ------------------------------------------------------------------------ files and folders


def _about_folder(folder: Path, assignment: Assignment) -> Iterator[Note]:
    """Notes on what lies in the folder and is no part of the assignment."""
    names = {f"{name}.ipynb" for name in assignment.notebooks}
    names |= {plain_name(part, kind) for part, kind in assignment.parts}
    links, strays = [], []
    for index, (entry, inside) in enumerate(_entries(folder)):
        if index >= _MOST_ENTRIES:
            break
        regular = entry.is_file(follow_symlinks=False) or entry.is_dir(follow_symlinks=False)
        if not regular or entry.name.endswith(SET_ASIDE):
            links.append(entry.name.removesuffix(SET_ASIDE))
        elif not (inside or entry.name in names or entry.name in _KNOWN or entry.name.startswith(".")):
            strays.append(entry.name)
    for kind, found, said in (
        ("link", links, Text("Links and pipes are not read: {}.", "不会读取链接和管道：{}。")),
        (
            "stray",
            strays,
            Text("Not looked at, as no part has this name: {}.", "没有查看，因为没有这个名字的部分：{}。"),
        ),
    ):
        if found:
            listed = ", ".join(shown_name(name) for name in sorted(found)[:_MOST_NAMES])
            listed += " ..." if len(found) > _MOST_NAMES else ""
            yield Note(kind, Text(said.en.replace("{}", listed), said.zh.replace("{}", listed)))


def _entries(folder: Path) -> Iterator[tuple[os.DirEntry[str], bool]]:
    """Everything below a folder, and whether it lies in a folder of its own. What cannot be listed is empty."""
    waiting = [str(folder)]
    while waiting:
        here = waiting.pop()
        try:
            with os.scandir(here) as entries:
                for entry in entries:
                    yield entry, here != str(folder)
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except OSError:
            continue
