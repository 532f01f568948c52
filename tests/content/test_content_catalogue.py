"""Exercises over several roots: found, named loosely, and never taken down by a broken neighbour."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import grader.content
from grader.content import Catalogue, builtin_root, catalogue, lint
from grader.errors import ContentError, UnknownName, UsageError


def test_ids_come_from_both_halves_of_all_roots(write, root: Path) -> None:
    mine = root / "mine"
    write("zeta")
    write("alpha", at=mine)
    (root / "solutions" / "half").mkdir()
    (root / "solutions" / "half" / "checks.py").touch()
    (root / "solutions" / "questions").mkdir()  # the rubrics of the questions
    (root / "solutions" / "questions" / "gan.yaml").touch()
    (root / "solutions" / "conftest.py").touch()
    (root / "exercises" / "README.md").touch()
    (root / "exercises" / "left_behind" / "__pycache__").mkdir(parents=True)
    (root / "exercises" / ".git").mkdir()
    assert Catalogue([root, mine]).ids() == ("alpha", "half", "zeta")
    assert Catalogue([mine]).ids() == ("alpha",)


def test_a_root_named_twice_is_one_root(write, root: Path) -> None:
    write("scale")
    assert Catalogue([root, root]).get("scale").id == "scale"


def test_a_broken_exercise_takes_no_other_down(write, root: Path) -> None:
    write("sound")
    write("bad", yaml="title: [\n")
    write("worse", after="nothing")
    (write("worst").parent / "stub.py").unlink()
    exercises, errors = Catalogue([root]).all()
    assert [exercise.id for exercise in exercises] == ["sound"]
    assert [error.message.en.split(": ")[0] for error in errors] == [
        "exercises/bad/exercise.yaml:2",
        "exercises/worse/exercise.yaml:4",
        "exercises/worst/stub.py",
    ]


def test_one_exercise_is_read_without_the_others(write, root: Path) -> None:
    write("bad", yaml="title: [\n")
    write("sound", after="bad")
    assert Catalogue([root]).get("sound").after == ("bad",)


def test_an_edited_file_counts_at_once(write, root: Path) -> None:
    path = write("scale")
    content = Catalogue([root])
    assert content.get("scale").minutes == 5
    path.write_text(path.read_text(encoding="utf-8").replace("minutes: 5", "minutes: 7"), encoding="utf-8")
    assert content.get("scale").minutes == 7


def test_one_id_in_two_roots_is_told_with_both(write, root: Path) -> None:
    mine = root / "mine"
    write("scale")
    write("scale", at=mine)
    write("other", at=mine)
    content = Catalogue([root, mine])
    with pytest.raises(ContentError) as caught:
        content.get("scale")
    assert str(caught.value) == "mine/exercises/scale: exercises/scale has the same id\nrename one of the two"
    exercises, errors = content.all()
    assert [exercise.id for exercise in exercises] == ["other"]
    assert [error.message.en for error in errors] == ["mine/exercises/scale: exercises/scale has the same id"]


def test_exercises_that_wait_for_each_other_are_not_sound(write, root: Path) -> None:
    write("a", after="c")
    write("b", after="a")
    write("c", after="b")
    write("d", after="a")
    write("x", after="y")
    write("y", after="x")
    exercises, errors = Catalogue([root]).all()
    assert [exercise.id for exercise in exercises] == ["d"]
    assert sorted(str(error) for error in errors) == [
        "exercises/a/exercise.yaml:4: after: these wait for each other: a -> c -> b -> a\n"
        "take one of the names out of its `after`",
        "exercises/x/exercise.yaml:4: after: these wait for each other: x -> y -> x\n"
        "take one of the names out of its `after`",
    ]


@pytest.mark.parametrize("id", ["scall", "../scale", "", "exercises/scale", "questions"])
def test_an_unknown_id_is_told(write, root: Path, id: str) -> None:
    write("scale")
    with pytest.raises(UnknownName) as caught:
        Catalogue([root]).get(id)
    assert caught.value.message.en == f"there is no exercise '{id}'"


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("self_attention", "self_attention"),
        ("self-attention", "self_attention"),
        (" Self Attention ", "self_attention"),
        ("self-a", "self_attention"),
        ("lora", "lora"),  # whole, though lora_merge begins with it
        ("lora-m", "lora_merge"),
    ],
)
def test_a_name_is_resolved(write, root: Path, name: str, id: str) -> None:
    for each in ("self_attention", "lora", "lora_merge"):
        write(each)
    assert Catalogue([root]).resolve(name) == id


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("self-atention", "there is no exercise 'self-atention'\ndid you mean 'self_attention'?"),
        ("zzz", "there is no exercise 'zzz'\n`practice list` shows all"),
        ("", "there is no exercise ''\n`practice list` shows all"),
        ("lora_", "'lora_' could be lora_bits, lora_merge\nwrite more of the name"),
    ],
)
def test_a_name_that_is_none_is_told(write, root: Path, name: str, expected: str) -> None:
    for each in ("self_attention", "lora_bits", "lora_merge"):
        write(each)
    with pytest.raises(UnknownName) as caught:
        Catalogue([root]).resolve(name)
    assert str(caught.value) == expected
    assert caught.value.exit_status == 2


@pytest.mark.parametrize("half", ["exercises", "solutions"])
def test_a_root_has_both_halves(root: Path, half: str) -> None:
    (root / half).rmdir()
    with pytest.raises(UsageError) as caught:
        Catalogue([root])
    assert caught.value.message.en.endswith(": holds no exercises")
    assert caught.value.remedy.en == "name a folder that has exercises/ and solutions/"


def test_a_relative_root_survives_a_change_of_directory(write, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write("scale")
    content = Catalogue([Path()])
    monkeypatch.chdir(root / "exercises")
    assert content.get("scale").public == root / "exercises" / "scale"


def make_root(path: Path) -> Path:
    (path / "exercises").mkdir(parents=True)
    (path / "solutions").mkdir()
    return path


def test_the_built_in_root_is_beside_the_package_or_in_the_share_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "user" / "lib" / "python3.11" / "site-packages"
    monkeypatch.setattr(catalogue, "__file__", str(site / "grader" / "content" / "catalogue.py"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
    assert builtin_root() == tmp_path / "venv" / "share" / "practice"  # nothing is there: where it should be
    user = make_root(tmp_path / "user" / "share" / "practice")
    assert builtin_root() == user
    installed = make_root(tmp_path / "venv" / "share" / "practice")
    assert builtin_root() == installed
    checkout = make_root(site)
    assert builtin_root() == checkout


def test_a_package_near_the_top_of_the_disk_is_no_trap(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    make_root(root / "share" / "practice")  # below the working directory: not to be taken
    monkeypatch.setattr(catalogue, "__file__", "/nowhere/grader/content/catalogue.py")
    monkeypatch.setattr(sys, "prefix", "/nowhere/else")
    assert builtin_root() == Path("/nowhere/else/share/practice")


def test_the_kits_own_exercises_are_sound() -> None:
    content = Catalogue([builtin_root()])
    exercises, errors = content.all()
    assert [str(error) for error in errors] == []
    assert [exercise.id for exercise in exercises] == list(content.ids())
    assert [str(error) for exercise in exercises for error in lint(exercise)] == []


def test_every_name_of_the_facade_is_there() -> None:
    assert [name for name in grader.content.__all__ if not hasattr(grader.content, name)] == []
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = grader.content.nothing


LIGHT = """
import sys
from pathlib import Path
from grader.content import Catalogue
content = Catalogue([Path()])
content.resolve("sc")
heavy = {"yaml", "torch", "pytest", "hypothesis", "rich", "click", "difflib", "grader.content.schema"}
print(sorted(heavy & set(sys.modules)))
content.get("scale")
print(sorted(heavy & set(sys.modules)))
"""


def test_looking_up_is_light(write, root: Path) -> None:
    write("scale")
    done = subprocess.run(
        [sys.executable, "-c", LIGHT], capture_output=True, text=True, cwd=root, timeout=60, check=True
    )
    assert done.stdout == "[]\n['grader.content.schema', 'yaml']\n"
