"""A proof that cannot fail proves nothing: each way to stop separating right from wrong is found."""

from __future__ import annotations

from pathlib import Path

import pytest
from exam_ground import double_exercise

from grader.content import Exercise
from grader.exam.proof import Proof, prove


def proven(exercise: Exercise, *, seeds: int = 1) -> Proof:
    (proof,) = prove([exercise.id], [exercise.public.parent.parent], seeds=seeds)
    return proof


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text, path
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_it_is_green_to_begin_with(tmp_path: Path) -> None:
    proof = proven(double_exercise(tmp_path))
    assert proof.problems == []
    assert proof.checks == 3
    assert proof.mistakes == proof.mistakes_caught == proof.diagnosed >= 2
    assert proof.pairs == proof.pairs_caught == proof.pairs_diagnosed >= 1
    assert proof.right == proof.right_accepted >= 5


@pytest.mark.parametrize("check", ["test_runs", "test_values", "test_keeps_its_input"])
def test_any_check_that_is_removed_is_missed(tmp_path: Path, check: str) -> None:
    exercise = double_exercise(tmp_path)
    edit(exercise.checks_file, f"def {check}(", f"def not_{check}(")
    assert any(check in problem for problem in proven(exercise).problems)


def test_a_mistake_made_harmless_is_found(tmp_path: Path) -> None:
    exercise = double_exercise(tmp_path)
    source = exercise.mistakes_file.read_text(encoding="utf-8")
    name = source.split('Mistake(\n        "')[1].split('"')[0]
    edit(exercise.mistakes_file, f'faults("{name}")', "False")
    assert any(f"{name} passes every check" in problem for problem in proven(exercise).problems)


def test_a_right_answer_that_does_not_pass_is_found(tmp_path: Path) -> None:
    exercise = double_exercise(tmp_path)
    (exercise.private / "right" / "loops.py").write_text("def scale(x, *, factor):\n    return x + factor\n")
    proof = proven(exercise)
    assert proof.right_accepted == proof.right - 1
    assert any("loops.py" in problem for problem in proof.problems)


def test_a_right_answer_that_depends_on_chance_is_found(tmp_path: Path) -> None:
    exercise = double_exercise(tmp_path)
    (exercise.private / "right" / "lucky.py").write_text(
        "import torch\n\n\ndef scale(x, *, factor):\n    return x * factor + (torch.initial_seed() == 2)\n"
    )
    proof = proven(exercise, seeds=4)
    assert proof.right_accepted == proof.right
    assert proof.runs == 3 * proof.right
    assert proof.runs_accepted == proof.runs - 1
    (problem,) = proof.problems
    assert "lucky.py" in problem
    assert "seed 2" in problem


def test_a_stub_that_earns_points_is_found(tmp_path: Path) -> None:
    exercise = double_exercise(tmp_path)
    exercise.stub_file.write_text("def scale(x, *, factor):\n    return x * 1.0\n")
    assert any("stub" in problem for problem in proven(exercise).problems)


def test_a_rule_without_a_check_is_found(tmp_path: Path) -> None:
    exercise = double_exercise(tmp_path)
    edit(exercise.checks_file, 'rules=["input"]', "rules=[]")
    assert any("no check holds the rule 'input'" in problem for problem in proven(exercise).problems)


def test_a_title_without_chinese_is_found(tmp_path: Path) -> None:
    exercise = double_exercise(tmp_path)
    edit(exercise.checks_file, "每个元素都乘上 factor", "times factor")
    assert any("English and in Chinese" in problem for problem in proven(exercise).problems)


def test_a_rule_that_one_statement_does_not_state_is_found(tmp_path: Path) -> None:
    exercise = double_exercise(tmp_path)
    edit(exercise.statement_file("zh"), "<!-- rule: values -->", "")
    assert any("values" in problem for problem in proven(exercise).problems)


def test_a_behaviour_that_shows_nothing_is_found(tmp_path: Path) -> None:
    exercise = double_exercise(tmp_path)
    with exercise.checks_file.open("a", encoding="utf-8") as file:
        file.write("\n\ndef behaviour(candidate, random):\n    return {}\n")
    proof = proven(exercise)
    assert proof.diagnosed == 0
    assert any("is diagnosed as nothing" in problem for problem in proof.problems)
