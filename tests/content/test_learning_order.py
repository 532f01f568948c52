"""What to do first."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.content import Catalogue, learning_order
from grader.errors import ContentError


def test_what_comes_first_then_level_then_topic_then_as_given(write, root: Path) -> None:
    write("a", level=3)
    write("b", level=1, after="a")  # easy, but after a hard one
    write("c", level=1, topic="gpt")
    write("d", level=1, topic="pretraining")
    write("e", level=1, topic="attention")
    write("f", level=1, topic="attention")
    write("g", level=2, after="f")
    exercises, errors = Catalogue([root]).all()
    assert errors == []
    assert [exercise.id for exercise in learning_order(exercises)] == ["e", "f", "d", "c", "g", "a", "b"]
    assert [exercise.id for exercise in learning_order(reversed(exercises))] == ["f", "e", "d", "c", "g", "a", "b"]


def test_names_that_are_not_given_do_not_count(write, root: Path) -> None:
    write("a", level=3)
    write("b", after="a")
    content = Catalogue([root])
    assert [exercise.id for exercise in learning_order([content.get("b")])] == ["b"]
    assert learning_order([]) == []


def test_a_cycle_is_an_error(write, root: Path) -> None:
    write("a", after="b")
    write("b", after="a")
    content = Catalogue([root])
    for ids in ("ab", "ba"):
        with pytest.raises(ContentError) as caught:
            learning_order([content.get(id) for id in ids])
        assert caught.value.message.en == "exercises/a/exercise.yaml:4: after: these wait for each other: a -> b -> a"
