"""The evidence that an exercise's checks separate right from wrong.

Right answers are graded whole. Each catalogued mistake is graded as a submission of its own, in a worker, until the
first check that fails; a mistake that passes everything is harmless, or a check is missing. Each pair runs against
the same checks in this process. Diagnosis is tried on all. Where they are asked for, right answers run over other
seeds, and every mutant of the reference is graded.
"""

from __future__ import annotations

import inspect
import re
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Literal

import torch

from grader.content import Catalogue, Exercise, lint
from grader.exam import modules, mutants
from grader.exam.checks import quick_failure, seeded
from grader.exam.diagnosis import PROBES, Comparison, Mistakes, Observer, Table, matching
from grader.exam.examine import examine
from grader.exam.failures import CandidateRaised, CheckFailure
from grader.exam.link import Link, Submitted
from grader.exam.local import LocalCandidate
from grader.exam.mutation import Mutant
from grader.exam.parallel import spread
from grader.exam.reference import Reference
from grader.exam.remote import RemoteCandidate
from grader.exam.supply import Supply
from grader.exam.warmth import learn, rehearse
from grader.verdict import Verdict

OnStep = Callable[[str], None]
CHINESE = re.compile(r"[\u4e00-\u9fff]")


@dataclass(slots=True)
class Proof:
    """What one exercise's proof, or a part of it, found; it holds when `problems` is empty."""

    exercise: str
    checks: int = 0
    points: float = 0
    mistakes: int = 0
    mistakes_caught: int = 0
    pairs: int = 0
    pairs_caught: int = 0
    right: int = 0
    right_accepted: int = 0
    diagnosed: int = 0
    pairs_diagnosed: int = 0
    runs: int = 0  # of right answers over other seeds
    runs_accepted: int = 0
    mutants: int = 0  # that run and are no right answers
    mutants_killed: int = 0
    equivalents: int = 0  # mutants that are right answers, each with its reason
    stillborn: int = 0  # mutants that do not run
    verdict_seconds: float = 0.0  # of a right answer's whole verdict, the median
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)
    caught_by: dict[str, str] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        return not self.problems

    def add(self, part: dict[str, Any]) -> None:
        """Take in what a part found, as `asdict` wrote it."""
        self.problems += part["problems"]
        self.caught_by |= part["caught_by"]
        for name, value in part.items():
            if isinstance(value, (int, float)):
                setattr(self, name, getattr(self, name) + value)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "holds": self.holds}


@dataclass(frozen=True, slots=True)
class _Part:
    """A share of one exercise's proof, for one process: some right answers, some mistakes, or some pairs."""

    exercise: Exercise
    kind: Literal["metadata", "right", "seeds", "singles", "pairs", "mutants"]
    names: tuple[Any, ...] = ()
    caught_by: dict[str, str] = field(default_factory=dict)
    seed: int = 0

    def __str__(self) -> str:
        return f"{self.exercise.id}: {self.kind}"


def prove(
    ids: Sequence[str],
    roots: Sequence[Path],
    *,
    jobs: int = 1,
    seeds: int = 1,
    mutated: bool = False,
    on_event: OnStep = lambda _step: None,
) -> list[Proof]:
    """The proofs of these exercises, in `jobs` processes. With `seeds` above one, right answers also run over so
    many draws of everything random; with `mutated`, the mutants of each reference are graded.

    Raises ContentError where an exercise's files do not load.
    """
    torch.set_num_threads(1)  # before the first operation: forks of a process with threads would hang
    catalogue = Catalogue(roots)
    exercises = [catalogue.get(name) for name in ids]
    proofs = {exercise.id: Proof(exercise.id) for exercise in exercises}
    for exercise in exercises:
        rehearse(exercise)  # before the forks: they inherit the examples and need not draw them
        on_event(f"{exercise.id}: rehearsed")
    supply = Supply(forbidden=[root / folder for root in roots for folder in ("exercises", "solutions")])
    try:
        for stage in (_first_stage, _second_stage):
            parts = [part for exercise in exercises for part in stage(exercise, proofs[exercise.id], seeds, mutated)]
            for part, found in spread(lambda part: asdict(_prove_part(part, supply)), parts, jobs):
                proofs[part.exercise.id].add(found)
                on_event(str(part))
    finally:
        supply.close()
    return list(proofs.values())


