"""A small exercise with a function and a module, and a real nursery to run submissions in."""

from __future__ import annotations

from pathlib import Path

from grader.content import Exercise, load_exercise, scaffold
from grader.exam.link import Link, Submitted
from grader.exam.remote import RemoteCandidate
from grader.exam.supply import Supply

ENTRIES = """title: {en: "Play", zh: "试验"}
topic: attention
questions: []
level: 1
minutes: 5
after: []
entries:
  call:
    kind: function
    signature: "(x, y=None, *, how=None)"
    returns: any
  Net:
    kind: module
    signature: "(width, base=None)"
    methods:
      forward: {signature: "(x, cache=None)", returns: any}
      step: {signature: "(x, cache)", returns: "tensor, opaque"}
      make: {kind: classmethod, signature: "(base)", returns: module}
bans: [torch.nn.functional.scaled_dot_product_attention, torch.nn.MultiheadAttention]
rules: [shape, values, input]
checks: [test_runs, test_values, test_keeps_its_input]
limits: {call_seconds: 3, memory_mb: 512}
"""


def play_exercise(root: Path) -> Exercise:
    """An exercise whose entries the tests call by hand; its checks are never run."""
    for folder in ("exercises", "solutions"):
        (root / folder).mkdir()
    scaffold("play", root)
    (root / "exercises/play/exercise.yaml").write_text(ENTRIES, encoding="utf-8")
    return load_exercise(root / "exercises/play", root / "solutions/play")


def double_exercise(root: Path) -> Exercise:
    """The scaffold's own exercise: `scale(x, *, factor)`."""
    for folder in ("exercises", "solutions"):
        (root / folder).mkdir(exist_ok=True)
    scaffold("double", root)
    return load_exercise(root / "exercises/double", root / "solutions/double")


class Stage:
    """Candidates of one exercise; all workers end with it."""

    def __init__(self, exercise: Exercise, supply: Supply) -> None:
        self.exercise = exercise
        self.supply = supply
        self.links: list[Link] = []

    def candidate(self, source: str) -> RemoteCandidate:
        link = Link(self.supply, self.exercise, Submitted(source, "attempts/play.py"))
        self.links.append(link)
        link.start()
        return RemoteCandidate(link)

    def close(self) -> None:
        for link in self.links:
            link.close()
