"""`practice ask`, as a person and as a script use it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from practice_command import Practice
from terminal_session import Terminal

RIGHT = (
    "Each weight is stored with 8 bits instead of 32, so the model takes a quarter of the memory and fits on smaller "
    "GPUs. Rounding costs a little accuracy."
)
RIGHT_ZH = "把权重从 32 位浮点数换成 8 位整数来存，模型占的内存只有四分之一，代价是四舍五入带来一点误差。"
WRONG = "Quantization removes the smallest weights of the network, so that it becomes sparse."


@pytest.fixture
def answer(tmp_path: Path):
    def write(text: str, name: str = "answer.txt") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_an_answer_from_a_file_is_graded_and_explained(practice: Practice, answer) -> None:
    done = practice("ask", "quantization", "--answer-file", answer(RIGHT))
    assert done.returncode == 0, done.stderr
    assert "Adequate" in done.stdout
    quoted = [line.strip(" “”") for line in done.stdout.splitlines() if line.strip().startswith("“")]
    assert quoted
    assert all(each in RIGHT for each in quoted)
    for section in ("A good answer", "Why, and what else", "Where the blog is wrong", "Sources", "arXiv:1712.05877"):
        assert section in done.stdout


def test_the_same_in_chinese(practice: Practice, answer) -> None:
    done = practice("ask", "quantization", "-a", answer(RIGHT_ZH), "--lang", "zh")
    assert done.returncode == 0, done.stderr
    assert "回答合格" in done.stdout
    assert "参考回答" in done.stdout
    assert "原文勘误" in done.stdout


def test_what_is_wrong_is_quoted_and_the_status_is_one(practice: Practice, answer) -> None:
    done = practice("ask", "quantization", "-a", answer(WRONG))
    assert done.returncode == 1
    assert "This is wrong:" in done.stdout
    assert "“Quantization removes the smallest weights of the network" in done.stdout
    assert "Not recognised: " in done.stdout


def test_the_object_of_the_contract(practice: Practice, answer) -> None:
    done = practice("ask", "quantization", "--json", "-a", answer(WRONG))
    assert done.returncode == 1
    (line,) = done.stdout.splitlines()
    found = json.loads(line)
    assert list(found) == ["question", "language", "score", "outcome", "points", "wrong", "flags"]
    assert found["question"] == "quantization"
    assert found["language"] == "en"
    assert found["outcome"] == "inadequate"
    assert found["wrong"][0]["quote"] in WRONG


def test_an_answer_from_standard_input(practice: Practice, answer) -> None:
    import subprocess

    done = subprocess.run(
        practice.command("ask", "quantization", "--json", "-a", "-"),
        input=RIGHT,
        env=practice.variables,
        cwd=practice.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["outcome"] == "adequate"


def test_an_answer_typed_at_a_terminal(practice: Practice) -> None:
    with Terminal(practice, "ask", "quantization") as terminal:
        terminal.until("a single dot")
        terminal.press(RIGHT.replace(" Rounding", "\rRounding") + "\r.\r")
        terminal.until("Adequate")
        assert terminal.status() == 0


def test_answers_are_in_the_history_and_come_back_for_review(practice: Practice, answer) -> None:
    practice("ask", "quantization", "-a", answer(WRONG))
    done = practice("history", "quantization")
    assert done.returncode == 0, done.stderr
    assert "%" in done.stdout
    review = practice("review")
    assert "Nothing is due today; next on " in review.stdout, "a day later"


def test_without_an_id_the_next_one_is_asked(practice: Practice, answer) -> None:
    first = json.loads(practice("ask", "--json", "-a", answer("I don't know")).stdout)
    assert first["question"] == "pretraining-vs-finetuning"
    practice("ask", "pretraining-vs-finetuning", "-a", answer("Pre-training uses raw text and fine-tuning labels."))
    second = json.loads(practice("ask", "--json", "-a", answer("I don't know")).stdout)
    assert second["question"] != first["question"]


def test_a_dispute_is_kept_for_the_author(practice: Practice, answer) -> None:
    practice("ask", "quantization", "-a", answer(WRONG))
    done = practice("ask", "quantization", "--dispute", "saves")
    assert done.returncode == 0, done.stderr
    exported = practice("journal", "export", "-")
    assert '"saves"' in exported.stdout
    unknown = practice("ask", "quantization", "--dispute", "savings")
    assert unknown.returncode == 2
    assert "did you mean" in unknown.stderr.lower()


def test_the_list_has_every_question_under_its_topic(practice: Practice, answer) -> None:
    practice("ask", "quantization", "-a", answer(RIGHT))
    done = practice("ask", "--list")
    assert done.returncode == 0
    line = next(line for line in done.stdout.splitlines() if " quantization " in line)
    assert "%" in line
    assert sum(line.startswith("  ") for line in done.stdout.splitlines()) >= 36


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ask", "quantisation", "--json", "-a", "x"), "there is no question 'quantisation'"),
        (("ask", "quantization", "--json"), "--json needs --answer-file"),
        (("ask", "quantization", "-a", "nowhere.txt"), "nowhere.txt: cannot be read: No such file or directory"),
        (("ask", "quantization", "--dispute", "saves"), "you have not answered 'quantization' yet"),
        (("ask", "gan", "-a", "."), ".: cannot be read: Is a directory"),
    ],
)
def test_bad_input_gets_two_lines_and_status_two(practice: Practice, words: tuple[str, ...], said: str) -> None:
    done = practice(*words)
    assert done.returncode == 2
    assert said in done.stderr
    assert 1 <= len(done.stderr.splitlines()) <= 2
    assert "Traceback" not in done.stderr


def test_a_file_that_is_no_text_is_refused(practice: Practice, tmp_path: Path) -> None:
    path = tmp_path / "image.bin"
    path.write_bytes(b"\xff\xfe\x00\x80")
    done = practice("ask", "gan", "-a", path)
    assert done.returncode == 2
    assert "is not UTF-8" in done.stderr


def test_a_journal_that_cannot_be_written_costs_one_line_and_no_grade(
    practice: Practice, answer, tmp_path: Path
) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder is wanted")
    done = practice("ask", "quantization", "-a", answer(RIGHT), XDG_DATA_HOME=str(blocked))
    assert done.returncode == 0
    assert "Adequate" in done.stdout
    assert len(done.stderr.splitlines()) == 1
