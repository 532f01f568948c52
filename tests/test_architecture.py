"""Imports point one way, and nothing of the trusted side comes to lie in a worker's memory (docs/architecture.md)."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import grader

PACKAGE = Path(grader.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST = 400

# Part of the package -> the parts that it may import. A part may always import itself.
BOTTOM = {"errors", "faults", "verdict"}
MAY_IMPORT = {
    "errors": set(),
    "faults": {"errors"},
    "verdict": {"errors"},
    "wire": BOTTOM,
    "confine": BOTTOM,
    "content": BOTTOM,
    "worker": {"wire", "confine", "faults", "errors"},
    "exam": {"content", "wire", "confine", *BOTTOM},
    "journal": BOTTOM,
    "daemon": {"exam", "content", "confine", *BOTTOM},
    "answers": {"content", *BOTTOM},
    "interview": {"answers", "journal", "content", *BOTTOM},
    "course": {"daemon", "journal", "answers", "exam", "content", "confine", *BOTTOM},
    "cli": {"course", "interview", "answers", "daemon", "journal", "exam", "content", "confine", *BOTTOM},
    "": {"daemon", *BOTTOM},  # grader/__init__.py: the library's own face
}
# What a file may import though its part may not, with the reason.
EXEMPT = {
    ("exam/authoring.py", "daemon.client"): "reads the file of `pytest --submission` as `practice run` does",
    ("exam/supply.py", "worker.nursery"): "names the program that it starts, and imports nothing of it",
}


def imports_of(source: str) -> Iterator[str]:
    """Every module of the package that the source names in an import, wherever in the file, also for types only."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where they lead"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and re.fullmatch(r"grader(\.\w+)+", node.value)
        ):
            yield node.value  # importlib.import_module("grader.exam"), python -m grader.worker.nursery


def part_of(path: Path) -> str:
    inside = path.relative_to(PACKAGE).parts
    return inside[0] if len(inside) > 1 else inside[0].removesuffix(".py").removesuffix("__init__")


def wrong_imports(path: Path, source: str) -> list[str]:
    own, name = part_of(path), path.relative_to(PACKAGE).as_posix()
    allowed = MAY_IMPORT[own]
    wrong = []
    for imported in imports_of(source):
        if imported.partition(".")[0] != "grader":
            continue
        inside = imported.removeprefix("grader").lstrip(".")
        part = inside.partition(".")[0]
        exempt = any(name == file and inside.startswith(what) for file, what in EXEMPT)
        if part not in {own, *allowed} and not exempt:
            wrong.append(f"{name} imports {imported}")
    return wrong


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
class TestEachModule:
    def test_imports_only_what_lies_below_it(self, path: Path) -> None:
        assert wrong_imports(path, path.read_text(encoding="utf-8")) == []

    def test_can_be_read_in_one_go(self, path: Path) -> None:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("worker/serve.py", "from grader.exam import link"),
        ("worker/serve.py", "import grader.content"),
        ("worker/bans.py", "def late():\n    from grader.daemon.client import grade"),
        ("wire/frames.py", "from grader.confine import probe"),
        ("content/schema.py", "from grader.exam.checks import check"),
        ("exam/link.py", "from grader.daemon.client import run"),
        ("exam/link.py", "from grader.worker.serve import Server"),
        ("faults.py", "from grader.verdict import Verdict"),
        ("confine/trial.py", "import importlib\nimportlib.import_module('grader.exam.link')"),
        ("daemon/host.py", "from grader.cli.common import main"),
    ],
)
def test_a_wrong_direction_is_seen(file: str, source: str) -> None:
    assert wrong_imports(PACKAGE / file, source)


def test_no_part_is_forgotten() -> None:
    assert {part_of(path) for path in MODULES} <= MAY_IMPORT.keys()


def test_exemptions_are_needed() -> None:
    for file, what in EXEMPT:
        assert any(name.startswith(f"grader.{what}") for name in imports_of((PACKAGE / file).read_text())), file


@pytest.mark.parametrize("path", sorted((PACKAGE / "wire").glob("*.py")), ids=lambda path: path.name)
def test_the_wire_runs_nothing_that_came_over_it(path: Path) -> None:
    dangerous_modules = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "copyreg", "code", "subprocess"}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert not {alias.name.partition(".")[0] for alias in node.names} & dangerous_modules
        elif isinstance(node, ast.ImportFrom):
            assert (node.module or "").partition(".")[0] not in dangerous_modules
        elif isinstance(node, ast.Name):
            assert node.id not in {"eval", "exec", "compile", "__import__"}
        elif isinstance(node, ast.Attribute):
            loads = isinstance(node.value, ast.Name) and node.value.id == "torch" and node.attr in {"load", "save"}
            assert not loads


def loaded_by(statement: str) -> set[str]:
    """The modules that a fresh interpreter holds after the statement."""
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True, timeout=120)
    return set(done.stdout.split())


def test_the_worker_has_nothing_of_the_trusted_side_in_its_memory() -> None:
    loaded = {name for name in loaded_by("import grader.worker.nursery") if name.partition(".")[0] == "grader"}
    assert {name.split(".")[1] for name in loaded if "." in name} == {"worker", "wire", "confine", "faults", "errors"}


@pytest.mark.parametrize(
    "module",
    ["grader", "grader.daemon.client", "grader.content", "grader.verdict", "grader.confine", "grader.exam.plugin"],
)
def test_what_a_client_imports_is_light(module: str) -> None:
    heavy = {"torch", "numpy", "hypothesis", "yaml", "grader.exam.examine"}
    heavy |= {"pytest"} if module != "grader.exam.plugin" else {"grader.exam.checks"}
    assert loaded_by(f"import {module}") & heavy == set()


@pytest.mark.parametrize("used", ["from grader import grade, Verdict", "import grader.cli, grader.cli.app"])
def test_neither_the_library_nor_the_command_line_needs_torch_or_pytest(used: str) -> None:
    assert not loaded_by(used) & {"torch", "pytest", "numpy", "hypothesis"}


# Who may ask what time it is by the wall clock: to write it down, never to wait or to judge by. It may jump.
WALL_CLOCK = {
    "journal/entries.py": "when an entry was made",
    "interview/session.py": "when an interview was held",
    "course/grading.py": "when a part was graded",
    "course/cluster.py": "from when to when a certificate holds",
    "cli/workspace.py": "the name of a backup",
    "cli/course_output.py": "the date of a report",
}
_ASKS = {("time", "time"), ("time", "time_ns"), ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today")}
_ASKS |= {("date", "today"), ("time", "localtime"), ("time", "gmtime")}


def asks_the_wall_clock(source: str) -> bool:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
            if (owner, node.attr) in _ASKS:
                return True
        elif isinstance(node, ast.ImportFrom) and {(str(node.module), alias.name) for alias in node.names} & _ASKS:
            return True
    return False


def test_no_deadline_hangs_on_the_wall_clock() -> None:
    asking = {path.relative_to(PACKAGE).as_posix() for path in MODULES if asks_the_wall_clock(path.read_text("utf-8"))}
    assert asking == set(WALL_CLOCK)


@pytest.mark.parametrize(
    "source", ["time.time() - began", "datetime.datetime.now()", "from time import time", "date.today()"]
)
def test_who_asks_the_wall_clock_is_seen(source: str) -> None:
    assert asks_the_wall_clock(source)
