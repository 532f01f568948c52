"""The commands of the journal: history, review, export and import, and what `practice` alone says of it."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from practice_command import DIVIDES, RIGHT, Practice

from grader.errors import Text
from grader.journal import Answer, Attempt, Home, Journal
from grader.journal.entries import Entry, Note, new_id
from grader.verdict import CheckResult, Verdict, pack

NOW = datetime.now(UTC)


def tried(exercise: str, days_ago: float, *, passed: bool) -> Attempt:
    points = 4.0 if passed else 2.0
    title = Text("Every entry is multiplied", "每个元素都乘上了")
    outcome = "passed" if passed else "failed"
    hint = Text("Try one.", "试一个。")
    check = CheckResult("test_values", title, outcome, points, 4.0, hint=hint)
    verdict = Verdict(exercise, f"attempts/{exercise}.py", (check,), (), "strict", (), "x", 0.1)
    time = NOW - timedelta(days=days_ago)
    return Attempt(new_id(), time, exercise, "x", outcome, points, 4.0, pack(verdict))


def answered(question: str, days_ago: float, score: float) -> Answer:
    outcome = "adequate" if score > 0.7 else "partial" if score > 0.4 else "inadequate"
    time = NOW - timedelta(days=days_ago)
    return Answer(new_id(), time, question, "en", "It averages\nvalues by their weights.", score, outcome, {})


def given(practice: Practice, *entries: Entry) -> Journal:
    """What happened before the test, as the commands would have written it."""
    journal = Journal(Home(practice.journal))
    for entry in entries:
        journal._inbox.put(entry)
    return journal


class TestOverview:
    def test_of_a_journal_shows_streak_mastery_and_what_is_due(self, practice: Practice) -> None:
        given(
            practice,
            tried("self_attention", 60, passed=True),
            tried("lora_linear", 1, passed=False),
            answered("self-attention", 30, 0.5),
            answered("gan", 0, 1.0),
        )
        done = practice()
        assert done.returncode == 0
        assert done.stderr == ""
        lines = done.stdout.splitlines()
        assert re.fullmatch(r"1 passed · 1 started · \d+ open", lines[0])
        assert lines[1].startswith("Last: lora_linear, not passed, 2/4 points, ")
        assert lines[2] == "2 days in a row"
        attention = next(line for line in lines if line.startswith("  attention"))
        assert re.fullmatch(r"  attention +\d+%  1/\d+ exercises · 1/\d+ questions", attention)
        assert re.search(r"^  quantization +0%  0/\d+ exercises · 0/\d+ questions$", done.stdout, re.M)
        assert lines[-2:] == [
            "Due today: 1 question, 1 exercise: practice review",
            "Go on: practice run lora_linear",
        ]

    def test_in_chinese(self, practice: Practice) -> None:
        given(practice, tried("self_attention", 60, passed=True), answered("gan", 0, 1.0))
        done = practice("--lang", "zh")
        assert "连续 1 天" in done.stdout
        assert re.search(r"^  注意力 +\d+%  练习 1/\d+ · 问答 0/\d+$", done.stdout, re.M)
        assert "今天该复习：1 道编程练习：practice review" in done.stdout

    def test_in_a_folder_where_nothing_was_begun_yet(self, practice: Practice) -> None:
        assert "nothing begun in this folder" in practice().stdout
        assert not practice.journal.exists(), "looking leaves nothing behind"
        given(practice, tried("self_attention", 0, passed=True))
        assert practice().stdout.startswith("1 passed")

    def test_without_the_database_costs_one_line(self, practice: Practice) -> None:
        given(practice, tried("self_attention", 0, passed=True))
        (practice.journal / "journal.db").write_text("dear diary, " * 100)
        done = practice()
        assert done.returncode == 0
        assert done.stdout.startswith("1 passed")
        assert "Next: practice run" in done.stdout
        (line,) = done.stderr.splitlines()
        assert line.startswith("the journal ~/.local/share/practice/journal.db is no database")


class TestReview:
    def test_of_nothing(self, practice: Practice) -> None:
        done = practice("review")
        assert done.returncode == 0
        assert done.stdout.splitlines()[0].startswith("Nothing to review yet")
        assert not practice.journal.exists()

    def test_leads_to_questions_and_exercises(self, practice: Practice) -> None:
        given(
            practice,
            answered("self-attention", 30, 0.2),
            tried("self_attention", 60, passed=True),
            tried("lora_linear", 90, passed=True),
            answered("of-another-kit", 30, 0.2),
        )
        practice.write("# mine\n", "lora_linear")
        done = practice("review")
        lines = done.stdout.splitlines()
        assert lines[0] == "Due today: 1 question, 2 exercises"
        assert [line.rpartition("  ")[2] for line in lines[1:4]] == [
            "practice ask self-attention",
            "practice reset lora_linear",
            "practice run self_attention",
        ]
        assert lines[4].startswith("An exercise is done again from its stub")
        assert "of-another-kit" not in done.stdout
        again = practice("review", "--lang", "zh")
        assert again.stdout.startswith("今天该复习：1 道问答题、2 道编程练习\n")

    def test_says_when_the_next_is_due(self, practice: Practice) -> None:
        given(practice, tried("self_attention", 0, passed=True))
        day = (NOW + timedelta(days=8)).astimezone().strftime("%Y-%m-%d")
        assert practice("review").stdout.startswith(f"Nothing is due today; next on {day}.\n")

    def test_an_exercise_done_again_from_its_stub_is_due_later(self, practice: Practice) -> None:
        practice.write(RIGHT)
        journal = given(practice, tried("scale", 60, passed=True))
        content = ("--content", practice.content)
        assert "practice reset scale" in practice("review", *content).stdout
        assert practice.graded("scale").returncode == 0
        assert journal.due() == [], "other code, and it was due"
        practice("reset", "scale", *content)
        assert [note.kind for note in journal.notes("scale")] == ["reset"]
        journal.close()

    def test_handing_out_once_more_counts_as_a_reset(self, practice: Practice) -> None:
        journal = given(practice, tried("scale", 60, passed=True))
        assert practice.graded("scale").returncode == 0
        assert [note.kind for note in journal.notes("scale")] == ["reset"]
        assert practice.graded("brief").returncode == 0
        assert journal.notes("brief") == []
        journal.close()


class TestHistory:
    def test_of_everything(self, practice: Practice) -> None:
        given(practice, tried("self_attention", 2, passed=False), answered("gan", 1, 0.5))
        lines = practice("history").stdout.splitlines()
        assert re.fullmatch(r"20\d\d-\d\d-\d\d \d\d:\d\d  ✗     2/4  self_attention", lines[0])
        assert re.fullmatch(r"20\d\d-\d\d-\d\d \d\d:\d\d  ·     50%  gan", lines[1])

    def test_of_much_shows_the_latest(self, practice: Practice) -> None:
        given(practice, *(tried("self_attention", day, passed=False) for day in range(23)))
        lines = practice("history").stdout.splitlines()
        assert lines[0] == "(3 earlier: practice history --all)"
        assert len(lines) == 21
        assert len(practice("history", "--all").stdout.splitlines()) == 23

    def test_of_nothing(self, practice: Practice) -> None:
        done = practice("history")
        assert (done.returncode, done.stdout) == (0, "Nothing yet. Begin: practice run\n")

    def test_of_a_question(self, practice: Practice) -> None:
        answer = answered("self-attention", 1, 0.8)
        journal = given(practice, answer, tried("self_attention", 2, passed=True))
        journal.dispute(answer, "scaling")
        first, second = practice("history", "self-attention").stdout.splitlines()
        assert re.fullmatch(r"\S+ \S+  ✓     80%  It averages values by their weights\.", first)
        assert second.endswith("disputed: scaling counts as covered")
        assert "4/4" in practice("history", "self_attention").stdout

    def test_of_a_name_that_both_have(self, practice: Practice) -> None:
        given(practice, answered("gan", 1, 0.8), tried("gan_losses", 2, passed=True))
        assert "80%" in practice("history", "gan").stdout
        assert "4/4" in practice("history", "gan_l").stdout
        unanswered = practice("history", "bert-str")
        assert unanswered.returncode == 2
        assert "there is no answer to bert-structure yet" in unanswered.stderr
        unknown = practice("history", "nothing-of-the-sort")
        assert unknown.returncode == 2
        assert "there is no exercise 'nothing-of-the-sort'" in unknown.stderr

    def test_tells_of_giving_up_in_its_place(self, practice: Practice) -> None:
        gave_up = Note(new_id(), NOW - timedelta(days=2), "gave_up", "self_attention")
        given(practice, tried("self_attention", 3, passed=False), gave_up, tried("self_attention", 1, passed=True))
        lines = practice("history", "self_attention").stdout.splitlines()
        assert [line[18:25].strip() for line in lines] == ["✗     2", "gave up", "✓     4"]


class TestExportAndImport:
    def test_take_the_journal_to_another_machine(self, practice: Practice, tmp_path: Path) -> None:
        given(practice, tried("self_attention", 2, passed=True), answered("gan", 1, 0.5))
        done = practice("journal", "export", "mine.json")
        assert (done.returncode, done.stdout) == (0, "The journal is in mine.json.\n")
        text = (practice.folder / "mine.json").read_text(encoding="utf-8")
        assert practice("journal", "export", "-").stdout == text
        there = {"XDG_DATA_HOME": str(tmp_path / "there")}
        assert practice("journal", "import", "mine.json", **there).stdout == "2 new, 0 there already.\n"
        assert practice("journal", "import", "mine.json", **there).stdout == "0 new, 2 there already.\n"
        assert practice("journal", "export", "-", **there).stdout == text
        assert practice(**there).stdout.startswith("1 passed")
        assert list(practice.folder.glob(".mine*")) == []

    def test_through_a_pipe(self, practice: Practice, tmp_path: Path) -> None:
        given(practice, tried("self_attention", 2, passed=True))
        text = practice("journal", "export", "-").stdout
        done = subprocess.run(
            practice.command("journal", "import", "-", "--lang", "zh"),
            env={**practice.variables, "XDG_DATA_HOME": str(tmp_path / "there")},
            cwd=practice.folder,
            input=text,
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
        assert done.stdout == "新增 1 条，已有 0 条。\n"

    @pytest.mark.parametrize(
        ("words", "told"),
        [
            (["import", "nowhere.json"], "nowhere.json: No such file or directory"),
            (["import", "."], "Is a directory"),
            (["import", "binary"], "binary is not text"),
            (["import", "other.json"], "other.json: is not an exported journal"),
            (["export", "nowhere/mine.json"], "nowhere/mine.json: No such file or directory"),
        ],
    )
    def test_what_cannot_be_is_told_in_one_line(self, practice: Practice, words: list[str], told: str) -> None:
        (practice.folder / "binary").write_bytes(b"\xff\xfe\0")
        (practice.folder / "other.json").write_text(json.dumps({"journal": "another"}))
        done = practice("journal", *words)
        assert done.returncode == 2
        assert told in done.stderr
        assert len(done.stderr.splitlines()) == 1


class TestAJournalThatCannotBeUsed:
    """One line; a verdict is neither lost nor held back."""

    @pytest.fixture(params=["later", "unwritable", "no database", "nowhere"])
    def unusable(self, request: pytest.FixtureRequest, practice: Practice) -> dict[str, str]:
        journal = given(practice, tried("lora_linear", 1, passed=False))
        assert len(journal.attempts()) == 1
        journal.close()
        database = practice.journal / "journal.db"
        if request.param == "later":
            with sqlite3.connect(database) as connection:
                connection.execute("UPDATE journal_version SET version_num = '9999'")
        elif request.param == "unwritable":
            for end in ("", "-wal", "-shm"):
                database.with_name(f"journal.db{end}").unlink(missing_ok=True)
            database.mkdir()  # as root nothing else is unwritable
        elif request.param == "no database":
            database.write_text("dear diary, " * 100)
        else:
            return {"PRACTICE_DATABASE_URL": "postgresql://me:secret@127.0.0.1:1/journal"}
        return {}

    def test_costs_one_line(self, practice: Practice, unusable: dict[str, str]) -> None:
        practice.write(DIVIDES)
        graded = practice.graded("scale", **unusable)
        assert graded.returncode == 1
        assert "journal" not in graded.stderr
        assert "A hint: practice hint scale" in graded.stdout
        content = ("--content", practice.content)
        hint = practice("hint", "scale", *content, **unusable)
        assert hint.returncode == 0
        assert "Try a single entry by hand" in hint.stdout
        for words in (["history"], ["review"], ["journal", "export", "-"], ["history", "scale", *content]):
            done = practice(*words, **unusable)
            assert (done.returncode, done.stdout) == (2, "")
            (line,) = done.stderr.splitlines()
            assert line.startswith("error: the journal ")
            assert "secret" not in line
        home = Home.of_user({"HOME": str(practice.folder), **unusable})
        assert Journal(home).state()["scale"] == "started"


def test_no_light_command_waits_for_the_database(practice: Practice) -> None:
    practice.write(DIVIDES)
    code = (
        "import json, sys, grader.cli\n"
        "status = grader.cli.main()\n"
        "print(json.dumps([status, sorted(sys.modules)]), file=sys.stderr)\n"
    )
    content = ["--content", str(practice.content)]
    given(practice, tried("scale", 1, passed=False))
    for words, database in (
        (["run", "scale", *content], ""),
        (["run", "scale", *content], "postgresql://me@127.0.0.1:1/journal"),
        (["run", *content], ""),
        (["hint", "scale", *content], ""),
        (["list", *content], ""),
        (["reset", "scale", *content], ""),
    ):
        done = subprocess.run(
            [sys.executable, "-c", code, *words],
            env={**practice.variables, "PRACTICE_DATABASE_URL": database, "PYTHONPATH": str(Path.cwd())},
            cwd=practice.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        _, modules = json.loads(done.stderr.splitlines()[-1])
        assert not {"sqlalchemy", "alembic", "fsrs", "sqlite3", "psycopg"} & set(modules), words
