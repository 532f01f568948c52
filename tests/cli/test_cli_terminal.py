"""On a terminal: colours, wrapped lines, rendered statements, what is running; and the cutting of lines."""

from __future__ import annotations

import re

import pytest
from practice_command import DIVIDES, RIGHT, Practice
from terminal_session import Terminal

from grader.cli.terminal import cells, joined_lines, padded, shortened, wrapped

SLOW_AT_FIRST = """\
import time

def scale(x, *, factor):
    if x.shape == (2, 3) and x.sum() == 6:
        time.sleep(1.3)
    return x
"""
GREEN_MARK = "\x1b[32m✓\x1b[0m"


def test_has_colours(practice: Practice) -> None:
    practice.write(RIGHT)
    with Terminal(practice, "run", "scale", "--content", practice.content) as terminal:
        assert terminal.status() == 0
        assert GREEN_MARK in terminal.raw


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_has_none_where_they_are_not_wanted(practice: Practice, environment: dict[str, str]) -> None:
    practice.write(DIVIDES)
    with Terminal(practice, "run", "scale", "--content", practice.content, **environment) as terminal:
        assert terminal.status() == 1
        assert "✗" in terminal.raw
        assert not re.search(r"\x1b\[[0-9;]*m", terminal.raw)


def test_shows_signs_for_states_where_a_pipe_has_words(practice: Practice) -> None:
    practice.write(RIGHT)
    practice.graded("scale")
    with Terminal(practice, "list", "--content", practice.content) as terminal:
        assert terminal.status() == 0
        assert "●  scale" in terminal.screen
        assert "○  faulty" in terminal.screen


def test_renders_a_statement_within_the_width(practice: Practice) -> None:
    with Terminal(practice, "show", "scale", "--content", practice.content) as terminal:
        assert terminal.status() == 0
        assert "## Your task" not in terminal.screen
        assert "Your task" in terminal.screen
        assert max(cells(line) for line in terminal.screen.splitlines()) <= 80


def test_a_check_that_takes_long_is_shown_to_be_running(practice: Practice) -> None:
    practice.write(SLOW_AT_FIRST)
    with Terminal(practice, "run", "scale", "--content", practice.content) as terminal:
        assert terminal.status() == 1
        assert re.search("… Runs, and keeps shape and dtype.*\r\x1b\\[2K", terminal.raw)
        assert "…" not in re.sub("\x1b\\[2m….*?\r\x1b\\[2K", "", terminal.raw), "and taken away"


def test_an_encoding_without_the_signs_has_others(practice: Practice) -> None:
    practice.write(DIVIDES)
    done = practice.graded("scale", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 1
    assert re.search(r"^x +0/2  Every entry", done.stdout, re.M)


class TestLines:
    def test_chinese_takes_two_columns(self) -> None:
        assert [cells(text) for text in ("scale", "缩放", "√d_k", "e\u0301")] == [5, 4, 4, 1]
        assert padded("缩放", 6) == "缩放  "

    def test_are_shortened_to_a_width(self) -> None:
        assert shortened("one  two\nthree", 0) == "one two three"
        assert shortened("one two three", 13) == "one two three"
        assert shortened("one two three", 9) == "one two …"
        assert shortened("自注意力机制", 9) == "自注意力…"

    @pytest.mark.parametrize("width", [10, 17, 23, 40, 80])
    @pytest.mark.parametrize(
        "text",
        [
            "Which dimension should the weights of one query sum to one over?",
            "每个 query 的权重应在哪一维上求和为 1？先手算一个元素：factor=2.0 时，3.0 应变成多少？",
            "",
        ],
    )
    def test_are_wrapped_without_loss(self, text: str, width: int) -> None:
        lines = list(wrapped(text, width))
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")
        assert all(cells(line) <= width + 2 for line in lines), "only punctuation may hang over"
        assert not any(line.startswith(("，", "。", "？", "：")) for line in lines)

    def test_words_longer_than_the_width_stay_whole(self) -> None:
        assert list(wrapped("a torch.nn.functional.softmax b", 8)) == ["a", "torch.nn.functional.softmax", "b"]

    def test_chinese_lines_of_a_source_are_joined_outside_code(self) -> None:
        source = "带回自己\n这里。\nmask。\n\n```\n中\n文\n```\n- 一。\n- 二\nplain\ntext"
        assert joined_lines(source) == "带回自己这里。mask。\n\n```\n中\n文\n```\n- 一。\n- 二\nplain\ntext"
