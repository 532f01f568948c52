"""The real command in a real process, as a user runs it, and the exercises that the tests give it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from grader.content import scaffold

PRACTICE = Path(sys.executable).with_name("practice")

RIGHT = """\
def scale(x, *, factor):
    return x * factor
"""
DIVIDES = """\
def scale(x, *, factor):
    print("factor is", factor)
    return x / factor
"""
# Loaded, and right but for one check.
IN_PLACE = """\
def scale(x, *, factor):
    return x.mul_(factor)
"""


@dataclass(frozen=True)
class Practice:
    """Runs `practice` in one folder, with a home, a runtime directory and a language of its own."""

    folder: Path
    content: Path
    runtime: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __call__(
        self, *words: str | Path, cwd: Path | None = None, timeout: float = 240, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words),
            cwd=cwd or self.folder,
            env={**self.variables, **environment},
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=timeout,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def graded(self, *words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """`practice run … --content`: of the tests' own exercises."""
        return self("run", *words, "--content", self.content, **environment)

    @staticmethod
    def command(*words: str | Path) -> list[str]:
        return [str(PRACTICE), *(str(word) for word in words)]

    @property
    def variables(self) -> dict[str, str]:
        return {
            "PATH": f"{PRACTICE.parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.folder),
            "PRACTICE_RUNTIME_DIR": str(self.runtime),
            **self.environment,
        }

    @property
    def attempt(self) -> Path:
        return self.folder / "attempts" / "scale.py"

    @property
    def journal(self) -> Path:
        return self.folder / ".local" / "share" / "practice"

    @property
    def graded_so_far(self) -> list[Path]:
        """The attempts that wait for the database: all of them until a command has opened it."""
        return sorted((self.journal / "inbox").glob("*.attempt.*.json"))

    def write(self, source: str | bytes, name: str = "scale") -> Path:
        """Stands for the candidate's editor."""
        path = self.folder / "attempts" / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(source if isinstance(source, bytes) else source.encode())
        return path


def make_content(root: Path) -> Path:
    """A root with `scale`, `brief` after it that gives a call half a second, `faulty` whose check is at fault."""
    for id in ("scale", "brief", "faulty"):
        scaffold(id, root)
    edit(root / "exercises/brief/exercise.yaml", "after: []", "after: [scale]\nlimits: {call_seconds: 0.5}")
    edit(
        root / "solutions/faulty/checks.py", "    scaled = candidate.scale(", "    [][0]\n    scaled = candidate.scale("
    )
    return root


def edit(path: Path, old: str, new: str) -> None:
    """Replace what must be there."""
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path} has no {old!r}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
