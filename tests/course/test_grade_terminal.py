"""`practice course grade` at a real terminal, and on a machine whose kernel confines less."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from course_ground import ASSIGNMENT, DIVIDES, RIGHT, Ground
from odd_ground import marks, scale_of

from grader.cli.course_progress import rate
from grader.course.results import Results
from grader.errors import Language

sys.path += [str(Path(__file__).parents[1] / folder) for folder in ("cli", "faults")]
from faults_enclosure import enclosure
from terminal_session import Terminal

SLOW = f"import time\n\ntime.sleep(0.3)\n\n\n{RIGHT}"  # so that the bar is seen on its way


@pytest.mark.parametrize(
    ("language", "columns", "wanted"),
    [
        ("en", 80, r"━ [1-5]/6 \d+\.\d/(s|min) \d:\d\d:\d\d left"),
        ("zh", 34, r"[1-5]/6 每(秒|分钟) \d+\.\d 份 还需 \d:\d\d:\d\d"),
    ],
)
def test_the_bar_says_how_fast_and_how_long(course_ground: Ground, language: str, columns: int, wanted: str) -> None:
    for number in range(6):
        course_ground.hand_in(f"student{number}", SLOW)
    words = ("course", "grade", ASSIGNMENT, "--course", course_ground.folder, "--lang", language)
    with Terminal(course_ground, *words, columns=columns) as terminal:  # type: ignore[arg-type]  # as a Practice
        assert terminal.status() == 0
        frames = re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.raw))
    assert [frame for frame in frames if re.search(wanted, frame)], frames
    bars = [frame for frame in frames if re.search(r"\d/6 ", frame)]
    assert max(map(len, bars)) <= columns - 10 * (language == "zh"), "a Chinese character takes two columns"
    assert ("━" in "".join(bars)) == (columns == 80), "where there is little room the figures have it"


@pytest.mark.parametrize(
    ("speed", "language", "wanted"),
    [(12.34, "en", "12.3/s"), (0.05, "en", "3.0/min"), (1.0, "zh", "每秒 1.0 份"), (0.5, "zh", "每分钟 30.0 份")],
)
def test_what_is_slow_is_counted_by_the_minute(speed: float, language: Language, wanted: str) -> None:
    assert rate(speed, language) == wanted


def test_a_machine_that_confines_less_grades_only_when_told_to(course_ground: Ground) -> None:
    """Without /proc no limit on memory can be set: the level is 'partial'."""
    course_ground.hand_in("ann", RIGHT)
    course_ground.hand_in("bob", DIVIDES)
    runtime = Path(tempfile.mkdtemp(prefix="practice-course-"))  # of its own: no daemon from outside
    ground = replace(course_ground, runtime=runtime)
    with enclosure("mount -t tmpfs none /proc") as machine:

        def grade(*words: str) -> subprocess.CompletedProcess[str]:
            command = machine.wrapped(ground.command("course", "grade", ASSIGNMENT, *words), ground.folder)
            return subprocess.run(
                command, env=ground.variables, capture_output=True, text=True, encoding="utf-8", check=False,
                timeout=400, stdin=subprocess.DEVNULL,
            )  # fmt: skip

        refused = {language: grade("--lang", language) for language in ("en", "zh")}
        for done in refused.values():
            assert (done.returncode, done.stdout) == (2, "")
            assert len(done.stderr.strip().splitlines()) == 2
            assert "--allow-unconfined" in done.stderr
        assert "confinement here is 'partial', not strict" in refused["en"].stderr
        assert not (ground.folder / "results.db").exists()
        done = grade("--allow-unconfined")
        assert (done.returncode, done.stderr) == (0, "")
        stop = machine.wrapped(ground.command("daemon", "stop"), ground.folder)
        subprocess.run(stop, env=ground.variables, check=True, capture_output=True, timeout=60)
    shutil.rmtree(runtime)
    assert {student: scale_of(found) for student, found in marks(ground).items()} == {"ann": 4, "bob": 2}
    with Results.of(ground.course) as results:
        verdicts = [result.verdict for result in results.all(ASSIGNMENT) if result.part == "scale"]
    assert {verdict["isolation"] for verdict in verdicts if verdict} == {"partial"}
