"""The other commands: where I stand, list, show, hint, solution, reset, history, new, doctor, daemon."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from practice_command import DIVIDES, IN_PLACE, RIGHT, Practice, edit


def test_the_first_minute(practice: Practice) -> None:
    """What somebody sees who has never been here."""
    welcome = practice()
    assert welcome.returncode == 0
    assert welcome.stdout.endswith("nothing begun in this folder. Type:\n  practice run\n")
    assert not (practice.folder / "attempts").exists(), "looking leaves nothing behind"
    handed_out = practice("run")
    assert handed_out.returncode == 0
    command = re.search(r"^Grade it: (practice run \w+)$", handed_out.stdout, re.M)
    assert command is not None
    graded = practice(*command[1].split()[1:])
    assert graded.returncode == 1
    assert "is not written yet" in graded.stdout
    here = practice()
    assert here.stdout.startswith("0 passed · 1 started · ")
    assert f"Go on: {command[1]}" in here.stdout
    assert re.search(r"^Last: \w+, not passed, 0/\d+ points, 20\d\d-", here.stdout, re.M)


class TestList:
    def test_names_topic_level_minutes_and_state(self, practice: Practice) -> None:
        practice.write(RIGHT)
        practice.graded("scale")
        practice.write(DIVIDES, "brief")
        done = practice("list", "--content", practice.content)
        rows = {line.split()[1]: " ".join(line.split()) for line in done.stdout.splitlines() if line.startswith("  ")}
        assert rows["scale"] == "passed scale Scale level 1 5 min"
        assert rows["brief"] == "started brief Brief level 1 5 min"
        assert rows["faulty"].startswith("open faulty")
        assert done.stdout.startswith("attention\n")
        assert done.stdout.index(" scale ") < done.stdout.index(" brief "), "what comes after is below"

    def test_in_chinese(self, practice: Practice) -> None:
        done = practice("list", "--content", practice.content, "--lang", "zh")
        assert done.stdout.startswith("注意力\n")
        assert re.search(r"未开始 +scale +Scale +难度 1 +5 分钟", done.stdout)


class TestShow:
    def test_is_the_statement_as_it_was_written(self, practice: Practice) -> None:
        done = practice("show", "scale", "--content", practice.content)
        assert "## Your task\n\nComplete `scale(x, *, factor)` in the stub." in done.stdout
        assert "rule:" not in done.stdout
        assert "attention · level 1 · 5 min" in done.stdout

    def test_in_chinese(self, practice: Practice) -> None:
        assert "## 任务" in practice("show", "scale", "--content", practice.content, "--lang", "zh").stdout


class TestHint:
    def test_comes_one_at_a_time(self, practice: Practice) -> None:
        practice.write("def scale(x, *, factor):\n    x.mul_(factor)\n    return x + 1\n")
        practice.graded("scale")
        words = ("hint", "scale", "--content", practice.content)
        first, second, everything = (practice(*words).stdout for _ in range(3))
        assert first.startswith("✗ Every entry is multiplied  (1/2)\n  Try a single entry by hand")
        assert second.startswith("✗ The input stays as it was  (2/2)\n  Which operations end in an underscore")
        assert "(1/2)" in everything
        assert "(2/2)" in everything
        assert "practice solution scale --give-up" in everything
        practice.graded("scale")
        assert practice(*words).stdout == first, "a new attempt begins anew"

    def test_says_when_the_file_has_changed(self, practice: Practice, failed: subprocess.CompletedProcess[str]) -> None:
        assert failed.returncode == 1
        words = ("hint", "scale", "--content", practice.content)
        assert practice(*words).stderr == ""
        practice.write(IN_PLACE)
        assert "the file has changed since" in practice(*words).stderr

    def test_the_snippet_reproduces_the_failure_without_the_kit(
        self, practice: Practice, failed: subprocess.CompletedProcess[str]
    ) -> None:
        assert failed.returncode == 1
        snippet = practice("hint", "scale", "--snippet", "--content", practice.content).stdout
        done = subprocess.run(
            [sys.executable, "-c", snippet], cwd=practice.attempt.parent, capture_output=True, text=True, check=True
        )
        got = failed.stdout.split("got: ")[1].split("  (")[0]
        assert eval(done.stdout.split("tensor(")[1].rstrip(")\n")) == eval(got)

    def test_after_a_pass_there_is_none(self, practice: Practice) -> None:
        practice.write(RIGHT)
        practice.graded("scale")
        done = practice("hint", "scale", "--content", practice.content)
        assert done.returncode == 0
        assert "nothing to hint at" in done.stdout

    def test_of_a_file_that_does_not_load_is_the_message(self, practice: Practice) -> None:
        practice.write("def scale(:\n")
        practice.graded("scale")
        done = practice("hint", "scale", "--content", practice.content)
        assert "no hint beyond the message" in done.stdout
        assert "line 1" in done.stdout


class TestSolution:
    def test_is_shown_after_a_pass(self, practice: Practice) -> None:
        practice.write(RIGHT)
        practice.graded("scale")
        done = practice("solution", "scale", "--content", practice.content)
        assert (done.returncode, done.stdout) == (0, (practice.content / "solutions/scale/reference.py").read_text())

    def test_before_that_only_to_who_gives_up_and_that_is_kept(
        self, practice: Practice, failed: subprocess.CompletedProcess[str]
    ) -> None:
        assert failed.returncode == 1
        words = ("solution", "scale", "--content", practice.content)
        refused = practice(*words)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert "--give-up" in refused.stderr
        assert practice(*words, "--give-up").stdout.startswith("import torch")
        assert "gave up" in practice("history", "scale", "--content", practice.content).stdout


class TestReset:
    def test_puts_the_stub_back_and_keeps_the_attempt(self, practice: Practice) -> None:
        stub = (practice.content / "exercises/scale/stub.py").read_text()
        words = ("reset", "scale", "--content", practice.content)
        kept = []
        for source in (DIVIDES, IN_PLACE, RIGHT):  # three within a second, most likely: none is lost
            practice.write(source)
            done = practice(*words)
            assert done.returncode == 0
            assert practice.attempt.read_text() == stub
            where = re.search(
                r"^Your attempt is kept: (attempts/backup/scale-\d{8}-\d{6}(-\d+)?\.py)$", done.stdout, re.M
            )
            assert where is not None
            kept.append(practice.folder / where[1])
        assert [path.read_text() for path in kept] == [DIVIDES, IN_PLACE, RIGHT]
        assert sorted(path.name for path in practice.attempt.parent.iterdir()) == ["backup", "scale.py"]

    def test_of_the_stub_makes_no_backup(self, practice: Practice) -> None:
        practice.graded("scale")
        assert "is the stub already" in practice("reset", "scale", "--content", practice.content).stdout
        assert not (practice.attempt.parent / "backup").exists()

    def test_that_cannot_keep_the_attempt_changes_nothing(self, practice: Practice) -> None:
        practice.write(DIVIDES)
        (practice.attempt.parent / "backup").write_text("in the way\n")
        done = practice("reset", "scale", "--content", practice.content)
        assert done.returncode == 2
        assert "your attempts are as they were" in done.stderr
        assert practice.attempt.read_text() == DIVIDES


def test_history_has_a_line_for_each_attempt(practice: Practice) -> None:
    for source in (DIVIDES, RIGHT):
        practice.write(source)
        practice.graded("scale")
    first, second = practice("history", "scale", "--content", practice.content).stdout.splitlines()
    assert re.fullmatch(r"20\d\d-\d\d-\d\d \d\d:\d\d  ✗     2/4  Every entry is multiplied", first)
    assert re.fullmatch(r"20\d\d-\d\d-\d\d \d\d:\d\d  ✓     4/4", second)


def test_new_writes_an_exercise_that_can_be_practised_at_once(practice: Practice) -> None:
    done = practice("new", "mine", "--content", "own")
    assert done.returncode == 0
    assert "own/exercises/mine/exercise.yaml" in done.stdout.splitlines()
    assert "Prove it: practice prove mine --content own" in done.stdout
    right = practice("run", "mine", "--content", "own", "--file", "own/solutions/mine/right/loops.py")
    assert right.returncode == 0, right.stdout
    again = practice("new", "mine", "--content", "own")
    assert again.returncode == 2
    assert "is there already" in again.stderr


def test_prove_tells_a_proof_that_holds_from_one_that_does_not(practice: Practice, tmp_path: Path) -> None:
    for id in ("sound", "harmless"):
        practice("new", id, "--content", "own")
    edit(tmp_path / "own/solutions/harmless/mistakes.py", "factor = 1 / factor", "factor = 1 * factor")
    done = practice("prove", "sound", "harmless", "--content", "own", "--json")
    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout)
    assert told["holds"] is False
    sound, harmless = told["proofs"]
    assert (sound["exercise"], sound["holds"], sound["problems"]) == ("sound", True, [])
    assert (sound["mistakes"], sound["mistakes_caught"], sound["right"], sound["right_accepted"]) == (2, 2, 5, 5)
    assert harmless["holds"] is False
    assert "divided passes every check" in harmless["problems"][0]


class TestDoctor:
    def test_says_what_holds_here(self, practice: Practice) -> None:
        from grader.confine import probe

        done = practice("doctor", "--content", practice.content)
        assert done.returncode == 0, done.stdout
        assert f"{sys.version.split()[0]}  {Path(sys.executable).parent}" in done.stdout
        for layer in probe().layers:
            assert f"✓ {layer}" in done.stdout
        for name in ("torch", "hypothesis", "daemon", "attempts"):
            assert re.search(rf"^✓ {name} +\S", done.stdout, re.M)
        assert f"{practice.content}: 3 exercises" in done.stdout

    def test_names_a_broken_exercise_with_its_remedy(self, practice: Practice, tmp_path: Path) -> None:
        root = tmp_path / "own"
        practice("new", "mine", "--content", root)
        (root / "exercises/mine/statement.zh.md").unlink()
        done = practice("doctor", "--content", root)
        assert done.returncode == 3
        assert "statement.zh.md" in done.stdout

    def test_in_chinese(self, practice: Practice) -> None:
        done = practice("doctor", "--lang", "zh")
        assert "隔离" in done.stdout
        assert "题库" in done.stdout


def test_the_daemon_can_be_asked_and_stopped(practice: Practice, tmp_path: Path) -> None:
    here = {"PRACTICE_RUNTIME_DIR": str(tmp_path / "run")}
    assert practice("daemon", "status", **here).stdout == "not running; the next run starts one\n"
    assert practice("daemon", "stop", **here).stdout == "No daemon was running.\n"
    practice.write(RIGHT)
    assert practice.graded("scale", **here).returncode == 0
    status = practice("daemon", "status", **here)
    assert re.fullmatch(r"running \(pid \d+\): 1 graded in \d+ \w+\n", status.stdout)
    assert practice("daemon", "stop", **here).stdout == "The daemon has stopped.\n"
    assert practice("daemon", "status", **here).stdout == "not running; the next run starts one\n"


class TestLanguage:
    @pytest.mark.parametrize(
        ("environment", "words", "chinese"),
        [
            ({}, (), False),
            ({"LANG": "zh_CN.UTF-8"}, (), True),
            ({"LANG": "de_DE.UTF-8"}, (), False),
            ({"LC_ALL": "en_US.UTF-8", "LANG": "zh_CN.UTF-8"}, (), False),
            ({"LC_MESSAGES": "zh_TW.UTF-8", "LANG": "en_US.UTF-8"}, (), True),
            ({"PRACTICE_LANG": "zh", "LC_ALL": "en_US.UTF-8"}, (), True),
            ({"PRACTICE_LANG": "fr", "LC_ALL": "zh_CN.UTF-8"}, (), True),
            ({"PRACTICE_LANG": "zh"}, ("--lang", "en"), False),
            ({}, ("--lang", "zh"), True),
        ],
    )
    def test_is_taken_from_the_option_then_the_environment(
        self, practice: Practice, environment: dict[str, str], words: tuple[str, ...], chinese: bool
    ) -> None:
        assert ("请输入" in practice(*words, **environment).stdout) is chinese

    def test_an_option_before_the_command_counts_as_well(self, practice: Practice) -> None:
        done = practice("--lang", "zh", "--content", practice.content, "list")
        assert done.stdout.startswith("注意力")
        assert " brief " in done.stdout

    def test_errors_speak_it(self, practice: Practice) -> None:
        assert practice("show", "nothing", LANG="zh_CN.UTF-8").stderr.startswith("错误：没有练习 'nothing'")


def test_help_names_every_command_by_audience(practice: Practice) -> None:
    done = practice("--help")
    assert done.returncode == 0
    for heading in ("Candidate:", "Author:", "Machine:"):
        assert f"\n{heading}\n" in done.stdout
    candidate = ("list", "show", "run", "hint", "solution", "reset", "history", "review", "journal")
    for name in (*candidate, "new", "prove", "doctor", "daemon"):
        assert re.search(rf"^  {name}  +\S", done.stdout, re.M), name


class TestImports:
    """A warm verdict waits for nothing that it does not need."""

    HEAVY = ("torch", "numpy", "pytest", "hypothesis", "sqlalchemy", "rich", "yaml", "watchfiles", "pygments")

    def test_a_whole_run_that_fails_imports_nothing_heavy(self, practice: Practice) -> None:
        practice.write(DIVIDES)
        code = (
            "import json, sys, grader.cli\n"
            "status = grader.cli.main()\n"
            "print(json.dumps([status, sorted(sys.modules)]), file=sys.stderr)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, "run", "scale", "--content", practice.content],
            cwd=practice.folder,
            env=practice.variables,
            capture_output=True,
            text=True,
            check=True,
        )
        status, modules = json.loads(done.stderr.splitlines()[-1])
        assert status == 1
        assert "grader.verdict" in modules
        assert [name for name in modules if name.partition(".")[0] in self.HEAVY] == []
