"""The lock names, for CI, one version of everything that pyproject.toml asks for."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
LOCK = (ROOT / "requirements" / "ci.txt").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CI = {"sys_platform": "linux", "platform_machine": "x86_64", "python_version": "3.11"}


def wanted(requirements: list[str]) -> Iterator[Requirement]:
    """What these ask for, those of the kit's own extras included."""
    for text in requirements:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({**CI, "extra": ""}):
            continue
        if requirement.name == PROJECT["name"]:
            for extra in requirement.extras:
                yield from wanted(PROJECT["optional-dependencies"][extra])
        else:
            yield requirement


def locked() -> dict[str, Version]:
    found = re.findall(r"^([a-z0-9.-]+)==(\S+)(?: ; .*)? \\$", LOCK, re.MULTILINE)
    return {name: Version(version) for name, version in found}


def test_everything_that_is_asked_for_is_locked_at_a_version_that_fits() -> None:
    versions = locked()
    asked = list(wanted([*PROJECT["dependencies"], f"{PROJECT['name']}[dev]"]))
    assert len(asked) > 20
    for requirement in asked:
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        assert name in versions, f"{name} is not in requirements/ci.txt: run make lock"
        assert requirement.specifier.contains(versions[name].public), f"{requirement}: run make lock"


def test_every_line_has_its_hashes() -> None:
    lines = [line for line in LOCK.splitlines() if line and not line.startswith("#")]
    names = [line for line in lines if not line.startswith(" ")]
    assert len(names) == len(locked()) > 50
    assert all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line) for line in lines if line.startswith(" "))


def test_nothing_but_packages_is_named() -> None:
    assert not re.search(r"https?://|file:|--(index|find|extra)|@", LOCK)