def _first_stage(exercise: Exercise, _proof: Proof, seeds: int, mutated: bool) -> list[_Part]:
    right = (exercise.reference_file, exercise.mistakes_file, *exercise.right_files)
    singles = _mistakes_of(exercise).singles()
    edits = mutants.mutants_of(exercise) if mutated else []
    return [
        _Part(exercise, "metadata"),
        _Part(exercise, "right", right),
        *(_Part(exercise, "seeds", right, seed=seed) for seed in range(1, seeds)),
        *(_Part(exercise, "singles", tuple(share)) for share in _shares(singles, 8)),
        *(_Part(exercise, "mutants", tuple(share)) for share in _shares(edits, 25)),
    ]


def _second_stage(exercise: Exercise, proof: Proof, _seeds: int, _mutated: bool) -> list[_Part]:
    pairs = _mistakes_of(exercise).pairs()
    return [_Part(exercise, "pairs", tuple(share), proof.caught_by) for share in _shares(pairs, 60)]


def _shares(things: list[Any], size: int) -> list[list[Any]]:
    return [things[start : start + size] for start in range(0, len(things), size)]


def _mistakes_of(exercise: Exercise) -> Mistakes:
    return Mistakes.of(exercise, modules.load(exercise.mistakes_file, exercise.id))


def _prove_part(part: _Part, supply: Supply) -> Proof:
    began = time.perf_counter()
    exercise, proof = part.exercise, Proof(part.exercise.id)
    checks = modules.load(exercise.checks_file, exercise.id)
    mistakes = _mistakes_of(exercise)
    if part.kind == "metadata":
        proof.problems += [str(error) for error in lint(exercise)]
        proof.problems += mutants.unknown(exercise)
        _prove_metadata(exercise, checks, mistakes, proof)
        _prove_stub(exercise, supply, proof)
    elif part.kind == "right":
        _prove_right(exercise, supply, part.names, proof)
    elif part.kind == "seeds":
        _prove_seed(exercise, checks, part.names, part.seed, proof)
    elif part.kind == "mutants":
        _prove_mutants(exercise, supply, part.names, proof)
    else:
        table = Table.of(exercise)
        if part.kind == "singles":
            _prove_singles(exercise, supply, part.names, table, proof)
        else:
            _prove_pairs(exercise, part, checks, table, proof)
    proof.seconds = time.perf_counter() - began
    return proof


# --------------------------------------------------------------------- metadata


def _prove_metadata(exercise: Exercise, checks: Any, catalogue: Mistakes, proof: Proof) -> None:
    """Titles and hints are in two languages, each rule is held by a check, what is declared is there and nothing
    else.
    """
    found = {name: one.check_info for name, one in vars(checks).items() if hasattr(one, "check_info")}
    proof.checks, proof.points = len(found), sum(info.points for info in found.values())
    where = exercise.checks_file
    for name in exercise.checks:
        if name not in found:
            proof.problems.append(f"{where}: {name} is declared in exercise.yaml and is not there")
    for name in vars(checks):
        if name.startswith("test_") and name not in found:
            proof.problems.append(f"{where}: {name} has no @check")
        elif name.startswith("test_") and name not in exercise.checks:
            proof.problems.append(f"{where}: {name} is not declared in exercise.yaml")
    held = {rule for info in found.values() for rule in info.rules}
    proof.problems += [f"{where}: no check holds the rule {rule!r}" for rule in exercise.rules if rule not in held]
    proof.problems += [f"{where}: unknown rule {rule!r}" for rule in sorted(held - set(exercise.rules))]
    for name, info in found.items():
        for what, text in (("title", info.title), ("hint", info.hint)):
            if not text.en or not CHINESE.search(text.zh):
                proof.problems.append(f"{where}: {name}: the {what} must be in English and in Chinese")
    names = [mistake.name for mistake in catalogue.mistakes]
    for mistake in catalogue.mistakes:
        label = f"{exercise.mistakes_file}: {mistake.name}"
        for what, text in (("what", mistake.what), ("hint", mistake.hint)):
            if not text.en or not CHINESE.search(text.zh):
                proof.problems.append(f"{label}: `{what}` must be in English and in Chinese")
        proof.problems += [f"{label}: excludes unknown {other!r}" for other in mistake.excludes if other not in names]
        if names.count(mistake.name) > 1:
            proof.problems.append(f"{label}: stands twice in the catalogue")
    if not callable(getattr(checks, "behaviour", None)):
        proof.problems.append(f"{where}: there is no behaviour(candidate, random)")


