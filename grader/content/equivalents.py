"""equivalent.yaml: edits of a reference that automatic mutation makes and that are right answers, each with the reason.

The file may be left out. Its schema is closed, as that of exercise.yaml.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from grader.content import fields
from grader.content.document import read_document
from grader.content.folders import EQUIVALENT
from grader.content.place import Place
from grader.errors import Text


@dataclass(frozen=True, slots=True)
class Equivalent:
    """One edit that leaves a right answer right: in `within`, `line` becomes `becomes`."""

    within: str
    line: str
    becomes: str
    reason: str
    place: Place

    @property
    def key(self) -> tuple[str, str, str]:
        return self.within, self.line, self.becomes


def equivalents(private: Path) -> tuple[Equivalent, ...]:
    """What the file in this folder lists; nothing where there is none. ContentError for whatever is wrong with it."""
    path = private / EQUIVALENT
    if not path.exists():
        return ()
    found: dict[tuple[str, str, str], Equivalent] = {}
    root = fields.fields(read_document(path), ("equivalent",))
    for group in fields.items(root["equivalent"]):
        parts = fields.fields(group, ("reason", "within", "mutants"))
        reason, within = _words(fields.text(parts["reason"])), fields.text(parts["within"])
        for node in fields.items(parts["mutants"]):
            keys = fields.fields(node, ("line", "becomes"))
            line, becomes = (_words(fields.text(keys[name])) for name in ("line", "becomes"))
            one = Equivalent(within, line, becomes, reason, node.place)
            if one.key in found:
                first = found[one.key].place.line
                raise node.place.error(
                    Text(f"is there twice, first on line {first}", f"出现了两次，第一次在第 {first} 行"),
                    Text("keep one of the two", "请只保留一个"),
                )
            found[one.key] = one
    return tuple(found.values())


def _words(text: str) -> str:
    return " ".join(text.split())
