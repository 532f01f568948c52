"""What the READMEs say is what one sees."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from transcripts import READMES, ROOT, environment_for, normalised, outputs

# Commands that have commands of their own.
GROUPS = ("course", "daemon", "journal")


@pytest.fixture(scope="module")
def runtime() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="practice-docs-"))
    yield folder
    import subprocess

    subprocess.run(
        ["practice", "daemon", "stop"], env=environment_for(folder, folder, "en"), capture_output=True, check=True
    )
    shutil.rmtree(folder)


@pytest.mark.parametrize("name", READMES)
def test_the_transcript_is_what_one_sees(name: str, tmp_path: Path, runtime: Path) -> None:
    found = outputs(ROOT / name, tmp_path, environment_for(tmp_path, runtime, READMES[name]))
    assert len(found) >= 5
    for step, printed in found:
        assert normalised(printed) == normalised(step.output), f"$ {step.command}"


@pytest.mark.parametrize("name", READMES)
def test_every_make_target_exists(name: str) -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = re.findall(r"(?:^|`)make ([a-z]+)", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
    assert set(named) >= {"run", "test"}
    assert set(named) <= set(targets)


@pytest.mark.parametrize("name", [*READMES, "CONTRIBUTING.md", "CHANGELOG.md"])
def test_every_link_leads_to_a_file(name: str) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", (ROOT / name).read_text(encoding="utf-8")):
        assert (ROOT / target).exists(), target


@pytest.mark.parametrize("name", READMES)
def test_every_command_that_is_named_exists(name: str, tmp_path: Path, runtime: Path) -> None:
    import subprocess

    text = (ROOT / name).read_text(encoding="utf-8")
    environment = environment_for(tmp_path, runtime, "en")
    told: dict[tuple[str, ...], str] = {}
    for code in sorted(set(re.findall(r"`practice ([a-z][^`|\n]*)`", text))):
        words = code.split()
        command = tuple(words[: 2 if words[0] in GROUPS else 1])
        if command not in told:
            done = subprocess.run(
                ["practice", *command, "--help"], env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, code
            told[command] = done.stdout
        for option in (word for word in words if word.startswith("--")):
            assert option in told[command], code
    assert len(told) > 10
