"""The journal: what was written is read again, whatever happened to the file in between."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from grader.errors import Text
from grader.journal import Journal
from grader.verdict import CheckResult, Diagnosis, Verdict


def verdict(exercise: str = "scale", *, passed: bool = False) -> Verdict:
    check = CheckResult(
        id="test_values",
        title=Text("Values", "数值"),
        outcome="passed" if passed else "failed",
        points=2 if passed else 0,
        max_points=2,
        message=Text("", "") if passed else Text("They differ.", "不一样。"),
    )
    told = () if passed else (Diagnosis(("divided",), Text("x is divided", "除了"), Text("Multiply.", "请相乘。")),)
    return Verdict(exercise, f"attempts/{exercise}.py", (check,), told, "strict", ("landlock",), "abc", 0.1)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "attempts" / ".practice" / "journal.jsonl")


def test_of_nothing_is_empty(journal: Journal) -> None:
    assert journal.attempts() == []
    assert journal.last() is None
    assert journal.state() == {}
    assert not journal.file.exists()


def test_gives_back_what_was_recorded(journal: Journal) -> None:
    given = [verdict(), verdict(passed=True), verdict("lora")]
    for one in given:
        journal.record(one, "source")
    assert [attempt.verdict for attempt in journal.attempts()] == given
    assert [attempt.outcome for attempt in journal.attempts("scale")] == ["failed", "passed"]
    last = journal.last("scale")
    assert last is not None
    assert (last.points, last.max_points, last.verdict.passed) == (2, 2, True)
    assert last.time.tzinfo is not None
    assert abs(last.time.timestamp() - time.time()) < 60


def test_passed_once_is_passed(journal: Journal) -> None:
    for one in (verdict(passed=True), verdict(), verdict("lora")):
        journal.record(one, "")
    assert journal.state() == {"scale": "passed", "lora": "started"}


def test_tells_sources_apart(journal: Journal) -> None:
    for source in ("x", "y", "x"):
        journal.record(verdict(), source)
    first, second, third = (attempt.sha256 for attempt in journal.attempts())
    assert first == third != second


def test_counts_notes_since_the_last_attempt(journal: Journal) -> None:
    journal.note("hint", "scale")
    journal.record(verdict(), "")
    journal.note("hint", "scale")
    journal.note("gave_up", "scale")
    journal.note("hint", "lora")
    journal.note("hint", "scale")
    assert journal.notes_since_last("hint", "scale") == 2
    assert len(journal.noted("gave_up", "scale")) == 1
    journal.record(verdict(), "")
    assert journal.notes_since_last("hint", "scale") == 0


@pytest.mark.parametrize(
    "rubbish",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"3",
        b"null",
        b'{"kind": "attempt"}',
        b'{"time": "yesterday", "kind": "attempt", "exercise": "scale"}',
        b'{"time": 3, "kind": "attempt", "exercise": "scale"}',
        b'{"time": "2026-01-01T00:00:00+00:00", "kind": "attempt", "exercise": "scale"}',
        b'{"time": "2026-01-01T00:00:00+00:00", "kind": "attempt", "exercise": ["scale"]}',
        b'{"time": "2026-01-01T00:00:00+00:00", "kind": "attempt", "exercise": "scale", "sha256": "",'
        b' "outcome": "passed", "points": 1, "max_points": 1, "verdict": {"later": "version"}}',
    ],
)
def test_passes_over_what_it_cannot_read(journal: Journal, rubbish: bytes) -> None:
    journal.record(verdict(), "")
    with journal.file.open("ab") as file:
        file.write(rubbish + b"\n")
    journal.record(verdict(passed=True), "")
    assert [attempt.outcome for attempt in journal.attempts()] == ["failed", "passed"]


def test_a_torn_line_costs_itself_alone(journal: Journal) -> None:
    for _ in range(2):
        journal.record(verdict(), "")
    whole = journal.file.read_bytes()
    journal.file.write_bytes(whole[:-40])
    journal.record(verdict(passed=True), "")
    assert [attempt.outcome for attempt in journal.attempts()] == ["failed", "passed"]


def test_many_writers_at_once_tear_nothing(journal: Journal) -> None:
    code = (
        "import sys; from pathlib import Path; from grader.journal import Journal\n"
        "for _ in range(100): Journal(Path(sys.argv[1])).note('hint', 'x' * 9000)\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, str(journal.file)]) for _ in range(3)]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0, 0]
    lines = journal.file.read_bytes().splitlines()
    assert len(lines) == 300
    assert all(json.loads(line)["kind"] == "hint" for line in lines)


def test_a_lock_that_is_never_let_go_is_waited_for_a_moment(journal: Journal) -> None:
    journal.record(verdict(), "")
    descriptor = os.open(journal.file, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        began = time.monotonic()
        with pytest.raises(OSError, match="Resource temporarily unavailable"):
            journal.record(verdict(), "")
        assert time.monotonic() - began < 5
    finally:
        os.close(descriptor)
    assert len(journal.attempts()) == 1


def test_what_cannot_be_written_is_an_error_of_the_system(journal: Journal) -> None:
    journal.file.parent.parent.mkdir()
    journal.file.parent.write_text("in the way")
    with pytest.raises(OSError, match=r"exists|directory"):
        journal.record(verdict(), "")
