"""`practice prove`: the proofs of exercises, a line each, and below it what does not hold."""

from __future__ import annotations

import json
from pathlib import Path

from grader.cli.common import Invocation, cores
from grader.cli.rendering import mark_of
from grader.cli.terminal import Screen, shortened
from grader.errors import ContentError, Text
from grader.exam.proof import Proof, prove
from grader.exam.proof_table import markdown


def prove_and_show(
    invocation: Invocation,
    names: tuple[str, ...],
    *,
    jobs: int | None,
    seeds: int,
    mutated: bool,
    table: Path | None,
    as_json: bool,
) -> int:
    """Prove the exercises that were named, or all; the exit status."""
    ids, broken = _chosen(invocation, names)
    invocation.warn_of(broken)
    err = invocation.err()

    def tell(step: str) -> None:
        """What was done last. No `Waiting` here: it has a thread, and a proof forks."""
        if err.terminal:
            err.write(f"\r\x1b[2K{err.styled(shortened(step, err.width - 1), 'dim')}")

    try:
        proofs = prove(
            ids, invocation.catalogue.roots, jobs=jobs or cores(), seeds=seeds, mutated=mutated, on_event=tell
        )
    finally:
        if err.terminal:
            err.write("\r\x1b[2K")
    if table is not None:
        table.write_text(markdown(proofs), encoding="utf-8")
    if as_json:
        told = {"holds": all(proof.holds for proof in proofs), "proofs": [proof.to_json() for proof in proofs]}
        invocation.out.write(json.dumps(told, ensure_ascii=False) + "\n")
    else:
        for proof in proofs:
            _show(invocation.out, proof)
    if broken:
        return ContentError.exit_status
    return 0 if all(proof.holds for proof in proofs) else 1


def _chosen(invocation: Invocation, names: tuple[str, ...]) -> tuple[list[str], list[ContentError]]:
    if names:
        return list(dict.fromkeys(invocation.resolve(name) for name in names)), []
    exercises, broken = invocation.catalogue.all()
    return [exercise.id for exercise in exercises], broken


def _show(out: Screen, proof: Proof) -> None:
    counts = [
        (Text("right answers", "正确答案"), proof.right_accepted, proof.right),
        (Text("mistakes", "错误"), proof.mistakes_caught, proof.mistakes),
        (Text("pairs", "错误组合"), proof.pairs_caught, proof.pairs),
        (Text("diagnosed", "可诊断"), proof.diagnosed, proof.mistakes),
    ]
    if proof.runs:
        counts.append((Text("runs over seeds", "换种子运行"), proof.runs_accepted, proof.runs))
    if proof.mutants:
        counts.append((Text("mutants", "变异体"), proof.mutants_killed, proof.mutants))
    rows = " · ".join(f"{out.say(name)} {found}/{all_of_them}" for name, found, all_of_them in counts)
    name = out.styled(proof.exercise, "strong")
    checks = out.say(Text(f"{proof.checks} checks", f"{proof.checks} 项检查"))
    out.line(f"{mark_of(out, 'passed' if proof.holds else 'failed')} {name}  {checks} · {rows}")
    for problem in proof.problems:
        out.line(problem, indent=4)
