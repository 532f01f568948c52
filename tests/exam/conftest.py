"""One nursery for all tests of this folder; a stage per test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from exam_ground import Stage, play_exercise

from grader.content import Exercise
from grader.exam.supply import Supply

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def supply() -> Iterator[Supply]:
    made = Supply()
    yield made
    made.close()


@pytest.fixture(scope="session")
def play(tmp_path_factory: pytest.TempPathFactory) -> Exercise:
    return play_exercise(tmp_path_factory.mktemp("play"))


@pytest.fixture
def stage(play: Exercise, supply: Supply) -> Iterator[Stage]:
    made = Stage(play, supply)
    yield made
    made.close()
