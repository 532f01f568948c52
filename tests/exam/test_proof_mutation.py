"""Automatic edits of a reference: which are made, how they are named, and what a proof makes of them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from exam_ground import double_exercise

from grader.content import Exercise
from grader.content.equivalents import EQUIVALENT
from grader.exam.mutants import mutants_of
from grader.exam.mutation import mutants
from grader.exam.proof import Proof, prove

DETACHED = ("scale", "return x * factor", "return (x * factor).detach()")
SOURCES = sorted((Path(__file__).resolve().parents[2] / "solutions").glob("*/reference.py"))


def edits(body: str) -> set[str]:
    """What becomes of the lines of a function with this body."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return {mutant.becomes for mutant in mutants(f"def f(x, y, *, dim=-1):\n{lines}")}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return x - y", {"return x + y", "return y - x", "return x", "return y", "return (x - y).detach()"}),
        ("return x @ y / 2.0", {"return y @ x / 2.0", "return x @ y * 2.0", "return x @ y / 4.0"}),
        ("return x < y", {"return x <= y", "return x > y"}),
        ("return 0 < x <= 1", {"return 0 <= x <= 1", "return 0 < x", "return x <= 1", "return 0 < x < 1"}),
        ("return x and not y", {"return (x or not y)", "return x and y", "return (not y)"}),
        ("return x.sum(dim=-2)", {"return x.mean(dim=-2)", "return x.sum()", "return x.sum(dim=1)", "return x"}),
        ("return x.softmax(-1)", {"return x.log_softmax(-1)", "return x.softmax(0)", "return x.softmax(-2)"}),
        ("return torch.where(x, y, 0.0)", {"return torch.where(y, x, 0.0)", "return torch.where(x, 0.0, y)"}),
        ("return x.detach().mT", {"return x.mT", "return x.detach()"}),
        ("return x[:, 1:]", {"return x[:, 2:]", "return x[:, :1]", "return x"}),
        ("if x:\n    y = 1\nreturn y", {"if (not x):", "if True:", "pass"}),
        ("return -x.abs()", {"return x.abs()", "return -x", "return -x.square()"}),
        ("return (x + y) * 2", {"return (x - y) * 2", "return (x + y) * 3", "return (x + y)"}),
        ("return x / (y * 2)", {"return x / (y / 2)", "return x / (y + 2)", "return x * (y * 2)"}),
    ],
)
def test_slips_are_made(body: str, expected: set[str]) -> None:
    assert expected <= edits(body)


def test_defaults_are_edited() -> None:
    assert "def f(x, y, *, dim=1):" in edits("return x")


@pytest.mark.parametrize(
    "body",
    [
        '"""Two words."""',
        'raise ValueError(f"x must be above {1 + 2}")',
        "import math",
        "y: int",
    ],
)
def test_what_is_not_graded_is_left_alone(body: str) -> None:
    assert (
        not {edit for edit in edits(body + "\nreturn None") if edit not in ("pass", "def f(x, y, *, dim=1):")}
        - {f"def f(x, y, *, dim={number}):" for number in (-2, 0, 1)}
        - {"return x", "return y", "return dim"}
    )


def test_a_line_is_known_without_its_comment_and_its_number() -> None:
    (one,) = [
        mutant for mutant in mutants("def f(x):\n    return -x  # the other sign\n") if mutant.becomes == "return x"
    ]
    moved = [mutant.key for mutant in mutants("\n\ndef f(x):\n    return -x\n")]
    assert one.key == ("f", "return -x", "return x")
    assert one.key in moved


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.parent.name)
def test_the_mutants_of_a_reference(path: Path) -> None:
    """Each compiles, none is the reference, no two are one, and one edit changes one place."""
    source = path.read_text(encoding="utf-8")
    found = mutants(source)
    shapes = {ast.dump(ast.parse(mutant.source)) for mutant in found}
    assert len(found) == len(shapes) == len({mutant.key for mutant in found}) > 20
    assert ast.dump(ast.parse(source)) not in shapes
    whole = [mutant for mutant in found if abs(len(mutant.source) - len(source)) > 400]
    assert all(mutant.becomes == "pass" for mutant in whole)


def proven(exercise: Exercise) -> Proof:
    (proof,) = prove([exercise.id], [exercise.public.parent.parent], mutated=True)
    return proof


def listing(exercise: Exercise, within: str, line: str, becomes: str) -> None:
    (exercise.private / EQUIVALENT).write_text(
        "equivalent:\n"
        f"  - reason: a zero keeps its sign\n    within: {within}\n    mutants:\n"
        f"      - {{line: '{line}', becomes: '{becomes}'}}\n",
        encoding="utf-8",
    )


def test_a_survivor_is_told(tmp_path: Path) -> None:
    """The scaffold's three checks look at no gradient."""
    proof = proven(double_exercise(tmp_path))
    (problem,) = proof.problems
    assert "reference.py:6: in scale, `return x * factor` becomes `return (x * factor).detach()` and passes" in problem
    assert proof.mutants_killed == proof.mutants - 1 >= 3
    assert proof.equivalents == 0


def test_a_survivor_with_a_reason_is_no_problem(tmp_path: Path) -> None:
    exercise = double_exercise(tmp_path)
    listing(exercise, *DETACHED)
    proof = proven(exercise)
    assert proof.problems == []
    assert proof.equivalents == 1
    assert proof.mutants == proof.mutants_killed >= 3


def test_a_reason_for_a_mutant_that_is_killed_is_told(tmp_path: Path) -> None:
    exercise = double_exercise(tmp_path)
    assert ("scale", "return x * factor", "return x / factor") in {mutant.key for mutant in mutants_of(exercise)}
    listing(exercise, "scale", "return x * factor", "return x / factor")
    problems = [problem for problem in proven(exercise).problems if "equivalent.yaml:5" in problem]
    (problem,) = problems
    assert "is no right answer, test_runs fails" in problem or "is no right answer, test_values fails" in problem


def test_a_reason_for_a_mutant_that_is_not_made_is_told(tmp_path: Path) -> None:
    exercise = double_exercise(tmp_path)
    listing(exercise, "scale", "return x", "return 17")
    assert any("is no mutant of the reference" in problem for problem in proven(exercise).problems)
