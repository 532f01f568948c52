"""The exercise that `practice new` writes: complete, sound, and what it says it is."""

from __future__ import annotations

import ast
import runpy
from pathlib import Path
from typing import Any

import pytest
import torch

from grader.content import Catalogue, Exercise, lint, scaffold, statement
from grader.errors import UsageError
from grader.faults import making

X = torch.tensor([[1.0, -2.0], [0.0, 4.0]])
HALVED = torch.tensor([[0.5, -1.0], [0.0, 2.0]])


@pytest.fixture
def exercise(root: Path) -> Exercise:
    scaffold("layer_norm", root)
    return Catalogue([root]).get("layer_norm")


def load(path: Path) -> dict[str, Any]:
    return runpy.run_path(str(path))


def test_it_writes_both_folders(root: Path) -> None:
    written = scaffold("layer_norm", root)
    assert [str(path.relative_to(root)) for path in written] == [
        "exercises/layer_norm/exercise.yaml",
        "exercises/layer_norm/statement.en.md",
        "exercises/layer_norm/statement.zh.md",
        "exercises/layer_norm/stub.py",
        "solutions/layer_norm/checks.py",
        "solutions/layer_norm/mistakes.py",
        "solutions/layer_norm/reference.py",
        "solutions/layer_norm/right/copied.py",
        "solutions/layer_norm/right/einsum.py",
        "solutions/layer_norm/right/loops.py",
    ]
    texts = [path.read_text(encoding="utf-8") for path in written]
    assert [text for text in texts if "@ID@" in text or "@TITLE@" in text] == []


def test_a_root_that_is_not_there_yet_is_made(tmp_path: Path) -> None:
    scaffold("gelu", tmp_path / "new" / "root")
    assert Catalogue([tmp_path / "new" / "root"]).ids() == ("gelu",)


def test_what_it_writes_is_sound(exercise: Exercise) -> None:
    assert exercise.title.en == "Layer norm"
    assert exercise.rules == ("shape", "values", "input")
    assert lint(exercise) == []
    assert statement(exercise, "zh").rules_marked == ("shape", "values", "input")


def test_checks_are_those_declared(exercise: Exercise) -> None:
    tree = ast.parse(exercise.checks_file.read_text(encoding="utf-8"))
    functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert [name for name in functions if name.startswith("test_")] == list(exercise.checks)
    assert "behaviour" in functions


def test_the_stub_is_unfinished(exercise: Exercise) -> None:
    with pytest.raises(NotImplementedError):
        load(exercise.stub_file)["scale"](X, factor=0.5)


def test_right_answers_are_right(exercise: Exercise) -> None:
    files = [exercise.reference_file, exercise.mistakes_file, *exercise.right_files]
    assert len(files) == 5
    for path in files:
        x = X.clone()
        assert torch.equal(load(path)["scale"](x, factor=0.5), HALVED), path
        assert torch.equal(x, X), path


def test_each_mistake_is_one(exercise: Exercise) -> None:
    module = load(exercise.mistakes_file)
    assert [mistake.name for mistake in module["CATALOGUE"]] == ["divided", "in_place"]
    with making(["divided"]):
        assert torch.equal(module["scale"](X.clone(), factor=0.5), X * 2)
    x = X.clone()
    with making(["in_place"]):
        module["scale"](x, factor=0.5)
    assert torch.equal(x, HALVED)


@pytest.mark.parametrize("half", ["exercises", "solutions"])
def test_it_never_writes_over_anything(root: Path, half: str) -> None:
    theirs = root / half / "gelu" / "notes.txt"
    theirs.parent.mkdir()
    theirs.write_text("mine")
    with pytest.raises(UsageError) as caught:
        scaffold("gelu", root)
    assert str(caught.value) == f"{half}/gelu: is there already\ntake another id, or move it away"
    assert [path for path in root.rglob("*") if path.is_file()] == [theirs]


def test_a_file_that_came_in_the_meantime_stays(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = root / "exercises" / "gelu" / "stub.py"
    theirs.parent.mkdir()
    theirs.write_text("mine")
    monkeypatch.setattr("grader.content.scaffolding.holds_something", lambda _: False)
    with pytest.raises(UsageError) as caught:
        scaffold("gelu", root)
    assert caught.value.message.en == "exercises/gelu/stub.py: cannot be written: File exists"
    assert theirs.read_text() == "mine"


def test_a_file_in_the_way_is_told(root: Path) -> None:
    (root / "solutions" / "gelu").touch()
    with pytest.raises(UsageError) as caught:
        scaffold("gelu", root)
    assert caught.value.message.en == "solutions/gelu: is there already"


def test_a_root_that_cannot_be_written_is_told(root: Path) -> None:
    (root / "file").touch()
    with pytest.raises(UsageError) as caught:
        scaffold("gelu", root / "file")
    assert str(caught.value) == "file/exercises/gelu: cannot be written: Not a directory"


ID = "an exercise's id: small letters, digits and underscores, a letter first"


@pytest.mark.parametrize(
    ("id", "expected"),
    [
        ("Layer-Norm", f"'Layer-Norm' is not {ID}\ntry layer_norm"),
        ("2d", f"'2d' is not {ID}"),
        ("../up", f"'../up' is not {ID}"),
        ("", f"'' is not {ID}"),
        ("questions", "'questions' is a folder of the kit's own"),
    ],
)
def test_an_id_that_cannot_be_one_is_told(root: Path, id: str, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        scaffold(id, root)
    assert str(caught.value) == expected
    assert [path for path in root.rglob("*") if path.is_file()] == []
