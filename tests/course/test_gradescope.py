"""The autograder for Gradescope, set up and run as they do it: its zip, its scripts, its results.json."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from course_ground import GOOD_ANSWER, RIGHT

from grader.content import builtin_root, scaffold
from grader.course.course import Course
from grader.course.gradescope import autograder
from grader.course.gradescope_results import report
from grader.course.gradescope_wheel import project
from grader.course.result import Note, Result
from grader.errors import Text

# as https://gradescope-autograders.readthedocs.io/en/latest/specs/ has them
TOP = {
    "score", "execution_time", "output", "output_format", "test_output_format", "test_name_format", "visibility",
    "stdout_visibility", "extra_data", "tests", "leaderboard",
}  # fmt: skip
TEST = {
    "score", "max_score", "status", "name", "name_format", "number", "output", "output_format", "tags", "visibility",
    "extra_data",
}  # fmt: skip
FORMATS = {"text", "html", "simple_format", "md", "ansi"}
VISIBILITIES = {"hidden", "after_due_date", "after_published", "visible"}

# It looks for what the image holds of the grader, and says what it found by what it raises.
SPY = """\
import os

FOUND = []
for folder in ({folders}):
    for root, names, files in os.walk(folder):
        for name in files:
            try:
                FOUND.append(open(os.path.join(root, name), "rb").read(40))
            except OSError:
                pass


def scale(x, *, factor):
    raise ValueError("READ " + repr(FOUND))
