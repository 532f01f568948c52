"""What grading needs of the journal: written at once, read without a database, whatever happened to the files."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from verdicts import verdict

from grader.journal import Home, Journal
from grader.journal.entries import clean, new_id, read_entry
from grader.journal.inbox import Inbox


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "data" / "practice")


def inbox(home: Home) -> list[Path]:
    return sorted((home.folder / "inbox").iterdir())


class TestBeforeADatabaseIsOpened:
    def test_of_nothing_is_empty(self, journal: Journal, home: Home) -> None:
        assert journal.last() is None
        assert journal.state() == {}
        assert not journal.begun
        assert not home.folder.exists()

    def test_gives_back_what_was_recorded(self, journal: Journal) -> None:
        given = [verdict(), verdict(passed=True), verdict("lora")]
        kept = [journal.record(one, "source") for one in given]
        assert journal.last() == kept[-1]
        assert journal.last("scale") == kept[1]
        assert [one.verdict for one in kept] == given
        assert abs(kept[0].time.timestamp() - time.time()) < 60

    def test_passed_once_is_passed(self, journal: Journal) -> None:
        for one in (verdict(passed=True), verdict(), verdict("lora")):
            journal.record(one, "")
        assert journal.state() == {"scale": "passed", "lora": "started"}

    def test_tells_sources_apart(self, journal: Journal) -> None:
        first, second, third = (journal.record(verdict(), source).sha256 for source in ("x", "y", "x"))
        assert first == third != second

    def test_counts_hints_since_the_last_attempt(self, journal: Journal) -> None:
        journal.note("hint", "scale")
        assert journal.hints_since_last("scale") == 1
        assert journal.state() == {}, "a hint is no attempt"
        journal.record(verdict(), "")
        for kind, exercise in (("hint", "scale"), ("gave_up", "scale"), ("hint", "lora"), ("hint", "scale")):
            journal.note(kind, exercise)
        assert journal.hints_since_last("scale") == 2
        journal.record(verdict(), "")
        assert journal.hints_since_last("scale") == 0

    def test_needs_no_database(self, home: Home) -> None:
        code = (
            "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2])\n"
            "from grader.journal import Home, Journal; from verdicts import verdict\n"
            "journal = Journal(Home(Path(sys.argv[1])))\n"
            "journal.record(verdict(), ''); journal.note('hint', 'scale')\n"
            "journal.state(), journal.last('scale'), journal.hints_since_last('scale')\n"
            "print(sorted({'sqlalchemy', 'alembic', 'fsrs', 'sqlite3', 'psycopg', 'yaml'} & set(sys.modules)))\n"
        )
        here = str(Path(__file__).parent)
        words = [sys.executable, "-c", code, str(home.folder), here]
        done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
        assert done.stdout == "[]\n"
        assert not home.database.exists()


def test_says_the_same_before_and_after_the_database_has_it(
    journal: Journal, open_journal: Callable[[], Journal], home: Home
) -> None:
    for number in range(3):
        journal.record(verdict(passed=number == 1), str(number))
        journal.note("hint", "scale")
    journal.record(verdict("lora"), "")

    def told(one: Journal) -> tuple[object, ...]:
        return one.standing(), one.state(), one.last(), one.last("scale"), one.hints_since_last("scale")

    before = told(journal)
    assert len(journal.attempts()) == 4
    assert inbox(home) == []
    assert told(journal) == told(open_journal()) == before
    journal.note("hint", "scale")
    assert journal.hints_since_last("scale") == 2


def test_an_entry_that_has_not_left_the_inbox_yet_counts_once(journal: Journal, home: Home) -> None:
    journal.record(verdict(), "")
    journal.note("hint", "scale")
    kept = {path: path.read_bytes() for path in inbox(home)}
    assert len(journal.attempts()) == 1
    for path, data in kept.items():  # as if killed before they were removed
        path.write_bytes(data)
    assert journal.hints_since_last("scale") == 1
    assert len(journal.attempts()) == len(journal.notes()) == 1


@pytest.mark.parametrize(
    "rubbish",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"[" * 100_000,
        b'{"format": 1}',
        b'{"format": 1, "table": "attempts", "entry": {}}',
        b'{"format": 1, "table": "elsewhere", "entry": {}}',
        b'{"format": 1, "table": "notes", "entry": 3}',
    ],
)
def test_passes_over_what_it_cannot_read_and_keeps_it(journal: Journal, home: Home, rubbish: bytes) -> None:
    journal.record(verdict(), "")
    name = f"{time.time_ns():019d}.attempt.scale.failed.{new_id()}.json"
    (home.folder / "inbox" / name).write_bytes(rubbish)
    assert journal.last("scale") is not None
    assert len(journal.attempts()) == 1
    assert [path.read_bytes() for path in inbox(home)] == [rubbish]
    assert journal.state() == {"scale": "started"}


def test_what_a_later_version_wrote_waits_for_it(journal: Journal, home: Home) -> None:
    journal.record(verdict(), "")
    (path,) = inbox(home)
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 2}))
    assert journal.attempts() == []
    assert inbox(home) == [path]


@pytest.mark.parametrize("rubbish", ["", "{}", "[]", '{"format": 1}', '{"format": 1, "drained": 3, "exercises": []}'])
def test_a_broken_snapshot_is_as_good_as_none(journal: Journal, home: Home, rubbish: str) -> None:
    journal.record(verdict(), "")
    assert len(journal.attempts()) == 1
    (home.folder / "standing.json").write_text(rubbish)
    assert journal.state() == {}
    journal.record(verdict(), "")
    assert len(journal.attempts()) == 2, "whoever opens the database writes it again"
    assert journal.state() == {"scale": "started"}


def test_files_that_are_no_entries_do_no_harm(journal: Journal, home: Home) -> None:
    journal.record(verdict(), "")
    for name in ("x.tmp", "notes.txt", "1.json", "x.attempt.scale.failed.y.json"):
        (home.folder / "inbox" / name).write_text("")
    assert len(journal.attempts()) == 1
    assert journal.state() == {"scale": "started"}
    assert len(inbox(home)) == 4


def test_what_cannot_be_written_is_an_error_of_the_system(journal: Journal, home: Home) -> None:
    home.folder.parent.mkdir(parents=True)
    home.folder.write_text("in the way")
    with pytest.raises(OSError, match=r"exists|directory"):
        journal.record(verdict(), "")


def test_a_full_disk_leaves_no_half_entry(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(home)
    journal.record(verdict(), "")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        journal.record(verdict(passed=True), "")
    assert len(inbox(home)) == 1
    assert journal.state() == {"scale": "started"}


def test_what_a_killed_process_left_half_written_is_swept_up(journal: Journal, home: Home) -> None:
    """However old it is: the kernel says whether anybody still writes it, and the clock may be wrong."""
    journal.record(verdict(), "")
    left, at_work = (home.folder / "inbox" / name for name in (".left.tmp", ".at_work.tmp"))
    left.write_text("half")
    with at_work.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        os.utime(at_work, (0, 0))
        journal.attempts()
        assert inbox(home) == [at_work]


def test_an_entry_that_was_swept_up_before_it_was_locked_is_written_again(
    journal: Journal, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.record(verdict(), "")
    lock = fcntl.flock

    def swept(file: Any, operation: int) -> None:
        monkeypatch.undo()
        for path in (home.folder / "inbox").glob(".*.tmp"):
            path.unlink()
        lock(file, operation)

    monkeypatch.setattr(fcntl, "flock", swept)
    journal.record(verdict(passed=True), "")
    assert journal.state() == {"scale": "passed"}


class TestEntries:
    def test_ids_are_random_uuids(self) -> None:
        import uuid

        ids = {new_id() for _ in range(100)}
        assert len(ids) == 100
        assert {(uuid.UUID(id).version, uuid.UUID(id).variant) for id in ids} == {(4, uuid.RFC_4122)}

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            ({"id": "1"}, "id"),
            ({"id": "0B6C0000-0000-4000-8000-000000000000"}, "id"),
            ({"time": "yesterday"}, "time"),
            ({"time": "2026-01-01T00:00:00"}, "time"),
            ({"time": "0001-01-01T00:00:00+12:00"}, "time"),
            ({"time": 3}, "time"),
            ({"question": ""}, "question"),
            ({"question": ["q"]}, "question"),
            ({"question": "../../x"}, "question"),
            ({"question": ".x"}, "question"),
            ({"score": 1.5}, "score"),
            ({"score": float("nan")}, "score"),
            ({"score": True}, "score"),
            ({"grade": []}, "grade"),
            ({"grade": {"x": float("inf")}}, "grade"),
            ({"more": 1}, "more: is not known"),
        ],
    )
    def test_say_which_key_is_wrong(self, change: dict[str, object], told: str) -> None:
        right = {
            "id": new_id(),
            "time": "2026-01-01T00:00:00+00:00",
            "question": "q",
            "language": "en",
            "text": "",
            "score": 1,
            "outcome": "adequate",
            "grade": {},
        }
        read_entry("answers", right)
        with pytest.raises(ValueError, match=told):
            read_entry("answers", {**right, **change})
        for name in right:
            with pytest.raises(ValueError, match=f"{name}: is missing"):
                read_entry("answers", {key: value for key, value in right.items() if key != name})

    def test_text_loses_only_what_no_database_holds(self) -> None:
        assert clean("a\0b\ud800c 你好 \U0001f600\t\r\n") == "a\ufffdb?c 你好 \U0001f600\t\r\n"
        assert clean("\x1b]0;title\x07\x9b2J") == "\ufffd]0;title\ufffd\ufffd2J"


class TestHome:
    @pytest.mark.parametrize(
        ("environment", "folder"),
        [
            ({"HOME": "/home/me"}, "/home/me/.local/share/practice"),
            ({"HOME": "/home/me", "XDG_DATA_HOME": "/data"}, "/data/practice"),
            ({"HOME": "/home/me", "XDG_DATA_HOME": "data"}, "/home/me/.local/share/practice"),
            ({"HOME": "/home/me", "PRACTICE_DATABASE_URL": " "}, "/home/me/.local/share/practice"),
        ],
    )
    def test_is_where_the_user_keeps_data(self, environment: dict[str, str], folder: str) -> None:
        assert Home.of_user(environment) == Home(Path(folder))

    def test_each_address_has_an_inbox_of_its_own_and_a_new_password_has_the_same(self) -> None:
        def folder(url: str) -> Path:
            return Home.of_user({"HOME": "/home/me", "PRACTICE_DATABASE_URL": url}).folder

        assert folder("postgresql://me@host/a") != folder("postgresql://me@host/b") != folder("")
        assert folder("postgresql://me:old@host/a") == folder("postgresql://me:n:ew@host/a")

    def test_shows_no_password(self) -> None:
        home = Home.of_user({"HOME": "/home/me", "PRACTICE_DATABASE_URL": "postgresql://me:secret@host/a"})
        assert home.where == "postgresql://me@host/a"


def test_names_in_the_inbox_keep_what_they_say() -> None:
    from grader.journal.inbox import _parsed

    id = new_id()
    found = _parsed(f"0001795448112345678.attempt.dotted.name.failed.{id}.json")
    assert found is not None
    assert (found.kind, found.subject, found.outcome, found.id) == ("attempt", "dotted.name", "failed", id)
    assert Inbox(Path("/nowhere")).waiting() == []
