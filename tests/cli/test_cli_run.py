"""`practice run`: handing out, grading, what is shown, what is printed as JSON."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from practice_command import DIVIDES, IN_PLACE, RIGHT, Practice, edit, make_content

VERDICT_KEYS = [
    "exercise",
    "submission",
    "outcome",
    "points",
    "max_points",
    "seconds",
    "content_version",
    "isolation",
    "checks",
    "diagnosis",
]
CHECK_KEYS = [
    "id",
    "title",
    "outcome",
    "points",
    "max_points",
    "message",
    "hint",
    "counterexample",
    "snippet",
    "seconds",
]


class TestHandingOut:
    def test_the_first_run_hands_out_the_stub_and_says_what_to_do(self, practice: Practice) -> None:
        done = practice.graded("scale")
        assert done.returncode == 0
        assert practice.attempt.read_bytes() == (practice.content / "exercises/scale/stub.py").read_bytes()
        assert done.stdout.startswith("Write a function that multiplies a matrix by one number")
        assert "## Your task" not in done.stdout, "the opening, not the whole"
        assert "Your file: attempts/scale.py" in done.stdout
        assert f"practice run scale --content {practice.content}" in done.stdout
        assert done.stderr == ""

    def test_in_chinese(self, practice: Practice) -> None:
        done = practice.graded("scale", "--lang", "zh")
        assert done.stdout.startswith("写一个函数，把矩阵乘上一个数")
        assert "你的文件：attempts/scale.py" in done.stdout

    def test_an_attempt_is_never_overwritten(self, practice: Practice) -> None:
        practice.write("# nothing of the exercise yet\n")
        done = practice.graded("scale")
        assert done.returncode == 1
        assert practice.attempt.read_text() == "# nothing of the exercise yet\n"

    def test_a_link_that_leads_nowhere_is_not_written_through(self, practice: Practice) -> None:
        practice.attempt.parent.mkdir()
        practice.attempt.symlink_to("elsewhere.py")
        assert practice.graded("scale").returncode == 2
        assert practice.attempt.is_symlink()
        assert not (practice.attempt.parent / "elsewhere.py").exists()

    def test_what_it_builds_on_is_named(self, practice: Practice) -> None:
        assert "It builds on scale, which you have not passed yet." in practice.graded("brief").stdout

    def test_a_folder_that_cannot_be_written(self, practice: Practice) -> None:
        (practice.folder / "attempts").write_text("a file\n")
        done = practice.graded("scale")
        assert done.returncode == 2
        assert done.stderr.splitlines()[0].startswith("error: attempts")
        assert "cannot be written" in done.stderr

    def test_as_json_there_is_one_object_too(self, practice: Practice) -> None:
        done = practice.graded("scale", "--json")
        assert done.returncode == 0
        told = json.loads(done.stdout)
        assert told == {"exercise": "scale", "submission": "attempts/scale.py", "outcome": "handed_out"}
        assert "handed out attempts/scale.py" in done.stderr


class TestGrading:
    def test_a_right_answer_passes(self, practice: Practice) -> None:
        practice.write(RIGHT)
        done = practice.graded("scale")
        assert done.returncode == 0
        assert re.findall(r"^(.) +(\d)/(\d)  ", done.stdout, re.M) == [
            ("✓", "1", "1"),
            ("✓", "2", "2"),
            ("✓", "1", "1"),
        ]
        assert re.search(r"^Passed: 4 of 4 points · \d+\.\d\d s · strict isolation$", done.stdout, re.M)
        assert "practice solution scale" in done.stdout

    def test_the_first_failing_check_is_shown_in_full(self, failed: subprocess.CompletedProcess[str]) -> None:
        assert failed.returncode == 1
        full = failed.stdout[failed.stdout.index("\n\n✗ Every entry is multiplied") :]
        assert "expected: [[" in full
        assert "got: [[" in full
        assert "your code printed:\n    factor is" in full
        assert "in which x is divided by the factor." in full
        assert "A factor above one must make large entries larger." in full
        assert "Not passed: 2 of 4 points" in full
        assert "hint scale --content" in full

    def test_a_second_failing_check_has_one_line(self, practice: Practice) -> None:
        practice.write("def scale(x, *, factor):\n    x.mul_(factor)\n    return x + 1\n")
        done = practice.graded("scale")
        lines = done.stdout.splitlines()
        second = next(index for index, line in enumerate(lines) if "The input stays as it was" in line)
        assert lines[second + 1].strip() == "x was modified"
        assert done.stdout.count("x was modified") == 1
        assert lines[second - 1].startswith("✗"), "the first has no line below its title"

    def test_in_chinese(self, practice: Practice) -> None:
        practice.write(DIVIDES)
        done = practice.graded("scale", "--lang", "zh")
        assert "每个元素都乘上 factor" in done.stdout
        assert "应为：" in done.stdout
        assert "x 除以了 factor" in done.stdout
        assert "未通过：2 / 4 分" in done.stdout
        assert "看提示：" in done.stdout

    def test_a_check_at_fault_is_ours(self, practice: Practice) -> None:
        practice.write(RIGHT, "faulty")
        done = practice.graded("faulty")
        assert done.returncode == 3
        assert "The grader is at fault, not you" in done.stdout
        assert "hint faulty" not in done.stdout

    def test_a_file_from_elsewhere_leaves_nothing_behind(self, practice: Practice) -> None:
        theirs = practice.folder / "theirs.py"
        theirs.write_text(IN_PLACE)
        done = practice.graded("scale", "--file", "theirs.py")
        assert done.returncode == 1
        assert done.stdout.startswith("scale · theirs.py")
        assert list(practice.folder.iterdir()) == [theirs]

    def test_a_file_named_like_its_exercise_needs_no_id(self, practice: Practice) -> None:
        practice.write(RIGHT)
        assert practice.graded("attempts/scale.py").returncode == 0
        assert practice.graded("scale.py").returncode == 0
        assert practice.graded("attempts/missing.py").returncode == 2
        (practice.folder / "mine.py").write_text(RIGHT)
        done = practice.graded("--file", "mine.py")
        assert done.returncode == 2
        assert "which exercise does mine.py answer?" in done.stderr

    def test_without_a_daemon(self, practice: Practice, tmp_path: Path) -> None:
        practice.write(RIGHT)
        nowhere = tmp_path / "runtime"
        done = practice.graded("scale", "--no-daemon", PRACTICE_RUNTIME_DIR=str(nowhere))
        assert done.returncode == 0
        assert not list(nowhere.rglob("*.sock"))

    def test_from_a_folder_below(self, practice: Practice) -> None:
        practice.write(RIGHT)
        done = practice("run", "scale", "--content", practice.content, cwd=practice.attempt.parent)
        assert done.stdout.startswith("scale · scale.py")
        assert done.returncode == 0
        assert len(practice.graded_so_far) == 1

    def test_control_characters_of_a_submission_do_not_reach_the_terminal(self, practice: Practice) -> None:
        practice.write(
            "def scale(x, *, factor):\n    print('\\x1b[2Jgone')\n    raise ValueError('\\x1b]0;title\\x07')\n"
        )
        done = practice.graded("scale")
        assert "gone" in done.stdout
        assert "\x1b" not in done.stdout
        assert "\x07" not in done.stdout


class TestWithoutAnId:
    def test_what_was_started_last_and_is_not_passed(self, practice: Practice) -> None:
        practice.write(DIVIDES)
        practice.write(DIVIDES, "brief")
        os.utime(practice.attempt, (time.time() + 60, time.time() + 60))
        assert practice.graded().stdout.startswith("scale · ")
        practice.write(RIGHT)
        assert practice.graded("scale").returncode == 0
        assert practice.graded().stdout.startswith("brief · ")

    def test_else_the_next_in_the_order_of_learning(self, practice: Practice) -> None:
        from grader.content import Catalogue, builtin_root, learning_order

        first = learning_order(Catalogue([builtin_root(), practice.content]).all()[0])[0]
        done = practice.graded()
        assert done.returncode == 0
        assert (practice.folder / "attempts" / f"{first.id}.py").exists()


class TestNames:
    @pytest.mark.parametrize("name", ["Scale", "SCALE", "sca", " scale "])
    def test_are_taken_tolerantly(self, practice: Practice, name: str) -> None:
        assert "attempts/scale.py" in practice.graded(name).stdout

    def test_a_slip_is_corrected(self, practice: Practice) -> None:
        done = practice.graded("sclae")
        assert done.returncode == 2
        assert done.stderr == "error: there is no exercise 'sclae'\n  did you mean 'scale'?\n"
        assert practice.graded("sclae", "--lang", "zh").stderr == "错误：没有练习 'sclae'\n  是不是 'scale'？\n"


class TestJson:
    def test_is_exactly_the_contract(self, practice: Practice) -> None:
        practice.write(DIVIDES)
        done = practice.graded("scale", "--json")
        assert done.returncode == 1
        assert done.stdout.count("\n") == 1
        told = json.loads(done.stdout)
        assert list(told) == VERDICT_KEYS
        assert list(told["isolation"]) == ["level", "layers"]
        assert [list(check) for check in told["checks"]] == [CHECK_KEYS] * 3
        assert [check["outcome"] for check in told["checks"]] == ["passed", "failed", "passed"]
        assert [list(one) for one in told["diagnosis"]] == [["mistakes", "hint"]]
        assert told["diagnosis"][0]["mistakes"] == ["divided"]
        assert (told["exercise"], told["outcome"], told["points"], told["max_points"]) == ("scale", "failed", 2, 4)

    def test_speaks_the_language_that_is_asked_for(self, practice: Practice) -> None:
        practice.write(RIGHT)
        done = practice.graded("scale", "--json", "--lang", "zh")
        assert json.loads(done.stdout)["checks"][1]["title"] == "每个元素都乘上 factor"

    def test_of_an_unreadable_file_there_is_none(self, practice: Practice) -> None:
        done = practice.graded("scale", "--json", "--file", "missing.py")
        assert (done.returncode, done.stdout) == (2, "")


def test_a_broken_exercise_is_named_and_the_others_work(practice: Practice, tmp_path: Path) -> None:
    root = make_content(tmp_path / "content")
    edit(root / "exercises/faulty/exercise.yaml", "level: 1", "level: 7")
    listed = practice("list", "--content", root)
    assert listed.returncode == 0
    assert "brief" in listed.stdout
    assert re.search(r"^! \S*exercises/faulty/exercise.yaml:\d+: level: ", listed.stderr, re.M)
    assert len(listed.stderr.splitlines()) == 1
    assert practice("run", "scale", "--content", root).returncode == 0
    broken = practice("run", "faulty", "--content", root)
    assert broken.returncode == 3
    assert "exercises/faulty/exercise.yaml" in broken.stderr
    assert "level" in broken.stderr
    assert not (practice.folder / "attempts/faulty.py").exists()


def test_a_journal_that_cannot_be_written_costs_one_line(practice: Practice) -> None:
    practice.write(RIGHT)
    practice.journal.parent.mkdir(parents=True)
    practice.journal.write_text("not a folder\n")
    done = practice.graded("scale")
    assert done.returncode == 0
    assert "Passed: 4 of 4" in done.stdout
    assert len(done.stderr.splitlines()) == 1
    assert "not in the journal" in done.stderr


def test_an_interrupt_ends_it_quietly(practice: Practice) -> None:
    practice.write("import time\ndef scale(x, *, factor):\n    time.sleep(60)\n")
    with subprocess.Popen(
        practice.command("run", "scale", "--content", practice.content),
        cwd=practice.folder,
        env=practice.variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # a shell starts its background jobs deaf to Ctrl-C, and that is inherited
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("scale")
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Traceback" not in told


def test_a_closed_pipe_is_no_error(practice: Practice) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing) as pipe:
        done = subprocess.run(
            practice.command("list"),
            env=practice.variables,
            stdout=pipe,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (141, "")
