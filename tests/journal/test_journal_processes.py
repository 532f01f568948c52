"""Real processes, really killed: nothing is lost, nothing is there twice, and what is left can be read."""

from __future__ import annotations

import fcntl
import random
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from journal_process import DRAINING, RECORDING, start
from postgres_server import Server
from verdicts import verdict

from grader.journal import Home, Journal, JournalError


def ended(process: object, *, seconds: float = 120) -> str:
    out, err = process.communicate(timeout=seconds)  # type: ignore[attr-defined]
    assert process.returncode == 0, err  # type: ignore[attr-defined]
    return str(out)


def killed(process: object) -> None:
    process.communicate(timeout=120)  # type: ignore[attr-defined]
    assert process.returncode == -signal.SIGKILL  # type: ignore[attr-defined]


@pytest.mark.parametrize("place", DRAINING)
def test_killed_while_the_inbox_is_emptied(home: Home, open_journal: Callable[[], Journal], place: str) -> None:
    light = Journal(home)
    kept = [light.record(verdict(), str(number)) for number in range(4)]
    light.note("hint", "scale")
    killed(start(home, "drain", place))
    assert light.state() == {"scale": "started"}
    assert light.hints_since_last("scale") == 1
    assert light.last() == kept[-1]
    kept.append(light.record(verdict(passed=True), "5"))
    journal = open_journal()
    assert journal.attempts() == kept
    assert len(journal.notes()) == 1
    assert len(journal.cards()) == 1
    assert list((home.folder / "inbox").iterdir()) == []


@pytest.mark.parametrize("place", RECORDING)
def test_killed_while_it_records(home: Home, open_journal: Callable[[], Journal], place: str) -> None:
    killed(start(home, "record", 5, place))
    assert Journal(home).hints_since_last("scale") == 0
    journal = open_journal()
    assert [attempt.outcome for attempt in journal.attempts()] == ["failed", "passed"]
    assert len(journal.notes()) == 1


@pytest.mark.parametrize("place", ["before the commit", "after the commit"])
def test_killed_while_it_imports(home: Home, open_journal: Callable[[], Journal], tmp_path: Path, place: str) -> None:
    other = Journal(Home(tmp_path / "other"))
    for number in range(10):
        other.record(verdict(), str(number))
    file = tmp_path / "journal.json"
    file.write_text(other.export(), encoding="utf-8")
    other.close()
    open_journal().attempts()  # the tables are there
    killed(start(home, "import", str(file), place))
    journal = open_journal()
    assert len(journal.attempts()) == (10 if place == "after the commit" else 0)
    journal.import_(file.read_text(encoding="utf-8"), "file")
    assert len(journal.attempts()) == 10


def test_killed_at_any_moment(home: Home, open_journal: Callable[[], Journal]) -> None:
    light = Journal(home)
    draw = random.Random(7)
    count = 0
    for _ in range(8):
        for _ in range(40):
            light.record(verdict(), "")
            count += 1
        process = start(home, "drain")
        time.sleep(draw.uniform(0.25, 0.9))
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
    assert len(open_journal().attempts()) == count


def test_several_terminals_at_once_lose_nothing(home: Home, open_journal: Callable[[], Journal]) -> None:
    writers = [start(home, "record", 40) for _ in range(3)]
    readers = []
    while any(writer.poll() is None for writer in writers):
        readers.append(start(home, "drain"))  # the first two make the tables at the same time
        readers.append(start(home, "drain"))
        counts = [int(ended(reader)) for reader in readers[-2:]]
        assert all(0 <= count <= 120 for count in counts)
    for writer in writers:
        ended(writer)
    journal = open_journal()
    assert len(journal.attempts()) == len(journal.notes()) == 120
    assert len({attempt.id for attempt in journal.attempts()}) == 120
    assert list((home.folder / "inbox").iterdir()) == []


def test_several_imports_at_once_are_one(home: Home, open_journal: Callable[[], Journal], tmp_path: Path) -> None:
    other = Journal(Home(tmp_path / "other"))
    for number in range(30):
        other.record(verdict(), str(number))
    file = tmp_path / "journal.json"
    file.write_text(other.export(), encoding="utf-8")
    other.close()
    imports = [start(home, "import", str(file)) for _ in range(3)]
    assert sum(int(ended(one)) for one in imports) == 30
    assert len(open_journal().attempts()) == 30


class TestInUse:
    """Another program holds what is needed: one line after a moment, and everything is there afterwards."""

    def held_up(self, journal: Journal) -> None:
        journal.record(verdict(), "")
        began = time.monotonic()
        with pytest.raises(JournalError, match="in use by another program; nothing is lost"):
            journal.attempts()
        assert time.monotonic() - began < 15
        began = time.monotonic()
        journal.record(verdict(passed=True), "")
        assert journal.state() == {"scale": "passed"}
        assert time.monotonic() - began < 1, "who records does not wait"

    def test_the_file(self, tmp_path: Path) -> None:
        journal = Journal(Home(tmp_path))
        assert journal.attempts() == []
        holder = sqlite3.connect(journal.home.database, isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
        self.held_up(journal)
        holder.execute("ROLLBACK")
        holder.close()
        assert len(journal.attempts()) == 2
        journal.close()

    def test_the_server(self, tmp_path: Path, postgres: Server) -> None:
        import psycopg

        from grader.journal.database import _ADVISORY

        journal = Journal(Home(tmp_path, postgres.database()))
        assert journal.attempts() == []
        with psycopg.connect(journal.home.url) as holder:
            holder.execute("SELECT pg_advisory_xact_lock(%s)", [_ADVISORY])
            self.held_up(journal)
            holder.rollback()
        assert len(journal.attempts()) == 2
        journal.close()

    def test_the_lock_of_this_machine(self, home: Home, open_journal: Callable[[], Journal]) -> None:
        journal = open_journal()
        assert journal.attempts() == []
        with (home.folder / "lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.held_up(journal)
        assert len(journal.attempts()) == 2


def test_a_reader_and_a_writer_do_not_wait_for_each_other(tmp_path: Path) -> None:
    journal = Journal(Home(tmp_path))
    journal.record(verdict(), "")
    assert len(journal.attempts()) == 1
    holder = sqlite3.connect(journal.home.database, isolation_level=None)
    assert holder.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    holder.execute("BEGIN IMMEDIATE")
    holder.execute("DELETE FROM attempts")
    assert len(journal.attempts()) == 1
    holder.execute("ROLLBACK")
    holder.close()
    journal.close()


def test_a_server_that_went_away_and_came_back(tmp_path: Path, postgres: Server) -> None:
    journal = Journal(Home(tmp_path, postgres.database()))
    assert journal.attempts() == []
    others = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = 'postgres'"
    )
    postgres.execute(others)
    journal.record(verdict(), "")
    assert len(journal.attempts()) == 1
    journal.close()
