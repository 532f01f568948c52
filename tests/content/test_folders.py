"""The files of an exercise: what must be there, what must not, and the version of the content."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from grader.content import Catalogue, version
from grader.errors import ContentError


def message(root: Path, id: str = "scale") -> tuple[str, str]:
    with pytest.raises(ContentError) as caught:
        Catalogue([root]).get(id)
    return caught.value.message.en, caught.value.remedy.en


PUBLIC = "each exercise has exercise.yaml, statement.en.md, statement.zh.md, stub.py here"
PRIVATE = "each exercise has checks.py, reference.py, mistakes.py here"


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("exercises/scale/exercise.yaml", PUBLIC),
        ("exercises/scale/statement.en.md", PUBLIC),
        ("exercises/scale/statement.zh.md", PUBLIC),
        ("exercises/scale/stub.py", PUBLIC),
        ("solutions/scale/checks.py", PRIVATE),
        ("solutions/scale/reference.py", PRIVATE),
        ("solutions/scale/mistakes.py", PRIVATE),
    ],
)
def test_a_missing_file_is_named(write, root: Path, name: str, remedy: str) -> None:
    write("scale")
    (root / name).unlink()
    assert message(root) == (f"{name}: the file is missing", remedy)


@pytest.mark.parametrize(("gone", "other"), [("exercises", "solutions"), ("solutions", "exercises")])
def test_half_an_exercise_is_told(write, root: Path, gone: str, other: str) -> None:
    write("scale")
    shutil.rmtree(root / gone / "scale")
    assert message(root) == (
        f"{gone}/scale: the folder is missing",
        f"an exercise is two folders with one id: add it, or remove {other}/scale",
    )


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("exercises/scale/solution.py", "move it elsewhere or remove it"),
        ("exercises/scale/statement.md", "did you mean 'statement.zh.md'?"),
        ("exercises/scale/stub.py.orig", "did you mean 'stub.py'?"),
        ("solutions/scale/check.py", "did you mean 'checks.py'?"),
        ("solutions/scale/zz", "move it elsewhere or remove it"),
    ],
)
def test_a_stray_file_is_told(write, root: Path, name: str, remedy: str) -> None:
    write("scale")
    (root / name).touch()
    assert message(root) == (f"{name}: does not belong in an exercise's folder", remedy)


RIGHT = "put right answers in other styles there: right/loops.py, right/einsum.py"


def no_right(root: Path) -> None:
    shutil.rmtree(root / "solutions/scale/right")


def empty_right(root: Path) -> None:
    (root / "solutions/scale/right/loops.py").unlink()
    (root / "solutions/scale/right/__pycache__").mkdir()


def stray_right(root: Path) -> None:
    (root / "solutions/scale/right/notes.txt").touch()


def folder_right(root: Path) -> None:
    (root / "solutions/scale/right/more.py").mkdir()


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (no_right, "solutions/scale/right: the folder is missing"),
        (empty_right, "solutions/scale/right: holds no right answer"),
        (stray_right, "solutions/scale/right/notes.txt: is not a Python file"),
        (folder_right, "solutions/scale/right/more.py: is not a Python file"),
    ],
)
def test_right_answers_are_python_files(write, root: Path, spoil: Callable[[Path], None], expected: str) -> None:
    write("scale")
    spoil(root)
    assert message(root) == (expected, RIGHT)


def test_what_tools_leave_behind_does_not_count(write, root: Path) -> None:
    write("scale")
    before = version(Catalogue([root]).get("scale"))
    for name in ("exercises/scale/__pycache__", "solutions/scale/__pycache__", "solutions/scale/right/__pycache__"):
        (root / name).mkdir()
        (root / name / "stub.cpython-311.pyc").touch()
    (root / "exercises/scale/.DS_Store").touch()
    exercise = Catalogue([root]).get("scale")
    assert version(exercise) == before
    assert [path.name for path in exercise.right_files] == ["loops.py"]


def test_a_folder_that_may_not_be_an_id_is_told(write, root: Path) -> None:
    write("Self-Attention")
    assert message(root, "Self-Attention") == (
        "exercises/Self-Attention: 'Self-Attention' is not an exercise's id: "
        "small letters, digits and underscores, a letter first",
        "rename the folder, here and in solutions/",
    )


def append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


def rename(path: Path) -> None:
    path.rename(path.with_name("other.py"))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("exercises/scale/stub.py", append),
        ("exercises/scale/statement.zh.md", append),
        ("solutions/scale/checks.py", append),
        ("solutions/scale/right/loops.py", append),
        ("solutions/scale/right/loops.py", rename),
    ],
)
def test_every_byte_and_name_counts_in_the_version(
    write, root: Path, name: str, change: Callable[[Path], None]
) -> None:
    write("scale")
    exercise = Catalogue([root]).get("scale")
    before = version(exercise)
    assert len(before) == 12
    assert version(exercise) == before
    change(root / name)
    assert version(exercise) != before


def test_bytes_that_move_between_files_change_the_version(write, root: Path) -> None:
    write("scale")
    exercise = Catalogue([root]).get("scale")
    moving = b"scale/mistakes.py\0"  # what stands between the two in the hash
    exercise.checks_file.write_bytes(b"")
    exercise.mistakes_file.write_bytes(moving)
    before = version(exercise)
    exercise.checks_file.write_bytes(moving)
    exercise.mistakes_file.write_bytes(b"")
    assert version(exercise) != before


def test_the_version_does_not_hang_on_where_the_files_stand(write, root: Path, tmp_path: Path) -> None:
    write("scale")
    shutil.copytree(root / "exercises", tmp_path / "copy" / "exercises")
    shutil.copytree(root / "solutions", tmp_path / "copy" / "solutions")
    assert version(Catalogue([root]).get("scale")) == version(Catalogue([tmp_path / "copy"]).get("scale"))


def test_a_file_that_went_away_is_told(write, root: Path) -> None:
    write("scale")
    exercise = Catalogue([root]).get("scale")
    shutil.rmtree(exercise.private)
    with pytest.raises(ContentError) as caught:
        version(exercise)
    assert caught.value.message.en == "solutions/scale: cannot be read: No such file or directory"
