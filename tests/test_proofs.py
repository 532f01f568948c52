"""The proof of every exercise, as an author runs it: every mistake caught and named, every right answer accepted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

PRACTICE = str(Path(sys.executable).parent / "practice")


def test_every_exercise_is_proven() -> None:
    done = subprocess.run(
        [PRACTICE, "prove", "--json", "--jobs", str(os.cpu_count() or 1)],
        capture_output=True,
        text=True,
        check=False,
        timeout=1800,
    )
    assert done.stdout, done.stderr
    found = json.loads(done.stdout)
    problems = [problem for proof in found["proofs"] for problem in proof["problems"]]
    assert problems == []
    assert found["proofs"], "nothing was proven"
    for proof in found["proofs"]:
        assert proof["mistakes_caught"] == proof["mistakes"] > 0, proof["exercise"]
        assert proof["pairs_caught"] == proof["pairs"], proof["exercise"]
        assert proof["right_accepted"] == proof["right"] >= 5, proof["exercise"]
        assert proof["diagnosed"] == proof["mistakes"], proof["exercise"]
    assert done.returncode == 0, done.stderr


def test_self_attention_has_the_evidence_that_was_promised() -> None:
    """At least 12 named mistakes and 5 right answers in different styles."""
    root = Path(__file__).resolve().parent.parent / "solutions" / "self_attention"
    assert len(list((root / "right").glob("*.py"))) >= 5
    assert (root / "mistakes.py").read_text(encoding="utf-8").count("Mistake(") >= 12
