"""The proof of every exercise, as an author runs it: every mistake caught and named, every right answer accepted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from grader.content import Catalogue
from grader.exam.mutants import listed, mutants_of
from grader.exam.proof import Proof
from grader.exam.proof_table import figures, markdown

PRACTICE = str(Path(sys.executable).parent / "practice")


ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "proof.md"
# Their mutants are graded in half a minute; SOAK=1 grades those of every exercise.
QUICK = ("gan_losses", "self_attention")


def proofs(*arguments: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [PRACTICE, "prove", "--json", "--jobs", str(os.cpu_count() or 1), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=7200,
    )
    assert done.stdout, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["proofs"]
    assert [problem for proof in found for problem in proof["problems"]] == []
    assert found, "nothing was proven"
    assert done.returncode == 0, done.stderr
    return found


def proof_of(told: dict[str, Any]) -> Proof:
    return Proof(**{field.name: told[field.name] for field in fields(Proof)})


def held_against_the_page(found: list[dict[str, Any]], *headings: str) -> None:
    """Each row of docs/proof.md says under these headings what the proof has found."""
    page = figures(PAGE.read_text(encoding="utf-8"))
    for proof in found:
        fresh = figures(markdown([proof_of(proof)]))
        name = proof["exercise"]
        assert name in page, f"docs/proof.md has no row for {name}"
        for heading in headings:
            assert page[name][heading] == fresh[name][heading], (name, heading)


def test_every_exercise_is_proven(capsys: pytest.CaptureFixture[str]) -> None:
    found = proofs()
    for proof in found:
        assert proof["mistakes_caught"] == proof["mistakes"] > 0, proof["exercise"]
        assert proof["pairs_caught"] == proof["pairs"], proof["exercise"]
        assert proof["right_accepted"] == proof["right"] >= 5, proof["exercise"]
        assert proof["diagnosed"] == proof["mistakes"], proof["exercise"]
    held_against_the_page(found, "checks", "mistakes", "pairs", "diagnosed", "right")
    assert set(figures(PAGE.read_text(encoding="utf-8"))) == {proof["exercise"] for proof in found} | {"**all**"}
    with capsys.disabled():
        sys.stdout.write("\n" + markdown([proof_of(proof) for proof in found]))


@pytest.mark.soak
def test_mutants_are_caught_or_right() -> None:
    found = proofs("--mutants", *(() if os.environ.get("SOAK") else QUICK))
    for proof in found:
        assert proof["mutants_killed"] == proof["mutants"] > 20, proof["exercise"]
    held_against_the_page(found, "mutants", "equivalent", "dead")


def test_the_page_counts_every_mutant_that_is_made() -> None:
    """Those of the exercises whose mutants the suite does not grade, too."""
    exercises, broken = Catalogue([ROOT]).all()
    assert not broken
    page = figures(PAGE.read_text(encoding="utf-8"))
    for exercise in exercises:
        row = page[exercise.id]
        caught, counted = map(int, row["mutants"].split("/"))
        assert caught == counted, exercise.id
        assert int(row["equivalent"]) == len(listed(exercise)), exercise.id
        assert counted + int(row["equivalent"]) + int(row["dead"]) == len(mutants_of(exercise)), exercise.id


def test_right_answers_pass_over_other_seeds() -> None:
    """Two seeds here; docs/proof.md says over how many they were tried."""
    (proof,) = proofs("--seeds", "3", "gumbel_softmax")
    assert proof["runs"] == proof["runs_accepted"] == 2 * proof["right"]


def test_self_attention_has_the_evidence_that_was_promised() -> None:
    """At least 12 named mistakes and 5 right answers in different styles."""
    root = ROOT / "solutions" / "self_attention"
    assert len(list((root / "right").glob("*.py"))) >= 5
    assert (root / "mistakes.py").read_text(encoding="utf-8").count("Mistake(") >= 12