# ---------------------------------------------------------------- right answers


def _prove_right(exercise: Exercise, supply: Supply, paths: Sequence[Path], proof: Proof) -> None:
    """Right answers pass everything."""
    seconds = []
    for path in paths:
        submitted = Submitted(path.read_text(encoding="utf-8"), path.name)
        verdict = examine(exercise, submitted, supply, diagnosis=False)
        seconds.append(verdict.seconds)
        proof.right += 1
        proof.right_accepted += verdict.passed
        if not verdict.passed:
            proof.problems.append(f"{path}: is a right answer and does not pass: {_why(verdict)}")
    proof.verdict_seconds = median(seconds)


def _prove_seed(exercise: Exercise, checks: Any, paths: Sequence[Path], seed: int, proof: Proof) -> None:
    """Right answers pass whatever is drawn: by Hypothesis, by the checks, and by the answers. In this process: what
    a worker adds has nothing to do with chance. Drawn once for all of them.
    """
    learn(exercise, seed)
    reference = Reference(exercise)
    for path in paths:
        candidate = LocalCandidate(exercise, modules.load(path, exercise.id))
        proof.runs += 1
        for name in exercise.checks:
            error = _error(getattr(checks, name, None), candidate, reference, seed)
            if error is not None:
                said = error.text.en if isinstance(error, (CheckFailure, CandidateRaised)) else repr(error)
                proof.problems.append(
                    f"{path}: is a right answer and does not pass (seed {seed}): {name} failed: {said}"
                )
                break
        else:
            proof.runs_accepted += 1


def _prove_stub(exercise: Exercise, supply: Supply, proof: Proof) -> None:
    source = exercise.stub_file.read_text(encoding="utf-8")
    verdict = examine(exercise, Submitted(source, "stub.py"), supply, diagnosis=False)
    passed = [check.id for check in verdict.checks if check.outcome != "failed"]
    if passed or verdict.points:
        proof.problems.append(
            f"{exercise.stub_file}: the stub must fail every check; it does not fail {', '.join(passed)}"
        )


def _why(verdict: Verdict) -> str:
    bad = [check for check in verdict.checks if check.outcome != "passed"]
    return "; ".join(f"{check.id} {check.outcome}: {check.message.en}" for check in bad[:2])


# --------------------------------------------------------------------- mistakes


