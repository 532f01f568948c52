"""The journal's database, SQLite and PostgreSQL alike."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from postgres_server import Server
from verdicts import verdict

from grader.journal import Answer, Home, Journal, JournalError
from grader.journal.entries import Attempt, Entry, Note, new_id

NASTY = 'it\'s 100% "right"; -- \\ \n\t你好 \U0001f600 %s :name {}'
START = datetime(2026, 3, 1, 9, tzinfo=UTC)


def answered(journal: Journal, question: str = "bert-structure", score: float = 0.5) -> Answer:
    outcome = "adequate" if score > 0.7 else "partial"
    return journal.record_answer(question, language="zh", text="编码器", grade={"a": [1]}, score=score, outcome=outcome)


def test_gives_back_what_was_recorded(journal: Journal, open_journal: Callable[[], Journal]) -> None:
    attempts = [journal.record(one, "source") for one in (verdict(), verdict(passed=True), verdict("lora"))]
    notes = [journal.note("gave_up", "scale"), journal.note("reset", "scale")]
    answers = [answered(journal), answered(journal, "gan", 1)]
    disputes = [journal.dispute(answers[0], "encoder")]
    for one in (journal, open_journal()):
        assert one.attempts() == attempts
        assert one.attempts("scale") == attempts[:2]
        assert one.notes("scale") == notes
        assert one.notes("lora") == []
        assert one.answers() == answers
        assert one.answers("gan") == answers[1:]
        assert one.disputes("bert-structure") == disputes
        assert one.disputes("gan") == []
    assert journal.attempts()[0].time.utcoffset() == timedelta(0)


def test_a_long_lived_journal_sees_what_comes_later(journal: Journal, open_journal: Callable[[], Journal]) -> None:
    assert journal.attempts() == []
    open_journal().record(verdict(), "")
    assert len(journal.attempts()) == 1
    journal.close()
    assert len(journal.attempts()) == 1


def test_every_text_survives(journal: Journal) -> None:
    kept = journal.record_answer(
        "q",
        language="en",
        text=NASTY,
        grade={NASTY: NASTY, "nul": "\0", "half": "\ud800"},
        score=1,
        outcome="adequate",
    )
    attempt = journal.record(verdict("scale", message=NASTY + "\0\ud800"), "\udc80")
    (answer,) = journal.answers("q")
    assert answer.text == NASTY
    assert answer.grade[NASTY] == NASTY
    assert (answer.id, answer.time) == (kept.id, kept.time)
    (found,) = journal.attempts()
    assert found.id == attempt.id
    assert found.verdict.checks[0].message.en.startswith(NASTY)


def test_text_that_no_database_holds_is_cleaned_and_never_keeps_others_out(journal: Journal) -> None:
    journal.record_answer("q", language="en", text="a\0b\ud800", grade={}, score=2.0, outcome="adequate")
    journal.record(verdict(), "")
    (answer,) = journal.answers()
    assert (answer.question, answer.text, answer.score) == ("q", "a\ufffdb?", 1.0)
    assert len(journal.attempts()) == 1


def test_a_grade_that_is_no_json_is_refused_at_once(journal: Journal) -> None:
    for grade in ({"x": float("nan")}, {"x": object()}):
        with pytest.raises(OSError, match=r"JSON"):
            journal.record_answer("q", language="en", text="", grade=grade, score=1, outcome="adequate")


def test_log_is_the_latest_of_everything(journal: Journal) -> None:
    for number in range(5):
        journal.record(verdict(), str(number))
        answered(journal)
    log, count = journal.log(3)
    assert count == 10
    assert [(line.kind, line.subject, line.points, line.max_points) for line in log] == [
        ("question", "bert-structure", 0.5, 1),
        ("exercise", "scale", 0, 2),
        ("question", "bert-structure", 0.5, 1),
    ]
    assert len(journal.log()[0]) == 10
    assert log == sorted(log, key=lambda line: line.time)


def entry_at(day: int, exercise: str = "scale", *, outcome: str = "failed") -> Attempt:
    from grader.verdict import pack

    packed = pack(verdict(exercise, passed=outcome == "passed"))
    return Attempt(new_id(), START + timedelta(days=day), exercise, "x", outcome, 0.0, 2.0, packed)


def put(journal: Journal, *entries: Entry) -> None:
    for entry in entries:
        journal._inbox.put(entry)


def test_streak_is_in_days_of_the_users_clock(journal: Journal) -> None:
    put(journal, *(entry_at(day) for day in (0, 2, 3, 4)))
    assert journal.streak(START + timedelta(days=4)) == 3
    assert journal.streak(START + timedelta(days=5)) == 3, "today is not over yet"
    assert journal.streak(START + timedelta(days=6)) == 0


def test_cards_follow_from_what_happened_in_whatever_order_it_comes_in(
    journal: Journal, open_journal: Callable[[], Journal]
) -> None:
    first, reset, second = entry_at(0, outcome="passed"), None, entry_at(9, outcome="passed")
    reset = Note(new_id(), START + timedelta(days=9) - timedelta(hours=1), "reset", "scale")
    put(journal, second)
    (late,) = journal.cards()
    put(journal, reset, first)
    (card,) = journal.cards()
    assert card.reviewed == late.reviewed == second.time
    assert card.due > late.due, "known for the second time"
    assert journal.due(START + timedelta(days=9)) == []
    assert journal.due(card.due) == [card]
    assert journal.due(card.due.replace(hour=0)) == [card] or card.due.astimezone().date() != card.due.date()


def test_answers_are_due_as_well_the_most_forgotten_first(journal: Journal) -> None:
    answered(journal, "gan", 0.2)
    answered(journal, "gpt-3", 1.0)
    journal.record(verdict(passed=True), "")
    at = datetime.now(UTC) + timedelta(days=30)
    assert [card.subject for card in journal.due(at)] == ["gan", "gpt-3", "scale"] or [
        card.subject for card in journal.due(at)
    ] == ["gan", "scale", "gpt-3"]
    assert {(card.kind, card.subject): card.score for card in journal.cards()} == {
        ("question", "gan"): 0.2,
        ("question", "gpt-3"): 1.0,
        ("exercise", "scale"): 1.0,
    }


class TestExportAndImport:
    def full(self, journal: Journal) -> str:
        journal.record(verdict(message=NASTY), "a")
        journal.note("hint", "scale")
        journal.record(verdict(passed=True), "b")
        journal.dispute(answered(journal), "encoder")
        return journal.export()

    def test_round_trip(self, journal: Journal, tmp_path: Path) -> None:
        text = self.full(journal)
        other = Journal(Home(tmp_path / "other"))
        assert other.import_(text, "file") == (5, 5)
        assert other.export() == text
        assert other.cards() == journal.cards()
        assert other.state() == {"scale": "passed"}
        assert other.last("scale") == journal.last("scale")
        other.close()

    def test_twice_is_once(self, journal: Journal) -> None:
        text = self.full(journal)
        assert journal.import_(text, "file") == (0, 5)
        assert journal.import_(text, "file") == (0, 5)
        assert journal.export() == text

    def test_adds_to_what_is_there(self, journal: Journal, tmp_path: Path) -> None:
        text = self.full(journal)
        other = Journal(Home(tmp_path / "other"))
        mine = other.record(verdict("lora"), "")
        assert other.import_(text, "file") == (5, 5)
        assert other.attempts("lora") == [mine]
        assert other.state() == {"scale": "passed", "lora": "started"}
        other.close()

    def test_of_nothing(self, journal: Journal) -> None:
        text = journal.export()
        assert json.loads(text)["attempts"] == []
        assert journal.import_(text, "file") == (0, 0)

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("", "f.json: is not JSON, line 1"),
            ("[" * 100_000, "f.json: is not JSON"),
            ("[]", "is not an exported journal"),
            ('{"journal": "something else", "format": 1}', "is not an exported journal"),
            ('{"journal": "practice journal", "format": 2}', "a later version"),
            ('{"journal": "practice journal", "format": 1, "notes": {}}', "notes is not a list"),
            ('{"journal": "practice journal", "format": 1, "notes": [3]}', "notes, 1: is no object"),
            ('{"journal": "practice journal", "format": 1, "notes": [{}]}', "notes, 1: id: is missing"),
        ],
    )
    def test_anything_else_is_refused_in_one_line(self, journal: Journal, text: str, told: str) -> None:
        with pytest.raises(JournalError) as refused:
            journal.import_(text, "f.json")
        assert told in refused.value.say("en")
        assert "\n" not in refused.value.say("en") + refused.value.say("zh")

    def test_all_of_it_or_nothing(self, journal: Journal) -> None:
        found = json.loads(self.full(journal))
        for row in found["attempts"]:
            row["id"] = new_id()
        found["disputes"][0]["answer"] = "?"
        before = journal.export()
        with pytest.raises(JournalError, match="disputes, 1: answer"):
            journal.import_(json.dumps(found), "f.json")
        assert journal.export() == before


class TestAnotherMachine:
    """One database on a server, two folders."""

    @pytest.fixture
    def here_and_there(self, postgres: Server, tmp_path: Path) -> tuple[Journal, Journal]:
        url = postgres.database()
        return Journal(Home(tmp_path / "here", url)), Journal(Home(tmp_path / "there", url))

    def test_sees_what_was_done_here(self, here_and_there: tuple[Journal, Journal]) -> None:
        here, there = here_and_there
        kept = here.record(verdict(passed=True), "")
        here.attempts()
        assert there.state() == {}
        there.catch_up()
        assert there.state() == {"scale": "passed"}
        assert there.last("scale") == kept
        there.record(verdict("lora"), "")
        assert len(there.attempts()) == 2
        assert len(here.attempts()) == 2
        assert here.state() == {"scale": "passed", "lora": "started"}
        here.close()
        there.close()


class TestRefusals:
    """One line, and nothing is touched or lost."""

    def refused(self, home: Home) -> str:
        journal = Journal(home)
        kept = journal.record(verdict(), "")
        with pytest.raises(JournalError) as error:
            journal.attempts()
        assert journal.state() == {"scale": "started"}
        assert journal.last("scale") == kept
        for language in ("en", "zh"):
            assert "\n" not in error.value.say(language)
        return error.value.say("en")

    @pytest.mark.parametrize(
        ("url", "told"),
        [
            ("nonsense", "PRACTICE_DATABASE_URL is not understood"),
            ("mysql://host/x", "PRACTICE_DATABASE_URL is not understood"),
            ("postgresql://host:port/x", "PRACTICE_DATABASE_URL is not understood"),
            ("postgresql://me:secret@127.0.0.1:1/x", "postgresql://me@127.0.0.1:1/x cannot be used: "),
            ("sqlite:////dev/null/x.db", "sqlite:////dev/null/x.db cannot be used: unable to open"),
        ],
    )
    def test_an_address_that_leads_nowhere(self, tmp_path: Path, url: str, told: str) -> None:
        said = self.refused(Home(tmp_path / "data", url))
        assert told in said
        assert "secret" not in said

    def test_a_file_that_is_no_database(self, tmp_path: Path) -> None:
        home = Home(tmp_path)
        home.database.write_text("dear diary, " * 100)
        assert "is no database: move it away" in self.refused(home)
        assert home.database.read_text() == "dear diary, " * 100

    def test_a_database_of_somebody_elses(self, tmp_path: Path) -> None:
        home = Home(tmp_path)
        with sqlite3.connect(home.database) as connection:
            connection.execute("CREATE TABLE attempts (x)")
        assert "cannot be used: table attempts already exists" in self.refused(home)
        with sqlite3.connect(home.database) as connection:
            assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("attempts",)]

    def test_a_server_address_without_a_driver(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        import sys

        monkeypatch.setitem(sys.modules, "psycopg", None)
        said = self.refused(Home(tmp_path, "postgresql://me@127.0.0.1:1/x"))
        assert "pip install 'practice-llm[postgres]'" in said

    @pytest.mark.parametrize("spelling", ["postgres://", "postgresql://", "postgresql+psycopg://"])
    def test_every_spelling_of_an_address(self, postgres: Server, tmp_path: Path, spelling: str) -> None:
        journal = Journal(Home(tmp_path, postgres.database().replace("postgresql://", spelling)))
        journal.record(verdict(), "")
        assert len(journal.attempts()) == 1
        journal.close()

    def test_sqlite_elsewhere(self, tmp_path: Path) -> None:
        journal = Journal(Home(tmp_path / "data", f"sqlite:///{tmp_path}/mine.db"))
        journal.record(verdict(), "")
        assert len(journal.attempts()) == 1
        assert (tmp_path / "mine.db").exists()
        journal.close()


def test_dates_of_the_streak_need_no_order() -> None:
    from grader.journal.schedule import days_in_a_row

    today = date(2026, 3, 1)
    days = [date(2026, 2, 27), today, date(2026, 2, 28), today]
    assert days_in_a_row(days, today) == 3
    assert days_in_a_row([], today) == 0
