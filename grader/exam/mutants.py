"""The pressure that no author chose: every mutant of the reference, graded like a submission.

A mutant that passes every check is a hole in them, unless equivalent.yaml says why it is a right answer. A mutant
that does not run at all proves nothing and is not counted: its first call ends in a TypeError, an AttributeError or
a NameError.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from grader.content import Exercise
from grader.content.equivalents import Equivalent, equivalents
from grader.content.place import shown
from grader.exam.examine import examine
from grader.exam.link import Submitted
from grader.exam.mutation import Mutant, mutants
from grader.exam.supply import Supply

Fate = Literal["killed", "survived", "stillborn", "broken"]
_DOES_NOT_RUN = re.compile(r"raised (TypeError|AttributeError|NameError|UnboundLocalError)\b")


@dataclass(frozen=True, slots=True)
class Graded:
    """What became of one mutant, and the check that caught it."""

    mutant: Mutant
    fate: Fate
    check: str = ""
    said: str = ""


def mutants_of(exercise: Exercise) -> list[Mutant]:
    return mutants(exercise.reference_file.read_text(encoding="utf-8"))


def grade(exercise: Exercise, supply: Supply, batch: Sequence[Mutant]) -> Iterator[Graded]:
    """Each mutant as a submission in a worker, until the first check that fails."""
    for mutant in batch:
        submitted = Submitted(mutant.source, "mutant.py")
        verdict = examine(exercise, submitted, supply, diagnosis=False, first_failure_only=True)
        failed = next((check for check in verdict.checks if check.outcome in ("failed", "broken")), None)
        if failed is None:
            yield Graded(mutant, "survived")
        elif failed.outcome == "broken":
            yield Graded(mutant, "broken", failed.id, failed.message.en)
        elif failed.id == exercise.checks[0] and _DOES_NOT_RUN.search(failed.message.en):
            yield Graded(mutant, "stillborn", failed.id, failed.message.en)
        else:
            yield Graded(mutant, "killed", failed.id, failed.message.en)


def listed(exercise: Exercise) -> dict[tuple[str, str, str], Equivalent]:
    """The mutants that equivalent.yaml calls right answers. ContentError when the file is wrong."""
    return {one.key: one for one in equivalents(exercise.private)}


def unknown(exercise: Exercise) -> list[str]:
    """A problem for each line of equivalent.yaml that is no mutant of the reference as it stands."""
    made = {mutant.key for mutant in mutants_of(exercise)}
    return [
        f"{one.place}: is no mutant of the reference: {one.line} => {one.becomes}"
        for key, one in listed(exercise).items()
        if key not in made
    ]


def told(exercise: Exercise, mutant: Mutant) -> str:
    """`solutions/x/reference.py:12: in f, a + b becomes a - b`."""
    where = f"{shown(exercise.reference_file)}:{mutant.number}"
    return f"{where}: in {mutant.within}, `{mutant.line}` becomes `{mutant.becomes}`"