def _prove_singles(
    exercise: Exercise, supply: Supply, singles: Sequence[tuple[str, ...]], table: Table | None, proof: Proof
) -> None:
    """Each mistake, as a submission in a worker: it must fail, and be told by its own name."""
    source = exercise.mistakes_file.read_text(encoding="utf-8")
    for names in singles:
        proof.mistakes += 1
        submitted = Submitted(source, "mistakes.py", switches=names)
        verdict = examine(exercise, submitted, supply, diagnosis=False, first_failure_only=True)
        failed = next((check for check in verdict.checks if check.outcome in ("failed", "broken")), None)
        if failed is None:
            proof.problems.append(f"{exercise.mistakes_file}: {names[0]} passes every check")
            continue
        if failed.outcome != "failed":
            proof.problems.append(f"{exercise.mistakes_file}: {names[0]}: {failed.id} is broken: {failed.message.en}")
            continue
        proof.mistakes_caught += 1
        proof.caught_by[names[0]] = failed.id
        if table is None:
            continue
        link = Link(supply, exercise, submitted)
        try:
            link.start()
            found = matching(Observer(table.behaviour, RemoteCandidate(link)), table)
        finally:
            link.close()
        if found == names:
            proof.diagnosed += 1
        else:
            told = " + ".join(found) if found else "nothing"
            proof.problems.append(f"{exercise.checks_file}: behaviour: {names[0]} is diagnosed as {told}")


def _prove_pairs(exercise: Exercise, part: _Part, checks: Any, table: Table | None, proof: Proof) -> None:
    """Each pair must fail, and be told as itself or as what behaves exactly so. In this process: hundreds of
    workers would prove no more.
    """
    reference = Reference(exercise)
    mistakes = _mistakes_of(exercise)
    for names in part.names:
        proof.pairs += 1
        # The checks that catch one of the two are the likely ones to catch both.
        order = [part.caught_by[name] for name in names if name in part.caught_by]
        order += [name for name in exercise.checks if name not in order]
        if not any(_fails(getattr(checks, name, None), mistakes.making(names), reference) for name in order):
            proof.problems.append(f"{exercise.mistakes_file}: {' + '.join(names)} passes every check")
            continue
        proof.pairs_caught += 1
        if table is None:
            continue
        found = matching(table.making(names), table)
        if found and (found == names or _equivalent(table, names, found)):
            proof.pairs_diagnosed += 1


def _fails(check: Any, candidate: LocalCandidate, reference: Reference) -> bool:
    """Whether the check fails; a mistake may raise anything in this process."""
    return _error(check, candidate, reference, None) is not None


def _error(check: Any, candidate: LocalCandidate, reference: Reference, seed: int | None) -> Exception | None:
    """What this check ends with; `seed` other than None draws everything anew."""
    if check is None:
        return None
    for seeding in (torch.manual_seed, candidate.seed, reference.seed):
        seeding(seed or 0)
    wanted = inspect.signature(check).parameters
    fixtures = {"candidate": candidate, "reference": reference}
    arguments = {name: fixture for name, fixture in fixtures.items() if name in wanted}
    recall = getattr(check, "recall", None)
    try:
        with quick_failure(), nullcontext() if seed is None else seeded(seed):
            if recall is None or not recall(**arguments):
                check(**arguments)
    except Exception as error:  # noqa: BLE001 - as said
        return error
    return None


def _equivalent(table: Table, one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether two sets of mistakes cannot be told apart: one hides the other."""
    comparison = Comparison(table.making(one), table.making(other))
    return not any(comparison.differing(probe) for probe in PROBES)


# ---------------------------------------------------------------------- mutants


def _prove_mutants(exercise: Exercise, supply: Supply, batch: Sequence[Mutant], proof: Proof) -> None:
    """Each mutant must fail, or be listed as a right answer and pass."""
    listed = mutants.listed(exercise)
    for graded in mutants.grade(exercise, supply, batch):
        known, where = listed.get(graded.mutant.key), mutants.told(exercise, graded.mutant)
        if graded.fate == "stillborn" and known is None:
            proof.stillborn += 1
            continue
        if known is not None and graded.fate == "survived":
            proof.equivalents += 1
            continue
        proof.mutants += 1
        if graded.fate == "survived":
            proof.problems.append(f"{where} and passes every check")
        elif graded.fate == "broken":
            proof.problems.append(f"{where}: {graded.check} is broken: {graded.said}")
        else:
            proof.mutants_killed += 1
            if known is not None:
                proof.problems.append(f"{known.place}: is no right answer, {graded.check} fails: {graded.said}")


__all__ = ["Proof", "prove"]
