"""The proofs as docs/proof.md shows them, and the figures that such a page holds."""

from __future__ import annotations

from collections.abc import Sequence

from grader.exam.proof import Proof

_INTRODUCTION = """\
# The proof

What stands behind each exercise's checks. `{command}` writes this page;
`tests/test_proofs.py` holds it against proofs made anew.

- *Mistakes*, *pairs*: catalogued wrong answers, one at a time and two together, that some check catches.
- *Diagnosed*: mistakes that a candidate is told by name.
- *Right*: right answers in other styles that pass every check; *runs*: the same over other draws of everything random.
- *Mutants*: automatic edits of the reference (another operator, constant, axis or name; a statement, an argument or a
  call left out) that some check catches. Two kinds are not counted: *equivalent* ones are right answers, listed in
  `solutions/<id>/equivalent.yaml` with the reason; *dead* ones do not run at all (a TypeError at the first call).
- *Seconds*: a whole verdict on a right answer, the median, on the machine that wrote this page.
"""
_HEAD = (
    *("exercise", "checks", "mistakes", "pairs", "diagnosed", "right", "runs"),
    *("mutants", "equivalent", "dead", "seconds"),
)
_COMMAND = "practice prove --mutants --seeds 200 --table docs/proof.md"


def markdown(proofs: Sequence[Proof]) -> str:
    """The page."""
    rows = [_row(proof) for proof in proofs]
    total = Proof("all")
    for proof in proofs:
        for name in _SUMMED:
            setattr(total, name, getattr(total, name) + getattr(proof, name))
    last = [f"**{cell}**" if cell else "" for cell in (*_row(total)[:-1], "")]
    lines = [_line(_HEAD), _line(("---", *["--:"] * (len(_HEAD) - 1))), *map(_line, rows), _line(last)]
    return _INTRODUCTION.format(command=_COMMAND) + "\n" + "\n".join(lines) + "\n"


def figures(page: str) -> dict[str, dict[str, str]]:
    """The cells of the page's table by exercise and heading."""
    lines = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith("| ---")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: dict(zip(cells[0], row, strict=True)) for row in cells[1:]}


_SUMMED = (
    *("checks", "mistakes", "mistakes_caught", "pairs", "pairs_caught", "diagnosed", "right", "right_accepted"),
    *("runs", "runs_accepted", "mutants", "mutants_killed", "equivalents", "stillborn"),
)


def _row(proof: Proof) -> list[str]:
    return [
        proof.exercise,
        str(proof.checks),
        _of(proof.mistakes_caught, proof.mistakes),
        _of(proof.pairs_caught, proof.pairs),
        _of(proof.diagnosed, proof.mistakes),
        _of(proof.right_accepted, proof.right),
        _of(proof.runs_accepted, proof.runs),
        _of(proof.mutants_killed, proof.mutants),
        str(proof.equivalents) if proof.mutants else "-",
        str(proof.stillborn) if proof.mutants else "-",
        f"{proof.verdict_seconds:.1f}",
    ]


def _of(found: int, all_of_them: int) -> str:
    return f"{found}/{all_of_them}" if all_of_them else "-"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
