"""The exercises of one or more content roots: found by name, read one by one, put in the order of learning."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from grader.content.folders import holds_something, listed
from grader.content.place import Place, did_you_mean, shown
from grader.errors import ContentError, Text, UnknownName, UsageError

# The schema and the order are imported by the methods that read files: looking an id up must stay light.
if TYPE_CHECKING:
    from grader.content.exercise import Exercise

EXERCISES = "exercises"
SOLUTIONS = "solutions"
# solutions/questions holds the questions' rubrics
NOT_EXERCISES = frozenset({"questions"})


def builtin_root() -> Path:
    """Where the kit's own exercises stand: beside the package in a checkout, else in the installation's share folder.

    Hidden files are never below site-packages, which a submission may read.
    """
    package = Path(__file__).resolve().parent.parent
    installed = Path(sys.prefix, "share", "practice")
    candidates = [package.parent, installed]
    if len(package.parents) > 3:
        # PREFIX/lib/python3.X/site-packages/grader, with another PREFIX: `pip install --user`, Debian's /usr/local
        candidates.append(package.parents[3] / "share" / "practice")
    for root in candidates:
        if _is_root(root):
            return root
    return installed


def _is_root(path: Path) -> bool:
    return (path / EXERCISES).is_dir() and (path / SOLUTIONS).is_dir()


class Catalogue:
    """The exercises below `roots`. Nothing is kept in memory: an edited file counts at the next call."""

    def __init__(self, roots: Sequence[Path]) -> None:
        """UsageError for a root that does not hold exercises/ and solutions/."""
        self.roots = tuple(dict.fromkeys(root.absolute() for root in roots))
        for root in self.roots:
            if not _is_root(root):
                raise UsageError(
                    Text(f"{shown(root)}: holds no exercises", f"{shown(root)}：里面没有练习"),
                    Text(
                        "name a folder that has exercises/ and solutions/",
                        "请给出含有 exercises/ 和 solutions/ 的文件夹",
                    ),
                )

    def ids(self) -> tuple[str, ...]:
        """The ids of all exercises, broken ones too, sorted. No file is read."""
        return tuple(self._homes())

    def get(self, id: str) -> Exercise:
        """One exercise; no other is read. UnknownName, or ContentError when its files are wrong."""
        return self._read(id, self._homes())

    def all(self) -> tuple[list[Exercise], list[ContentError]]:
        """Every sound exercise, sorted by id, and what is wrong with the others.

        Exercises that wait for each other are not sound: one error names them all.
        """
        from grader.content.order import cycle_error, find_cycle

        exercises, errors = [], []
        homes = self._homes()
        for id in homes:
            try:
                exercises.append(self._read(id, homes))
            except ContentError as error:
                errors.append(error)
        while cycle := find_cycle(exercises):
            errors.append(cycle_error(cycle))
            exercises = [exercise for exercise in exercises if exercise not in cycle]
        return exercises, errors

    def resolve(self, name: str) -> str:
        """The id that was meant: 'self-attention', 'Self Attention' and 'self_att' are self_attention. UnknownName."""
        ids = self.ids()
        plain = _plain(name)
        for candidate in (name, plain):
            if candidate in ids:
                return candidate
        matches = [id for id in ids if plain and id.startswith(plain)]
        if len(matches) == 1:
            return matches[0]
        if matches:
            names = ", ".join(matches)
            raise UnknownName(
                Text(f"'{name}' could be {names}", f"'{name}' 可能是 {names}"),
                Text("write more of the name", "请把名字写全一些"),
            )
        raise self._unknown(name)

    def _homes(self) -> dict[str, list[Path]]:
        """Each id, sorted, with the roots that have it in either half: a half alone is an exercise with an error."""
        homes: dict[str, list[Path]] = {}
        for root in self.roots:
            folders = [folder for half in (EXERCISES, SOLUTIONS) for folder in listed(root / half)]
            names = {folder.name for folder in folders if holds_something(folder)}
            for name in names - NOT_EXERCISES:
                homes.setdefault(name, []).append(root)
        return dict(sorted(homes.items()))

    def _read(self, id: str, homes: dict[str, list[Path]]) -> Exercise:
        from grader.content.schema import load_exercise

        if id not in homes:
            raise self._unknown(id)
        first, *others = (root / EXERCISES / id for root in homes[id])
        if others:
            raise Place(others[0]).error(
                Text(f"{shown(first)} has the same id", f"与 {shown(first)} 的 id 相同"),
                Text("rename one of the two", "请给其中一个改名"),
            )
        exercise = load_exercise(first, homes[id][0] / SOLUTIONS / id)
        _require_known(exercise, homes)
        return exercise

    def _unknown(self, name: str) -> UnknownName:
        plain = _plain(name)
        listing = Text("`practice list` shows all", "`practice list` 列出全部练习")
        return UnknownName(
            Text(f"there is no exercise '{name}'", f"没有练习 '{name}'"), did_you_mean(plain, self.ids(), listing)
        )


def _plain(name: str) -> str:
    return re.sub(r"[-\s]+", "_", name.strip().lower())


def _require_known(exercise: Exercise, ids: Collection[str]) -> None:
    for name in exercise.after:
        if name not in ids:
            from grader.content.order import after_place

            raise after_place(exercise).error(
                Text(f"there is no exercise '{name}'", f"没有练习 '{name}'"),
                did_you_mean(name, ids, Text("remove it", "请删掉")),
            )
