"""One daemon for all tests of courses, and a fresh course for each that asks for one."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from course_ground import Ground

pytest.importorskip("nbgrader", reason="the course extra is not installed")


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
    root = tmp_path / "ground"
    shutil.copytree(released, root)
    ground = Ground(root, runtime)
    for file in (ground.folder / "course.yaml", ground.folder / "nbgrader_config.py"):
        file.write_text(file.read_text(encoding="utf-8").replace(str(released), str(root)), encoding="utf-8")
    return ground
