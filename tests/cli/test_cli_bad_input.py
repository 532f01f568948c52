"""Files that are no answer: each gives one or two clear lines in both languages and the exit status of the contract."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from practice_command import RIGHT, Practice


class TestUnreadable:
    """Exit status 2: there is nothing to grade."""

    @pytest.mark.parametrize(
        ("name", "data", "english", "chinese"),
        [
            ("missing.py", None, "missing.py does not exist.", "missing.py 不存在。"),
            ("folder", "a folder", "folder is a directory.", "folder 是一个目录。"),
            ("binary.py", b"\x7fELF\x02\x01\x01\x00", "binary.py is not a text file in UTF-8.", "不是 UTF-8 文本文件"),
            ("latin.py", "# café".encode("latin-1"), "latin.py is not a text file in UTF-8.", "不是 UTF-8 文本文件"),
            ("large.py", b"#" * (1 << 20) + b"\n", "large.py is larger than 1 MiB.", "large.py 超过 1 MiB。"),
            ("scale.py/below.py", None, "below.py cannot be read: Not a directory.", "无法读取 scale.py/below.py"),
        ],
    )
    def test_is_said_in_one_or_two_lines(
        self, practice: Practice, name: str, data: bytes | str | None, english: str, chinese: str
    ) -> None:
        (practice.folder / "scale.py").write_text(RIGHT)
        if isinstance(data, bytes):
            (practice.folder / name).write_bytes(data)
        elif data is not None:
            (practice.folder / name).mkdir()
        for language, expected in (("en", english), ("zh", chinese)):
            done = practice.graded("scale", "--file", name, "--lang", language)
            assert (done.returncode, done.stdout) == (2, "")
            assert expected in done.stderr
            assert 1 <= len(done.stderr.splitlines()) <= 2

    def test_an_attempt_is_still_there(self, practice: Practice) -> None:
        practice.write(b"\xff\xfe\x00")
        assert practice.graded("scale").returncode == 2
        assert practice.attempt.read_bytes() == b"\xff\xfe\x00"


class TestFailing:
    """Exit status 1: the file was read, and the verdict says what is wrong with it."""

    @pytest.mark.parametrize(
        ("source", "english", "chinese"),
        [
            pytest.param("def scale(x, *, factor)\n    return x\n", "line 1", "第 1 行", id="syntax"),
            pytest.param("", "The file defines no `scale`.", "文件里没有定义 `scale`。", id="empty"),
            pytest.param(
                "def scales(x, *, factor):\n    return x\n",
                "It defines `scales`: is the name misspelled?",
                "是不是名字写错了？",
                id="missing entry",
            ),
            pytest.param(
                "def scale(x):\n    return x\n",
                "needed (x, *, factor), yours (x)",
                "需要 (x, *, factor)",
                id="signature",
            ),
            pytest.param("scale = 3\n", "must be a function; it is of type int", "现在的类型是 int", id="not callable"),
            pytest.param(
                "import torchvision_of_mine\n" + RIGHT,
                "imports torchvision_of_mine (line 1: import torchvision_of_mine), which is not installed here",
                "没有安装",
                id="missing package",
            ),
            pytest.param("raise SystemExit(0)\n" + RIGHT, "SystemExit", "SystemExit", id="exit"),
            pytest.param(
                "def scale(x, *, factor):\n    pass\n",
                "it returned None. Is a `return` missing?",
                "return",
                id="no return",
            ),
        ],
    )
    def test_the_message_names_it(self, practice: Practice, source: str, english: str, chinese: str) -> None:
        practice.write(source)
        for language, expected in (("en", english), ("zh", chinese)):
            done = practice.graded("scale", "--json", "--lang", language)
            told = json.loads(done.stdout)
            assert (done.returncode, told["outcome"], told["points"]) == (1, "failed", 0)
            message = next(check["message"] for check in told["checks"] if check["outcome"] == "failed")
            assert expected in message
            assert len(message.splitlines()) <= 2
        assert practice.attempt.read_text() == source

    def test_a_file_that_does_not_load_is_one_failure_and_not_three(self, practice: Practice) -> None:
        practice.write("def scale(x, *, factor)\n    return x\n")
        done = practice.graded("scale")
        assert done.returncode == 1
        assert "· 2 checks have not run" in done.stdout
        assert "Every entry is multiplied" not in done.stdout
        assert "hint scale" not in done.stdout, "there is none"

    def test_a_call_that_never_ends(self, practice: Practice) -> None:
        practice.write("def scale(x, *, factor):\n    while True:\n        pass\n", "brief")
        done = practice.graded("brief")
        assert done.returncode == 1
        assert "did not come back within 0.5 s" in done.stdout

    def test_a_megabyte_of_output_is_cut(self, practice: Practice) -> None:
        practice.write("def scale(x, *, factor):\n    print('word\\n' * 250_000)\n    return x / factor\n")
        done = practice.graded("scale")
        assert done.returncode == 1
        assert "your code printed:\n    word\n" in done.stdout
        assert len(done.stdout) < 4000
        (kept,) = practice.graded_so_far
        assert kept.stat().st_size < 100_000

    def test_a_megabyte_of_output_fails_no_right_answer(self, practice: Practice) -> None:
        practice.write("def scale(x, *, factor):\n    print('word\\n' * 250_000)\n    return x * factor\n")
        assert practice.graded("scale").returncode == 0


class TestUsage:
    """Exit status 2: the command itself."""

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            (["rum"], "no command 'rum'; did you mean `practice run`?"),
            (["self_attention"], "for an exercise it is `practice run self_attention`"),
            (["run", "--jsno"], "No such option"),
            (["run", "a", "b"], "unexpected extra argument"),
            (["show"], "Missing argument 'ID'"),
            (["run", "--lang", "fr"], "'fr' is not one of 'en', 'zh'"),
            (["run", "--watch", "--json"], "--watch and --json cannot go together"),
            (["list", "--content", "nowhere"], "nowhere: holds no exercises"),
            (["hint", "self_attention"], "there is no attempt at self_attention"),
            (["history", "self_attention"], "there is no attempt at self_attention"),
            (["reset", "self_attention"], "attempts/self_attention.py does not exist"),
            (["solution", "self_attention"], "you have not passed self_attention yet"),
            (["new", "Not-An-Id"], "try not_an_id"),
        ],
    )
    def test_is_corrected_in_one_or_two_lines(self, practice: Practice, words: list[str], expected: str) -> None:
        done = practice(*words)
        assert (done.returncode, done.stdout) == (2, "")
        assert expected in done.stderr
        assert 1 <= len(done.stderr.splitlines()) <= 2
        assert list(practice.folder.iterdir()) == []

    def test_the_folder_is_gone(self, practice: Practice, tmp_path: Path) -> None:
        import subprocess

        gone = tmp_path / "gone"
        gone.mkdir()
        shell = f"cd {gone} && rmdir {gone} && exec {practice.command('list')[0]} run"
        done = subprocess.run(
            ["bash", "-c", shell], env=practice.variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert "the folder that you are in was removed" in done.stderr


class TestOurFault:
    """Exit status 3, and a traceback only for who asks."""

    def test_is_one_line(self, practice: Practice) -> None:
        (practice.folder / "grader").mkdir()
        done = self._with_a_fault(practice)
        assert (done.returncode, done.stdout) == (3, "")
        assert (
            done.stderr
            == "error: internal error: ZeroDivisionError: division by zero; run with --debug for the details\n"
        )

    def test_with_its_traceback_for_who_asks(self, practice: Practice) -> None:
        for words in (["--debug", "list"], ["list", "--debug"]):
            done = self._with_a_fault(practice, *words)
            assert done.returncode == 3
            assert "Traceback" in done.stderr

    @staticmethod
    def _with_a_fault(practice: Practice, *words: str):  # type: ignore[no-untyped-def]  # subprocess's own
        """A fault that no user can make: put into the real program from outside."""
        import subprocess
        import sys

        code = (
            "import sys, grader.cli.listing as listing\n"
            "listing.list_exercises = lambda invocation: 1 / 0\n"
            "from grader.cli import main\n"
            "sys.exit(main())\n"
        )
        return subprocess.run(
            [sys.executable, "-c", code, *(words or ("list",))],
            cwd=practice.folder,
            env=practice.variables,
            capture_output=True,
            text=True,
            check=False,
        )
