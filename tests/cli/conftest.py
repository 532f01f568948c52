"""One daemon for all tests of the command line, and a fresh folder for each."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from practice_command import Practice, make_content


@pytest.fixture(scope="session")
def runtime() -> Iterator[Path]:
    # not below pytest's folder: the path of a socket may have a hundred characters
    folder = Path(tempfile.mkdtemp(prefix="practice-cli-"))
    yield folder
    stop = Practice(folder, folder, folder)("daemon", "stop")
    shutil.rmtree(folder)
    assert stop.returncode == 0, stop.stderr


@pytest.fixture(scope="session")
def content(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_content(tmp_path_factory.mktemp("content"))


@pytest.fixture
def practice(tmp_path: Path, content: Path, runtime: Path) -> Practice:
    """The command in an empty folder."""
    return Practice(tmp_path, content, runtime)


@pytest.fixture
def failed(practice: Practice) -> subprocess.CompletedProcess[str]:
    """An attempt that divides was graded in the folder."""
    from practice_command import DIVIDES

    practice.write(DIVIDES)
    return practice.graded("scale")
