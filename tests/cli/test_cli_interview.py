"""`practice interview`: through a pipe, and on a terminal with an editor beside it."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from practice_command import Practice
from terminal_session import Terminal

from grader.content.bank import Bank
from grader.content.catalogue import Catalogue, builtin_root
from grader.interview.plan import Plan, draw
from grader.journal import Answer, Home, Journal

ROOT = builtin_root()
SEED = 3


@pytest.fixture(scope="module")
def plan() -> Plan:
    """What `--seed 3 --minutes 20` asks: two questions and an exercise."""
    return draw(SEED, 20, Bank((ROOT,)).questions.values(), Catalogue((ROOT,)).all()[0])


def interview(practice: Practice, said: str | bytes, *words: str, **environment: str) -> subprocess.CompletedProcess:
    done = subprocess.run(
        practice.command("interview", *words),
        cwd=practice.folder,
        env={**practice.variables, **environment},
        input=said if isinstance(said, bytes) else said.encode(),
        capture_output=True,
        timeout=240,
        check=False,
    )
    done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()
    return done


def reports(practice: Practice) -> list[Path]:
    return sorted((practice.folder / "interviews").glob("*"))


def answers_in(practice: Practice) -> list[Answer]:
    journal = Journal(Home(practice.journal))
    found = journal.answers()
    journal.close()
    return found


class TestThroughAPipe:
    def test_asks_asks_on_and_reports(self, practice: Practice, plan: Plan) -> None:
        first, second = plan.questions
        good = first.answer.en
        done = interview(
            practice, f"{good}\n.\nskip\n.\nIt is about <b>dogs</b>.\n.\nskip\n", "--minutes", "20", "--seed", "3"
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert "Mock interview: 20 minutes, 2 questions, 1 exercise, seed 3\n" in done.stdout
        assert f"Question 1 of 2 · 20 min left\n{first.prompt.en}\n" in done.stdout
        assert f"Question 2 of 2 · 20 min left\n{second.prompt.en}\n" in done.stdout
        talk, _, ending = done.stdout.partition("Exercise 1 of 1")
        assert "A further question · 20 min left\n" in talk, "the first answer had it all"
        assert "About that · 20 min left\n" in talk, "the second had not"
        assert "%" not in talk, "nobody is told how it went"
        assert "Why interviewers ask" not in ending
        assert "\nGaps\n" in ending
        page, text = reports(practice)
        assert (page.suffix, text.suffix) == (".html", ".md")
        assert re.fullmatch(r"20\d\d-\d\d-\d\d-3", page.stem)
        assert f"  interviews/{text.name}\n  interviews/{page.name}\n" in done.stdout
        assert "&lt;b&gt;dogs&lt;/b&gt;" in page.read_text(encoding="utf-8")
        assert done.stdout.rstrip().endswith(page.name)
        assert "practice interview --minutes 20 --seed 3" in text.read_text(encoding="utf-8")

    def test_keeps_answers_in_the_journal(self, practice: Practice, plan: Plan) -> None:
        first, second = plan.questions
        interview(
            practice, f"{first.answer.en}\n.\nskip\nNothing much.\n.\nNo idea.\n", "--minutes", "20", "--seed", "3"
        )
        kept = answers_in(practice)
        assert [one.question for one in kept] == [first.id, second.id]
        assert kept[0].outcome == "adequate"
        assert kept[1].text == "Nothing much.\nNo idea."
        assert kept[1].score == kept[1].grade["score"] == 0

    def test_in_chinese(self, practice: Practice, plan: Plan) -> None:
        said = f"{plan.questions[0].answer.zh}\n。\n跳过\n"
        done = interview(practice, said, "--minutes", "20", "--seed", "3", "--lang", "zh")
        assert done.returncode == 0
        assert "模拟面试：20 分钟，2 道问答题，1 道编程题，种子 3" in done.stdout
        assert f"第 1 题，共 2 题 · 剩余 20 分钟\n{plan.questions[0].prompt.zh}\n" in done.stdout
        page = reports(practice)[0].read_text(encoding="utf-8")
        assert '<html lang="zh-CN">' in page
        assert "<h2>答得好的地方</h2>" in page
        assert not re.search(r"Strengths|Gaps|skipped|What to do", page)

    def test_asks_the_same_for_the_same_seed_whatever_the_journal_says(self, practice: Practice) -> None:
        def asked(*words: str) -> list[str]:
            done = interview(practice, "skip\n" * 20, "--minutes", "20", *words)
            return re.findall(r"left\n(.*)\n", done.stdout)

        before = asked("--seed", "5")
        interview(practice, "Nothing.\n.\n" * 4, "--minutes", "10", "--seed", "5")
        assert answers_in(practice)
        assert asked("--seed", "5") == before
        assert asked("--seed", "6") != before

    def test_without_a_seed_draws_one(self, practice: Practice) -> None:
        done = interview(practice, "It.\n.\n", "--minutes", "5")
        seed = re.search(r"5 minutes, 1 question, seed (\d+)\n", done.stdout)
        assert seed
        assert f"practice interview --minutes 5 --seed {seed[1]}\n" in reports(practice)[1].read_text().replace("`", "")

    def test_of_one_topic(self, practice: Practice) -> None:
        for name in ("BERT", "bert"):
            done = interview(practice, "It.\n.\n", "--topic", name, "--seed", "1")
            assert done.returncode == 0
            assert "practice interview --minutes 45 --seed 1 --topic bert" in done.stdout
        assert len(reports(practice)) == 4, "one of the same day and seed is not written over"
        done = interview(practice, "It.\n.\n", "--topic", "量化", "--seed", "1", "--lang", "zh")
        assert "--topic quantization" in done.stdout

    def test_of_bytes_that_are_no_text(self, practice: Practice) -> None:
        done = interview(practice, b"\xff\xfe caf\xe9 \x1b[2J\n.\n", "--minutes", "5", "--seed", "1")
        assert done.returncode == 0
        assert "\x1b" not in done.stdout
        assert "\x1b" not in reports(practice)[0].read_text(encoding="utf-8")

    def test_of_which_nothing_was_answered_leaves_nothing(self, practice: Practice) -> None:
        done = interview(practice, "")
        assert done.returncode == 0
        assert done.stdout.endswith("Nothing was answered, so there is no report.\n")
        assert reports(practice) == []
        assert not (practice.folder / "interviews").exists()

    def test_costs_one_line_when_the_journal_cannot_be_read(self, practice: Practice) -> None:
        practice.journal.mkdir(parents=True)
        (practice.journal / "journal.db").write_text("dear diary, " * 100)
        done = interview(practice, "It.\n.\n", "--minutes", "5")
        assert done.returncode == 0
        assert len(done.stderr.splitlines()) == 1
        assert "is no database" in done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--topic", "atention"], "there are no questions on 'atention'\n  did you mean 'attention'?"),
        (["--topic", "cooking"], "there are no questions on 'cooking'\n  the topics are attention, pretraining, "),
        (["--minutes", "4"], "an interview cannot last 4 minutes\n  from 5 to 180 it can"),
        (["--minutes", "100000"], "an interview cannot last 100000 minutes"),
        (["--minutes", "soon"], "'soon' is not a valid integer"),
        (["--seed", "-1"], "-1 is no seed\n  take a whole number from 0 to 4294967295"),
        (["--seed", "x"], "'x' is not a valid integer"),
    ],
)
def test_bad_input_is_told_in_two_lines(practice: Practice, words: list[str], told: str) -> None:
    done = interview(practice, "", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert len(done.stderr.splitlines()) <= 2
    assert not (practice.folder / "interviews").exists()


def test_a_place_that_cannot_hold_the_report_is_told_at_the_start(practice: Practice) -> None:
    (practice.folder / "interviews").write_text("mine")
    done = interview(practice, "It.\n.\n", "--seed", "1")
    assert done.returncode == 2
    assert done.stderr == "error: interviews cannot be made: File exists\n  the report is to be written there\n"
    assert answers_in(practice) == []


class TestOnATerminal:
    def test_from_the_first_question_to_the_code(self, practice: Practice, plan: Plan) -> None:
        (exercise,) = plan.exercises
        practice.write("# an old attempt\n", exercise.id)
        attempt = practice.folder / "attempts" / f"{exercise.id}.py"
        with Terminal(practice, "interview", "--minutes", "20", "--seed", "3") as terminal:
            terminal.until("Question 1 of 2")
            terminal.press("It has parts,\nand they work.\n.\n")
            terminal.until("About that · 20 min left")
            terminal.press("\x04")  # an empty answer
            terminal.until("Question 2 of 2")
            terminal.press("skip\n")
            terminal.until("Enter hands it in")
            assert "what you had is kept: attempts/backup/" in terminal.screen
            assert attempt.read_bytes() == exercise.stub_file.read_bytes()
            terminal.press("\n")
            terminal.until("still the stub")
            attempt.write_bytes(b"\xff\xfe")
            terminal.press("\n")
            terminal.until("is not a text file in UTF-8")
            shutil.copy(exercise.reference_file, attempt)
            terminal.press("\n")
            assert terminal.status() == 0
            assert f"✓ {exercise.title.en}" in terminal.screen
            assert "passed" in terminal.screen
        assert [entry.name.split(".")[3] for entry in practice.graded_so_far] == ["passed"]
        text = reports(practice)[1].read_text(encoding="utf-8")
        assert f"- {exercise.title.en}: passed" in text
        assert "It has parts,\nand they work.\n" in text

    def test_code_that_fails_is_diagnosed_in_the_report_and_not_before(self, practice: Practice, plan: Plan) -> None:
        (exercise,) = plan.exercises
        with Terminal(practice, "interview", "--minutes", "20", "--seed", "3") as terminal:
            terminal.until("Question 1 of 2")
            terminal.press("skip\nskip\n")
            terminal.until("Enter hands it in")
            attempt = practice.folder / "attempts" / f"{exercise.id}.py"
            attempt.write_text(attempt.read_text(encoding="utf-8") + "\n# no more than this\n")
            terminal.press("\n")
            assert terminal.status() == 0
            assert f"✗ {exercise.title.en}" in terminal.screen
            assert f"practice hint {exercise.id}" in terminal.screen
        assert "## Exercises" in reports(practice)[1].read_text(encoding="utf-8")

    def test_ctrl_c_ends_it_with_a_report_of_what_was_done(self, practice: Practice) -> None:
        with Terminal(practice, "interview", "--seed", "3") as terminal:
            terminal.until("Question 1 of 4")
            terminal.press("It has parts.\n.\n")
            terminal.until("About that")
            terminal.press("half an ans\x03")
            assert terminal.status() == 130
            assert "You ended it early." in terminal.screen
            assert "Traceback" not in terminal.screen
        assert "It has parts." in reports(practice)[1].read_text(encoding="utf-8")
        assert len(answers_in(practice)) == 1

    def test_ctrl_c_at_once_leaves_nothing(self, practice: Practice) -> None:
        with Terminal(practice, "interview", "--seed", "3") as terminal:
            terminal.until("Question 1 of 4")
            terminal.process.send_signal(signal.SIGINT)
            assert terminal.status() == 130
            assert "there is no report" in terminal.screen
        assert not (practice.folder / "interviews").exists()
