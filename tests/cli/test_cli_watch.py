"""`practice run --watch`: one verdict a save, however it is saved; keys; the terminal given back."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from practice_command import DIVIDES, IN_PLACE, RIGHT, Practice
from terminal_session import Terminal

WAITING = "Waiting for you to save the file."


@pytest.fixture
def watched(practice: Practice) -> Iterator[Terminal]:
    """A terminal in which a failing attempt is watched; its first verdict is on the screen."""
    practice.write(DIVIDES)
    with Terminal(practice, "run", "scale", "--watch", "--content", practice.content) as terminal:
        terminal.until(WAITING)
        terminal.until("q quit")
        yield terminal


def verdicts(practice: Practice) -> int:
    return len(practice.graded_so_far)


def verdicts_in_the_end(practice: Practice, terminal: Terminal) -> int:
    """How many there are once everything that was coming has come."""
    terminal.until(WAITING)
    terminal.quiet(1.5)
    terminal.press("q")  # heard when a verdict that is under way is on the screen
    assert terminal.status() == 0
    return verdicts(practice)


def test_shows_the_first_failure_with_hint_and_diagnosis(watched: Terminal) -> None:
    assert "✓✗✓" in watched.screen
    assert "✗ Every entry is multiplied" in watched.screen
    assert "Hint: Try a single entry by hand" in watched.screen
    assert "in which x is divided by the factor." in " ".join(watched.screen.split())
    assert "Not passed: 2 of 4 points" in watched.screen


def test_a_save_is_graded_and_what_changed_is_named(practice: Practice, watched: Terminal) -> None:
    practice.write(IN_PLACE)
    screen = watched.until("newly failing: The input stays as it was")
    assert "newly passing: Every entry is multiplied" in screen
    watched.until(WAITING)
    practice.write(RIGHT)
    watched.until("Passed: 4 of 4 points")
    watched.until(WAITING)  # shown first, kept then
    assert verdicts(practice) == 3


def test_a_save_by_rename_is_one_save(practice: Practice, watched: Terminal) -> None:
    for source, expected in ((IN_PLACE, "newly failing: The input stays"), (RIGHT, "Passed: 4 of 4 points")):
        draft = practice.attempt.with_suffix(".py~")
        draft.write_text(source)
        draft.replace(practice.attempt)
        watched.until(expected)
    assert verdicts_in_the_end(practice, watched) == 3


def test_two_saves_at_once_are_one(practice: Practice, watched: Terminal) -> None:
    practice.write(IN_PLACE)
    practice.write(RIGHT)
    practice.write(RIGHT)
    watched.until("Passed: 4 of 4 points")
    assert verdicts_in_the_end(practice, watched) == 2


def test_a_file_that_is_half_written_is_waited_for(practice: Practice, watched: Terminal) -> None:
    with practice.attempt.open("w") as file:
        time.sleep(0.05)  # empty so far
        file.write("def scale(x, *, factor):\n    return (")
        file.flush()
        time.sleep(0.05)  # and no Python
        file.write("x * factor)\n")
    watched.until("Passed: 4 of 4 points")
    assert verdicts_in_the_end(practice, watched) == 2, "no verdict on the first half"


def test_a_syntax_error_that_stays_is_told(practice: Practice, watched: Terminal) -> None:
    practice.write("def scale(x, *, factor)\n")
    watched.until("line 1")
    assert "··" in watched.screen


def test_an_unchanged_file_is_not_graded_again_but_for_r(practice: Practice, watched: Terminal) -> None:
    practice.write(DIVIDES)
    watched.quiet(1.5)
    watched.press("r")
    assert verdicts_in_the_end(practice, watched) == 2


def test_a_file_that_vanishes_and_comes_back(practice: Practice, watched: Terminal) -> None:
    practice.attempt.unlink()
    watched.quiet(0.9)
    assert watched.process.poll() is None
    practice.write(RIGHT)
    watched.until("Passed: 4 of 4 points")


def test_keys(practice: Practice, watched: Terminal) -> None:
    watched.press("h")
    watched.until("Every entry is multiplied\n  Try a single entry by hand")
    watched.press("l")
    watched.until("◐  scale")
    watched.press("s")
    watched.until("Why interviewers ask")
    practice.write(RIGHT, "brief")
    watched.press("n")
    watched.until("brief · attempts/brief.py")
    watched.until("Passed: 4 of 4 points")
    watched.until("q quit")
    watched.press("q")
    assert watched.status() == 0
    assert watched.settings == watched.before


def test_hands_out_first_where_nothing_was_begun(practice: Practice) -> None:
    with Terminal(practice, "run", "scale", "--watch", "--content", practice.content) as terminal:
        terminal.until(WAITING)
        assert "Your file: attempts/scale.py" in terminal.screen
        assert not practice.graded_so_far, "a stub is not graded"
        practice.write(RIGHT)
        terminal.until("Passed: 4 of 4 points")
        terminal.press("q")
        assert terminal.status() == 0


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_gives_the_terminal_back(watched: Terminal, number: signal.Signals, status: int) -> None:
    assert watched.settings != watched.before
    watched.process.send_signal(number)
    assert watched.status() == status
    assert watched.settings == watched.before
    assert "Traceback" not in watched.raw


def test_the_interrupt_key_ends_it(watched: Terminal) -> None:
    watched.press("\x03")
    assert watched.status() == 130
    assert watched.settings == watched.before


def test_a_link_to_elsewhere_is_followed(practice: Practice, tmp_path: Path) -> None:
    theirs = tmp_path / "elsewhere" / "mine.py"
    theirs.parent.mkdir()
    theirs.write_text(DIVIDES)
    practice.attempt.parent.mkdir()
    os.symlink(theirs, practice.attempt)  # noqa: PTH211 - reads in the order of ln -s
    with Terminal(practice, "run", "scale", "--watch", "--content", practice.content) as terminal:
        terminal.until(WAITING)
        theirs.write_text(RIGHT)
        terminal.until("Passed: 4 of 4 points")
