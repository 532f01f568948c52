"""Results as an instructor gets them: sources, right and wrong, graded for real, under many students' names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from shutil import which

import pytest
from course_ground import DIVIDES, GOOD_ANSWER, IN_PLACE, RIGHT

from grader.content import scaffold
from grader.course.course import Assignment, Course
from grader.course.grading import grade_part
from grader.course.handed import Handed
from grader.course.report import Part
from grader.course.result import PartKind, Result

NAME, EXERCISE, QUESTION = "week 3", "scale", "gan"
ASSIGNMENT = Assignment(NAME, (EXERCISE,), (QUESTION,))
WHEN = datetime(2026, 3, 1, 12, tzinfo=UTC)
POOR_ANSWER = "It is a kind of network that makes pictures."
NO_PYTHON = "def scale(x, *, factor:\n  <<<<<"
# Long enough to say something, and of one hand.
LONG = """\
import torch


def scale(x, *, factor):
    rows = []
    for row in x.reshape(-1):
        total = row * 0
        for part in (row, -row, row):
            total = total + part * factor
        rows.append(total)
    if not rows:
        return x * factor
    return torch.stack(rows).reshape(x.shape).to(x.dtype)
"""
RENAMED = """\
# all my own work
import torch as t0


def scale(data, *, factor):
    \'\'\'Scale it.\'\'\'
    out = []
    for v in data.reshape(-1):   # each number
        s = v * 0
        for piece in (v, -v, v):
            s = s + piece * factor
        out.append(s)
    if not out: return data * factor
    return t0.stack(out).reshape(data.shape).to(data.dtype)
"""


@dataclass
class Book:
    """A course, and everything that was graded in it; each source is graded once."""

    course: Course
    _known: dict[tuple[str, str | None], Result] = field(default_factory=dict)

    def result(self, student: str, source: str | None, part: str = EXERCISE) -> Result:
        """One part through the real grader; None: nothing was handed in."""
        kind: PartKind = "question" if part == QUESTION else "exercise"
        if (part, source) not in self._known:
            path = None if source is None else Path(f"{part}.py")
            digest = sha256((source or "").encode(errors="replace")).hexdigest()
            handed = Handed(part, kind, source, digest, (), path, WHEN)
            self._known[part, source] = grade_part(handed, "nobody", ASSIGNMENT, self.course)
        found = self._known[part, source]
        assert found.outcome != "broken", found.fault
        return replace(found, student=student)

    def cohort(self) -> Iterator[Result]:
        """Ten students: three right, three who divide, one in place, one long, one no Python, one absent."""
        code = {
            "ada": RIGHT, "ben": RIGHT, "chen": RIGHT, "dana": DIVIDES, "emil": DIVIDES, "fatima": DIVIDES,
            "goran": IN_PLACE, "hana": LONG, "ines": NO_PYTHON, "jun": None,
        }  # fmt: skip
        for student, source in code.items():
            yield self.result(student, source)
            answer = None if source is None else POOR_ANSWER if student in ("dana", "ines") else GOOD_ANSWER
            yield self.result(student, answer, QUESTION)

    def parts(self) -> list[Part]:
        """The parts as the command makes them of the course."""
        exercise = self.course.catalogue.get(EXERCISE)
        stub = exercise.stub_file.read_text(encoding="utf-8")
        question = self.course.bank.questions[QUESTION]
        return [Part(EXERCISE, "exercise", exercise.title, (stub,)), Part(QUESTION, "question", question.prompt)]


@contextmanager
def graded_book(folder: Path, runtime: Path) -> Iterator[Book]:
    """A course of `scale` and a question on GANs, graded by the daemon of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRACTICE_RUNTIME_DIR", str(runtime))
        yield _laid(folder)


def _laid(folder: Path) -> Book:
    content = folder / "content"
    for half in ("exercises", "solutions"):
        (content / half).mkdir(parents=True)
    scaffold(EXERCISE, content)
    (folder / "course.yaml").write_text(
        f"content: [content]\nassignments:\n  {NAME}:\n    exercises: [{EXERCISE}]\n    questions: [{QUESTION}]\n",
        encoding="utf-8",
    )
    return Book(Course.open(folder))


class Page(HTMLParser):
    """The elements of a page with their attributes, and its text; elements left open are an error."""

    VOID = frozenset({"meta"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def chromium() -> str:
    """The browser; the test is skipped where there is none."""
    found = which("chromium") or which("chromium-browser") or which("google-chrome")
    if found is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    return found
