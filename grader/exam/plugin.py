"""pytest for authors and self-checkers: `pytest solutions/self_attention --submission attempts/self_attention.py`.

Installed as a plugin, so its import is part of every pytest start on the machine: it imports nothing until
`--submission` is given.
The submission runs in a confined worker, as it does for `practice run`.
"""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("practice", "practice: hidden checks")
    group.addoption("--submission", metavar="FILE", help="run an exercise's checks.py against this file")


def pytest_configure(config: pytest.Config) -> None:
    submission = config.getoption("--submission")
    if submission:
        from grader.exam.authoring import AuthorRun

        config.pluginmanager.register(AuthorRun(Path(submission).absolute(), config), "practice-author-run")
