"""The two folders of an exercise: which files belong there, which are missing, and the short hash over all of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from grader.content.place import Place, did_you_mean, read_bytes, unreadable
from grader.errors import ContentError, Text

if TYPE_CHECKING:
    from grader.content.exercise import Exercise

PUBLIC_FILES = ("exercise.yaml", "statement.en.md", "statement.zh.md", "stub.py")
PRIVATE_FILES = ("checks.py", "reference.py", "mistakes.py")
EQUIVALENT = "equivalent.yaml"  # may be left out
RIGHT = "right"


def ignored(path: Path) -> bool:
    """Whether a file or folder is a tool's: dot files and byte code."""
    return path.name.startswith(".") or path.name == "__pycache__"


def listed(folder: Path) -> list[Path]:
    """What a folder holds, by name, without what tools leave there. ContentError when it cannot be listed."""
    try:
        return sorted(path for path in folder.iterdir() if not ignored(path))
    except OSError as error:
        raise unreadable(folder, error) from None


def holds_something(folder: Path) -> bool:
    """Whether it is a folder with content: a change of branch leaves folders behind with only byte code in them."""
    try:
        return folder.is_dir() and bool(listed(folder))
    except ContentError:
        return True  # who opens the exercise is told; the others still stand


def content_files(folder: Path) -> Iterator[Path]:
    """All files below a folder, in the order of their names."""
    for path in listed(folder):
        if path.is_dir():
            yield from content_files(path)
        else:
            yield path


def require_files(public: Path, private: Path) -> None:
    """ContentError for a missing folder, a missing file, or a file that no part of the kit would read."""
    for folder, other in ((public, private), (private, public)):
        if not folder.is_dir():
            raise Place(folder).error(
                Text("the folder is missing", "缺少这个文件夹"),
                Text(
                    f"an exercise is two folders with one id: add it, or remove {Place(other)}",
                    f"一个练习由两个同名文件夹组成：请补上，或删除 {Place(other)}",
                ),
            )
    for folder, wanted in ((public, PUBLIC_FILES), (private, PRIVATE_FILES)):
        for name in wanted:
            if not (folder / name).is_file():
                raise Place(folder / name).error(
                    Text("the file is missing", "缺少这个文件"),
                    Text(f"each exercise has {', '.join(wanted)} here", f"每个练习在这里都要有 {'、'.join(wanted)}"),
                )
    _no_strays(public, PUBLIC_FILES)
    _no_strays(private, (*PRIVATE_FILES, EQUIVALENT, RIGHT))
    _require_right_answers(private / RIGHT)


def _no_strays(folder: Path, known: tuple[str, ...]) -> None:
    for path in listed(folder):
        if path.name not in known:
            raise Place(path).error(
                Text("does not belong in an exercise's folder", "不属于练习的文件夹"),
                did_you_mean(path.name, known, Text("move it elsewhere or remove it", "请移走或删除")),
            )


def _require_right_answers(folder: Path) -> None:
    remedy = Text(
        "put right answers in other styles there: right/loops.py, right/einsum.py",
        "请在那里放不同风格的正确答案：right/loops.py、right/einsum.py",
    )
    if not folder.is_dir():
        raise Place(folder).error(Text("the folder is missing", "缺少这个文件夹"), remedy)
    answers = listed(folder)
    for path in answers:
        if path.suffix != ".py" or not path.is_file():
            raise Place(path).error(Text("is not a Python file", "不是 Python 文件"), remedy)
    if not answers:
        raise Place(folder).error(Text("holds no right answer", "里面没有正确答案"), remedy)


def version(exercise: Exercise) -> str:
    """The content version that a verdict carries: twelve hex digits over names and bytes of both folders."""
    from hashlib import sha256

    digest = sha256()
    for folder in (exercise.public, exercise.private):
        for path in content_files(folder):
            data = read_bytes(path)
            # name and length first, so that bytes moved from one file to the next change the hash
            digest.update(f"{path.relative_to(folder.parent).as_posix()}\0{len(data)}\0".encode())
            digest.update(data)
    return digest.hexdigest()[:12]
