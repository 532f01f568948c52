"""One cohort for the tests that want to see an instructor's day: notebooks, plain files, both, and what no editor
opens. Graded once by plain `nbgrader autograde`, once by `practice course grade`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_ground import ASSIGNMENT, BIN, DIVIDES, GOOD_ANSWER, IN_PLACE, RIGHT, Ground
from nbgrader.api import Gradebook

MEGABYTE = 1 << 20
OWNED = "document.title='owned'"
SCRIPT = f"<script>{OWNED}</script>"
HOSTILE = f"<img src=x onerror={OWNED}>"  # a name: no '/' can be in it
RAISES = f"def scale(x, *, factor):\n    raise ValueError({SCRIPT!r})\n"
LARGE = {"large-file": 200, "large-output": 50}  # megabytes
CELLS = 100_000
MANY = "many-cells"
# Nobody among these handed in a notebook for everything; what each earns of `scale` is known.
EARNS = {"aaa-first": 4.0, "plain": 2.0, "mixed": 4.0, "link": 0.0, HOSTILE: 0.0, "zzz-last": 3.0}


def lay(ground: Ground) -> None:
    """Everything that was handed in."""
    ground.hand_in("aaa-first", RIGHT)
    ground.answer("aaa-first", {"gan": GOOD_ANSWER})
    _plain(ground, "plain", "scale.py", DIVIDES)
    handout = ground.folder / "handout" / ASSIGNMENT / "gan.md"
    _plain(ground, "plain", "gan.md", handout.read_text(encoding="utf-8") + GOOD_ANSWER)
    ground.hand_in("mixed", RIGHT)
    _plain(ground, "mixed", "gan.md", GOOD_ANSWER)
    (ground.submitted("link") / "scale.py").symlink_to(ground.submitted("plain") / "scale.py")
    ground.hand_in(HOSTILE, RAISES)
    ground.answer(HOSTILE, {"gan": f"{GOOD_ANSWER}\n\n{SCRIPT}\n\n[x](javascript:{OWNED}) {HOSTILE}"})
    ground.submitted("nothing")
    for student, megabytes in LARGE.items():
        _with_output(ground.hand_in(student, RIGHT), megabytes)
    _with_cells(ground.hand_in(MANY, RIGHT), CELLS)
    ground.hand_in("zzz-last", IN_PLACE)


def _plain(ground: Ground, student: str, name: str, text: str) -> None:
    (ground.submitted(student) / name).write_text(text, encoding="utf-8")


def _with_output(path: Path, megabytes: int) -> None:
    """A real notebook, with one output that is as large; never whole in memory."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    code = next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    code["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "HERE"}]
    before, after = json.dumps(notebook).split("HERE")
    with path.open("w", encoding="utf-8") as file:
        file.write(before)
        for _ in range(megabytes):
            file.write("x" * MEGABYTE)
        file.write(after)


def _with_cells(path: Path, count: int) -> None:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    notebook["cells"] += [{"cell_type": "markdown", "id": str(n), "metadata": {}, "source": ""} for n in range(count)]
    path.write_text(json.dumps(notebook), encoding="utf-8")


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit status, both of its streams, and the most memory that it had."""

    status: int
    said: str
    megabytes: float


# A process counts what its parent had in memory when it forked: the one to be measured needs a small parent.
MEASURE = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL)
_, status, used = os.wait4(process.pid, 0)
with open(sys.argv[1], "w") as file:
    file.write(f"{os.waitstatus_to_exitcode(status)} {used.ru_maxrss / 1024}")
"""


def measured(ground: Ground, *words: str) -> Ended:
    """A command in the course's folder: `nbgrader ...` or `practice ...`."""
    program = [sys.executable, "-m", "nbgrader"] if words[0] == "nbgrader" else [str(BIN / words[0])]
    told = ground.root / "measured"
    done = subprocess.run(
        [sys.executable, "-S", "-c", MEASURE, str(told), *program, *words[1:]], cwd=ground.folder, env=ground.variables,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", check=True,
    )  # fmt: skip
    status, megabytes = told.read_text(encoding="utf-8").split()
    return Ended(int(status), done.stdout, float(megabytes))


def marks(ground: Ground) -> dict[str, dict[str, Any]]:
    """The score of each cell of each student in the gradebook."""
    with Gradebook(f"sqlite:///{ground.folder / 'gradebook.db'}") as book:
        return {
            submission.student.id: {
                grade.name: grade.score for notebook in submission.notebooks for grade in notebook.grades
            }
            for submission in book.assignment_submissions(ASSIGNMENT)
        }


def scale_of(found: dict[str, Any]) -> float:
    """What a student got for the exercise."""
    return float(sum(score for name, score in found.items() if name.startswith("test_")))
