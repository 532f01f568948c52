"""Hostile submissions of tests/hostile, as notebooks, through real nbgrader. nbgrader's own autograde runs them in the
student's kernel: there such a submission writes its own marks, and those of others.
"""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest
from course_ground import ASSIGNMENT, Ground, cell_of

from grader.content import builtin_root

sys.path.append(str(Path(__file__).parents[1] / "hostile"))
ENTRY = importlib.import_module("hostile_entry")
TABLES = {
    "exits": (
        "sys.exit in a call", "os._exit(0) at import", "a crash in a call", "pytest.skip", "unittest.SkipTest",
        "hypothesis UnsatisfiedAssumption", "KeyboardInterrupt", "exit handlers", "an excepthook",
    ),
    "tampering": (
        "torch's comparators", "tensor methods", "builtins", "modules of the grader by name",
        "the server, by its frame", "the server, by the collector", "a claim that all is well",
    ),
    "reading": (
        "opens the kit's own reference", "lists the repository", "opens it by way of /proc", "runs a program",
        "a socket to the network", "a signal to everyone", "a file in the scratch folder", "a thread",
        "asks linecache",
    ),
}  # fmt: skip
CHOSEN = {
    f"{family}: {name}": getattr(importlib.import_module(f"hostile_{family}"), family.upper())[name]
    for family, names in TABLES.items()
    for name in names
}
# What a submission does in a notebook to the notebook's own surroundings.
OF_NOTEBOOKS = {
    "the gradebook": ENTRY.Hostile(
        ENTRY.in_call("import sqlite3\nsqlite3.connect('@SCRATCH@/gradebook.db').execute('delete from grade')")
    ),
    "another's notebook": ENTRY.Hostile(
        ENTRY.in_call("open('@SCRATCH@/submitted/zzz-honest/ps1/self_attention.ipynb', 'w').write('{}')")
    ),
    "the results": ENTRY.Hostile(ENTRY.at_import("open('@SCRATCH@/results.db', 'wb').truncate()")),
}
ALL = CHOSEN | {f"notebooks: {name}": entry for name, entry in OF_NOTEBOOKS.items()}
STUDENTS = {name: re.sub(r"\W+", "-", name) for name in ALL}
HONEST = "zzz-honest"
BRIEF = {"test_values", "test_gradients", "test_inputs_unchanged", "test_causal"}


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory, runtime: Path) -> Ground:
    ground = Ground(tmp_path_factory.mktemp("hostile") / "ground", runtime).lay()
    ground.release("self_attention", questions="")
    solutions = builtin_root()
    places = {
        "@SOLUTIONS@": solutions / "solutions", "@EXERCISES@": solutions / "exercises", "@KIT@": solutions,
        "@SCRATCH@": ground.folder, "@EXAMINER@": 1,
    }  # fmt: skip
    for name, entry in ALL.items():
        source = entry.source
        for word, place in places.items():
            source = source.replace(word, str(place))
        ground.hand_in(STUDENTS[name], source, part="self_attention")
    ground.hand_in(HONEST, (solutions / "solutions/self_attention/reference.py").read_text(), part="self_attention")
    ground.nbgrader("autograde", ASSIGNMENT)
    return ground


@pytest.mark.parametrize("name", ALL)
def test_it_gets_no_mark_that_it_has_not_earned(name: str, graded: Ground) -> None:
    earned = graded.scores(STUDENTS[name])
    allowed = ALL[name].earns or ENTRY.EMPTY
    assert {check for check, score in earned.items() if score and check in BRIEF} <= allowed
    assert sum(earned.values()) < sum(graded.course.points("self_attention").values()) / 3


@pytest.mark.parametrize("name", ALL)
def test_nothing_that_it_was_after_is_in_what_is_shown(name: str, graded: Ground) -> None:
    import nbformat

    path = graded.folder / "autograded" / STUDENTS[name] / ASSIGNMENT / "self_attention.ipynb"
    notebook = nbformat.read(path, as_version=4)
    said = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", ()))
    assert ENTRY.EVIDENCE not in said
    assert cell_of(notebook, "test_values").outputs[0].data["text/plain"] == "0.0"


def test_an_honest_answer_among_them_has_full_marks(graded: Ground) -> None:
    assert graded.scores(HONEST) == graded.course.points("self_attention")
