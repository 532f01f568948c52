"""A small course on real nbgrader, for all tests of courses: a folder, an exchange, and students who hand in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from grader.content import scaffold
from grader.course.course import Course

BIN = Path(sys.executable).parent
ASSIGNMENT = "ps1"
COURSE_ID = "course"

# `scale` is the scaffold's exercise: multiply by a factor, leave the input alone. Two checks, quickly run.
RIGHT = "def scale(x, *, factor):\n    return x * factor\n"
DIVIDES = "def scale(x, *, factor):\n    return x / factor\n"
IN_PLACE = "def scale(x, *, factor):\n    return x.mul_(factor)\n"  # right but for one check
GOOD_ANSWER = (
    "A GAN trains two networks against each other: a generator turns noise into samples, and a discriminator tries to "
    "tell the samples from real data. The generator gets its gradients through the discriminator and learns to fool "
    "it; at the optimum the generated distribution equals that of the data."
)


@dataclass(frozen=True)
class Ground:
    """One course below `root`, with a home, a runtime folder and an exchange of its own."""

    root: Path
    runtime: Path  # where the daemon listens: shared by all tests, its path is short
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.root / COURSE_ID

    @property
    def content(self) -> Path:
        """A content root with `scale`; the kit's own exercises and questions are there as well."""
        return self.root / "content"

    @property
    def exchange(self) -> Path:
        return self.root / "exchange"

    @property
    def course(self) -> Course:
        return Course.open(self.folder)

    @property
    def variables(self) -> dict[str, str]:
        """The environment of every command."""
        return {
            # without this environment's own folder: the commands must work where it was not activated
            "PATH": os.pathsep.join(one for one in os.environ["PATH"].split(os.pathsep) if one != str(BIN)),
            "HOME": str(self.root / "home"),
            "PRACTICE_RUNTIME_DIR": str(self.runtime),
            "JUPYTER_PLATFORM_DIRS": "1",
            **self.environment,
        }

    def lay(self) -> Ground:
        """Content, exchange and the course's folder, by the real command."""
        (self.root / "home").mkdir(parents=True)
        self.exchange.mkdir()
        self.exchange.chmod(0o777)
        for half in ("exercises", "solutions"):
            (self.content / half).mkdir(parents=True)
        scaffold("scale", self.content)
        self.practice("course", "init", self.folder, "--content", self.content, "--exchange", self.exchange)
        return self

    def copied(self, root: Path, *ignored: str) -> Ground:
        """The same below another root, without what `ignored` matches."""
        shutil.copytree(self.root, root, symlinks=True, ignore=shutil.ignore_patterns(*ignored))
        copy = Ground(root, self.runtime, self.environment)
        for file in (copy.folder / "course.yaml", copy.folder / "nbgrader_config.py"):
            file.write_text(file.read_text(encoding="utf-8").replace(str(self.root), str(root)), encoding="utf-8")
        return copy

    def release(self, exercises: str = "scale", questions: str = "gan", name: str = ASSIGNMENT) -> Path:
        """Hand an assignment out; the folder of its release."""
        asked = ["--questions", questions] if questions else []
        made = ["--exercises", exercises] if exercises else []
        self.practice("course", "release", name, *made, *asked, "--no-exchange", cwd=self.folder)
        return self.folder / "release" / name

    def practice(self, *words: str | Path, status: int | None = 0, cwd: Path | None = None) -> str:
        """The real command; both of its streams. `status`: what it must end with, None for whatever it is."""
        return self._run(self.command(*words), cwd or self.root, status)

    @staticmethod
    def command(*words: str | Path) -> list[str]:
        """What `practice` runs."""
        return [str(BIN / "practice"), *map(str, words)]

    def nbgrader(self, *words: str | Path, status: int | None = 0, cwd: Path | None = None) -> str:
        """The real nbgrader in the course's folder, or as a student in `cwd`."""
        return self._run([sys.executable, "-m", "nbgrader", *map(str, words)], cwd or self.folder, status)

    def _run(self, command: list[str], cwd: Path, status: int | None) -> str:
        done = subprocess.run(
            command, cwd=cwd, env=self.variables, capture_output=True, text=True, encoding="utf-8", timeout=400,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        assert status is None or done.returncode == status, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    # ------------------------------------------------------------------------ students

    def submitted(self, student: str, name: str = ASSIGNMENT) -> Path:
        """The folder of what a student handed in."""
        folder = self.folder / "submitted" / student / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def scores(self, student: str, name: str = ASSIGNMENT) -> dict[str, float]:
        """What the gradebook has for each check of a student."""
        from nbgrader.api import Gradebook  # tests without nbgrader are skipped after this file is read

        with Gradebook(f"sqlite:///{self.folder / 'gradebook.db'}") as book:
            notebooks = book.find_submission(name, student).notebooks
            return {grade.name: grade.score for notebook in notebooks for grade in notebook.grades}

    def notebook(self, part: str, name: str = ASSIGNMENT) -> NotebookNode:
        """A notebook as it was handed out."""
        return nbformat.read(self.folder / "release" / name / f"{part}.ipynb", as_version=4)

    def hand_in(
        self,
        student: str,
        code: str | None = None,
        *,
        part: str = "scale",
        name: str = ASSIGNMENT,
        change: Callable[[NotebookNode], object] = lambda _notebook: None,
    ) -> Path:
        """A student's notebook with `code` in the cell of the answer, after `change`; the file."""
        notebook = self.notebook(part, name)
        if code is not None:
            cell_of(notebook, part).source = code
        change(notebook)
        path = self.submitted(student, name) / f"{part}.ipynb"
        path.write_text(nbformat.writes(notebook), encoding="utf-8")
        return path

    def answer(self, student: str, answers: Mapping[str, str], name: str = ASSIGNMENT) -> Path:
        """A student's notebook of questions."""
        notebook = self.notebook("questions", name)
        for id, text in answers.items():
            cell_of(notebook, id).source = text
        path = self.submitted(student, name) / "questions.ipynb"
        path.write_text(nbformat.writes(notebook), encoding="utf-8")
        return path


def cell_of(notebook: NotebookNode, id: str) -> NotebookNode:
    """The cell with nbgrader's id."""
    return next(cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == id)
