"""The READMEs' transcripts: what they say one sees, and what one sees.

A fence of `console` holds commands after `$ ` and what they print. A fence of `python` whose first line is `# FILE` is
that file. Run as a program, this writes the output into both READMEs:  python tests/docs/transcripts.py
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
READMES = {"README.md": "en", "README.zh.md": "zh"}
_FENCE = re.compile(r"^```(console|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SAME = (
    # what depends on the machine, the hour, the load and the version of Hypothesis
    (re.compile(r"· \d+\.\d+ (s|秒) ·"), r"· T \1 ·"),
    (re.compile(r"(strict|partial|no) isolation|(严格|部分|没有)隔离"), "isolation"),
    (re.compile(r"20\d\d-\d\d-\d\d \d\d:\d\d"), "YYYY-MM-DD hh:mm"),
    (re.compile(r"(at index|在下标) \[.*"), r"\1 […]"),
    (re.compile(r"^  (  \w+ = |expected: |got: |应为：|得到：).*", re.MULTILINE), r"  \1…"),
    (re.compile(r"^\d+ passed · 1 started · \d+ open|^已通过 \d+ · 进行中 1 · 未开始 \d+", re.MULTILINE), "counts"),
)


@dataclass(frozen=True)
class Step:
    """One command of a transcript and what it is said to print."""

    command: str
    output: str


def outputs(readme: Path, folder: Path, environment: dict[str, str]) -> list[tuple[Step, str]]:
    """Each command of a README, run in `folder` in order, with what it printed."""
    found = []
    for kind, text in _FENCE.findall(readme.read_text(encoding="utf-8")):
        if kind == "python":
            first, _, rest = text.partition("\n")
            assert first.startswith("# "), f"{readme.name}: which file is this? {first}"
            (folder / first[2:]).write_text(rest, encoding="utf-8")
        else:
            found += [(step, _run(step.command, folder, environment)) for step in steps(text)]
    return found


def steps(console: str) -> list[Step]:
    """The commands of one fence."""
    parts = re.split(r"^\$ (.*)\n", console, flags=re.MULTILINE)
    assert parts[0] == "", "a console begins with a command"
    return [Step(command, output) for command, output in zip(parts[1::2], parts[2::2], strict=True)]


def normalised(output: str) -> str:
    """Without what may differ."""
    for pattern, same in _SAME:
        output = pattern.sub(same, output)
    return "\n".join(line.rstrip() for line in output.strip().splitlines())


def environment_for(folder: Path, runtime: Path, language: str) -> dict[str, str]:
    """A user's, with the command on the path and nothing of ours."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, "HOME": str(folder), "PRACTICE_RUNTIME_DIR": str(runtime), "PRACTICE_LANG": language}


def _run(command: str, folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        command,
        shell=True,
        cwd=folder,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    return done.stdout


def write() -> None:
    """Bring both READMEs up to date."""
    for name, language in READMES.items():
        readme = ROOT / name
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as runtime:
            environment = environment_for(Path(folder), Path(runtime), language)
            printed = iter(outputs(readme, Path(folder), environment))
            _run("practice daemon stop", Path(folder), environment)
        text = readme.read_text(encoding="utf-8")
        readme.write_text(_FENCE.sub(lambda fence, printed=printed: _rewritten(fence, printed), text), encoding="utf-8")


def _rewritten(fence: re.Match[str], printed: Iterator[tuple[Step, str]]) -> str:
    if fence[1] == "python":
        return fence[0]
    commands = ((step.command, next(printed)[1].rstrip()) for step in steps(fence[2]))
    return "```console\n" + "".join(f"$ {command}\n{output}\n" for command, output in commands) + "```"


if __name__ == "__main__":
    write()
