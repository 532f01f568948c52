"""`practice prove --questions`: an author's rubric, held against itself."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from practice_command import Practice, edit

from grader.content import builtin_root


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A content root with one question and its rubric, both taken from the kit."""
    root = tmp_path / "own"
    for half in ("exercises", "solutions/questions"):
        (root / half).mkdir(parents=True)
    text = (builtin_root() / "questions.yaml").read_text(encoding="utf-8")
    start = text.index("\nkv-cache:")
    end = next(place for place in range(start + 2, len(text)) if text[place - 1] == "\n" and text[place].isalnum())
    item = "\n".join(line for line in text[start:end].splitlines() if "follow_ups" not in line)
    (root / "questions.yaml").write_text(item.replace("kv-cache:", "my-cache:"), encoding="utf-8")
    rubrics = root / "solutions/questions"
    shutil.copy(builtin_root() / "solutions/questions/kv-cache.yaml", rubrics / "my-cache.yaml")
    return root


def test_a_sound_rubric_is_one_line(practice: Practice, own: Path) -> None:
    done = practice("prove", "--questions", "my-cache", "--content", own)
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = done.stdout.splitlines()
    assert line.startswith("✓ my-cache  ")


def test_what_a_rubric_does_not_do_is_said(practice: Practice, own: Path) -> None:
    path = own / "solutions/questions/my-cache.yaml"
    edit(
        path, "tests:\n", "tests:\n  - {kind: good, language: en, score: [1, 1], answer: The cache is made of gold.}\n"
    )
    done = practice("prove", "--questions", "my-cache", "--content", own)
    assert done.returncode == 1
    assert "tests[0] (good, en): score 0.0 is not in [1, 1]" in done.stdout
    found = json.loads(practice("prove", "--questions", "my-cache", "--json", "--content", own).stdout)
    assert not found["holds"]
    (finding,) = found["proofs"][0]["findings"]
    assert finding["text"] == "The cache is made of gold."


def test_a_rubric_that_cannot_be_read_is_an_error_with_its_place(practice: Practice, own: Path) -> None:
    edit(own / "solutions/questions/my-cache.yaml", "points:", "point:")
    done = practice("prove", "--questions", "my-cache", "--content", own)
    assert done.returncode == 3
    assert "my-cache.yaml" in done.stderr
    assert "'points'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_question_of_ones_own_is_asked(practice: Practice, own: Path, tmp_path: Path) -> None:
    answer = tmp_path / "answer.txt"
    answer.write_text(
        "It keeps the keys and values of all earlier tokens, so that each step computes only those of the new token; "
        "the price is memory that grows with the length."
    )
    done = practice("ask", "my-cache", "-a", answer, "--json", "--content", own)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["question"] == "my-cache"
