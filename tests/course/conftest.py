"""One daemon for all tests of courses, and a fresh course for each that asks for one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from course_ground import Ground

pytest.importorskip("nbgrader", reason="the course extra is not installed")

from odd_ground import Ended, lay, measured


@pytest.fixture(scope="session")
def runtime() -> Iterator[Path]:
    # not below pytest's folder: the path of a socket may have a hundred characters
    folder = Path(tempfile.mkdtemp(prefix="practice-course-"))
    yield folder
    command = [str(Path(sys.executable).with_name("practice")), "daemon", "stop"]
    subprocess.run(command, env={"HOME": str(folder), "PRACTICE_RUNTIME_DIR": str(folder)}, check=True, timeout=60)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory, runtime: Path) -> Path:
    """A course with `ps1` (scale, gan) handed out, to be copied: nbgrader takes seconds to make one."""
    root = tmp_path_factory.mktemp("released")
    ground = Ground(root / "ground", runtime).lay()
    ground.release()
    return ground.root


@pytest.fixture
def ground(tmp_path: Path, runtime: Path) -> Ground:
    """An empty course."""
    return Ground(tmp_path / "ground", runtime).lay()


@pytest.fixture
def course_ground(tmp_path: Path, released: Path, runtime: Path) -> Ground:
    """A course of its own with `ps1` handed out, and nothing handed in."""
    return Ground(released, runtime).copied(tmp_path / "ground")


@pytest.fixture(scope="session")
def odd_nbgrader(tmp_path_factory: pytest.TempPathFactory, released: Path, runtime: Path) -> tuple[Ground, Ended]:
    """The cohort of `odd_ground`, graded by plain `nbgrader autograde`."""
    ground = Ground(released, runtime).copied(tmp_path_factory.mktemp("odd") / "ground")
    lay(ground)
    return ground, measured(ground, "nbgrader", "autograde", "ps1")


@pytest.fixture(scope="session")
def odd_practice(
    tmp_path_factory: pytest.TempPathFactory, odd_nbgrader: tuple[Ground, Ended], released: Path, runtime: Path
) -> tuple[Ground, Ended]:
    """The same cohort, graded by `practice course grade`."""
    ground = Ground(released, runtime).copied(tmp_path_factory.mktemp("odd") / "ground")
    handed_in = odd_nbgrader[0].folder / "submitted"
    # a quarter of a gigabyte is not copied
    shutil.copytree(handed_in, ground.folder / "submitted", symlinks=True, copy_function=os.link)
    return ground, measured(ground, "practice", "course", "grade", "ps1")