"""


@dataclass(frozen=True)
class Image:
    """A folder as Gradescope lays out /autograder, after setup.sh."""

    root: Path
    environment: dict[str, str]

    def grade(self, files: dict[str, str], status: int = 0, **environment: str) -> dict[str, Any]:
        """results.json of a submission of these files."""
        submission = self.root / "submission"
        shutil.rmtree(submission, ignore_errors=True)
        shutil.rmtree(self.root / "results", ignore_errors=True)
        submission.mkdir()
        for name, text in files.items():
            (submission / name).write_text(text, encoding="utf-8")
        done = subprocess.run(
            [self.root / "run_autograder"], cwd=self.root, env={**self.environment, **environment}, timeout=400,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == status, done.stdout + done.stderr
        found: dict[str, Any] = json.loads((self.root / "results" / "results.json").read_text(encoding="utf-8"))
        return found


def make_course(folder: Path) -> Course:
    """`scale` waits for an exercise that is not handed out; there is a second root, and a question."""
    content = folder / "content"
    for half in ("exercises", "solutions"):
        (content / half).mkdir(parents=True)
    scaffold("scale", content)
    scaffold("other", content)
    file = content / "exercises" / "scale" / "exercise.yaml"
    text = file.read_text(encoding="utf-8")
    assert "after: []" in text
    file.write_text(text.replace("after: []", "after: [other, self_attention]"), encoding="utf-8")
    (folder / "course.yaml").write_text(
        "content: [content]\nassignments:\n  ps1:\n    exercises: [scale]\n    questions: [gan]\n", encoding="utf-8"
    )
    return Course.open(folder)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    return make_course(tmp_path_factory.mktemp("course"))


@pytest.fixture(scope="module")
def image(course: Course, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    """Unpacked and set up; what the kit needs is taken from this interpreter instead of from the network."""
    root = tmp_path_factory.mktemp("gradescope") / "autograder"
    runtime = tmp_path_factory.mktemp("gs")
    (root / "source").mkdir(parents=True)
    with zipfile.ZipFile(_file(course, root)) as archive:
        archive.extractall(root / "source")
        modes = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}
    assert modes["run_autograder"] & modes["setup.sh"] & 0o111 == 0o111
    shutil.copy(root / "source" / "run_autograder", root)  # as their image is built
    (root / "run_autograder").chmod(0o755)
    venv.create(root / "venv", with_pip=True, symlinks=True)
    ours = sysconfig.get_path("purelib")
    inside = sysconfig.get_path("purelib", "venv", {"base": str(root / "venv"), "platbase": str(root / "venv")})
    (Path(inside) / "installed.pth").write_text(ours)
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(runtime), "AUTOGRADER": str(root), "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1", "PRACTICE_RUNTIME_DIR": str(runtime),
    }  # fmt: skip
    setup = ["bash", str(root / "source" / "setup.sh")]
    done = subprocess.run(setup, env=environment, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "scale: 4 points\ngan: 5 points\nconfinement here: " in done.stdout
    yield Image(root, environment)
    subprocess.run([root / "venv/bin/practice", "daemon", "stop"], env=environment, check=True, timeout=60)


def _file(course: Course, folder: Path) -> Path:
    path = folder / "autograder.zip"
    path.write_bytes(autograder(course, course.assignment("ps1")))
    return path


def well_formed(found: dict[str, Any]) -> None:
    """results.json has documented keys only, and documented values in them."""
    assert found.keys() <= TOP
    assert isinstance(found["score"], float)
    assert found["visibility"] in VISIBILITIES
    assert found["stdout_visibility"] in VISIBILITIES
    assert {found[key] for key in ("output_format", "test_output_format", "test_name_format")} <= FORMATS
    for test in found["tests"]:
        assert test.keys() <= TEST
        assert 0 <= test["score"] <= test["max_score"]
        assert test["status"] in ("passed", "failed")
        assert test["output_format"] in FORMATS
        assert test["visibility"] in VISIBILITIES
        assert isinstance(test["name"], str)
        assert isinstance(test["output"], str)
    assert found["score"] == pytest.approx(sum(test["score"] for test in found["tests"]))


class TestZip:
    def test_holds_the_kit_and_this_assignment_only(self, course: Course, tmp_path: Path) -> None:
        with zipfile.ZipFile(_file(course, tmp_path)) as archive:
            names = archive.namelist()
            (wheel,) = (name for name in names if name.endswith(".whl"))
            assert set(names) == {"setup.sh", "run_autograder", "assignment.json", wheel}
            archive.extract(wheel, tmp_path)
        with zipfile.ZipFile(tmp_path / wheel) as archive:
            found = archive.namelist()
            assert archive.testzip() is None
            content = [name.partition("share/practice/")[2] for name in found if "share/practice/" in name]
            questions = archive.read(next(name for name in found if name.endswith("/questions.yaml"))).decode()
        known = {path.name for path in (builtin_root() / "exercises").iterdir()} | {"other"}
        assert not [name for name in content if known & set(Path(name).parts)]
        assert {"exercises/scale/stub.py", "solutions/scale/checks.py", "solutions/questions/gan.yaml"} <= set(content)
        assert [line.split(":")[0] for line in questions.split("\n") if line and not line.startswith(" ")] == ["gan"]
        assert {"grader/py.typed", "grader/course/templates/setup.sh", "grader/cli/gradescope.py"} <= set(found)
        assert not [name for name in found if "__pycache__" in name or "/.git" in name]

    def test_the_same_content_makes_the_same_bytes(self, course: Course) -> None:
        assert autograder(course, course.assignment("ps1")) == autograder(course, course.assignment("ps1"))

    def test_it_asks_for_what_the_kit_needs(self) -> None:
        found = project()
        assert found.torch.startswith("torch>=")
        assert any(line.startswith("nbgrader") and "course" in line for line in found.requires)
        assert not [line for line in found.requires if line.startswith(("mypy", "openai", "psycopg"))]

    def test_the_command_writes_it(self, course: Course, tmp_path: Path) -> None:
        practice = Path(sys.executable).with_name("practice")
        command = [practice, "course", "export", "ps1", "--course", course.folder, "--format", "gradescope"]
        done = subprocess.run([*command, "--output", tmp_path / "a.zip"], capture_output=True, text=True, check=True)
        assert "a.zip" in done.stdout
        assert (tmp_path / "a.zip").read_bytes() == autograder(course, course.assignment("ps1"))
        subprocess.run([*command, "--allow-unconfined"], capture_output=True, check=True)
        with zipfile.ZipFile(course.folder / "exports" / "ps1-gradescope.zip") as archive:
            assert json.loads(archive.read("assignment.json"))["require_strict"] is False


class TestRun:
    def test_what_is_right_has_full_marks(self, image: Image) -> None:
        found = image.grade({"scale.py": RIGHT, "gan.md": GOOD_ANSWER})
        well_formed(found)
        tests = found["tests"]
        assert [test["number"] for test in tests] == ["1.1", "1.2", "1.3", "2"]
        assert [test["score"] for test in tests[:3]] == [1, 2, 1]
        assert {test["status"] for test in tests[:3]} == {"passed"}
        assert found["extra_data"]["parts"]["scale"]["outcome"] == "passed"
        assert found["extra_data"]["parts"]["scale"]["isolation"] == "strict"
        assert tests[3]["max_score"] == 5
        assert 0 < tests[3]["score"] <= 5
        assert tests[3]["output"].startswith("Proposed")

    def test_what_is_wrong_says_why_in_both_languages(self, image: Image) -> None:
        found = image.grade({"scale.py": "def scale(x, *, factor):\n    return x / factor\n"})
        well_formed(found)
        name = "Every entry is multiplied · 每个元素都乘上 factor"
        values = next(test for test in found["tests"] if name in test["name"])
        assert (values["score"], values["max_score"], values["status"]) == (0, 2, "failed")
        assert "Try a single entry by hand" in values["output"]
        assert "先手算一个元素" in values["output"]
        assert "x is divided by the factor" in found["output"]
        assert "x 除以了 factor" in found["output"]
        assert "questions.ipynb, gan.md" in found["tests"][3]["output"], "what was not handed in"

    def test_nothing_handed_in(self, image: Image) -> None:
        found = image.grade({})
        well_formed(found)
        assert (found["score"], [test["max_score"] for test in found["tests"]]) == (0.0, [4, 5])

    def test_a_submission_reads_nothing_and_writes_nothing(self, image: Image) -> None:
        folders = ", ".join(repr(str(image.root / name)) for name in ("source", "venv/share", "results", "submission"))
        spy: dict[str, Any] = {}
        exec(SPY.format(folders=folders), spy)
        assert len(spy["FOUND"]) > 10, "there is something to find"
        found = image.grade({"scale.py": SPY.format(folders=folders)})
        well_formed(found)
        assert found["score"] == 0.0
        outputs = [test["output"] for test in found["tests"]]
        assert any("READ []" in output for output in outputs), outputs
        forge = (
            "import json, os\n"
            f"for path in ({str(image.root / 'results' / 'results.json')!r}, '/autograder/results/results.json'):\n"
            "    try:\n        open(path, 'w').write(json.dumps({'score': 100}))\n"
            "    except OSError:\n        pass\n\n\n"
            "def scale(x, *, factor):\n    os._exit(0)\n"
        )
        assert image.grade({"scale.py": forge})["score"] == 0.0

    def test_a_fault_of_ours_is_told_as_ours(self, image: Image) -> None:
        settings = image.root / "source" / "assignment.json"
        kept = settings.read_text(encoding="utf-8")
        settings.write_text(kept.replace('"scale"', '"nothing"'), encoding="utf-8")
        try:
            found = image.grade({"scale.py": RIGHT}, status=3)
        finally:
            settings.write_text(kept, encoding="utf-8")
        assert found["score"] == 0.0
        assert "The grader is at fault here, not you." in found["output"]
        assert "Traceback" not in json.dumps(found)


def test_broken_and_unreadable_parts_are_told(course: Course) -> None:
    def part(outcome: Any, **more: Any) -> Result:
        when = datetime(2026, 3, 1, tzinfo=UTC)
        return Result("ps1", "s", "scale", "exercise", outcome, 0.0, 4.0, "", "v", when, **more)

    note = Note("unreadable", Text("\x1b[2Jis not text\u202e", "不是文本"))
    found = report(course, [part("broken", fault=Text("secret path", "x")), part("unreadable", notes=(note,))])
    found["execution_time"] = 0.1
    well_formed(found)
    broken, unreadable = found["tests"]
    assert "not you" in broken["output"]
    assert "secret path" not in json.dumps(found)
    assert "is not text" in unreadable["output"]
    assert not set(json.dumps(found, ensure_ascii=False)) & {"\x1b", "\u202e"}
