"""A journal of each kind: on SQLite, and on a PostgreSQL server that these tests start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from postgres_server import Server, program, server

from grader.journal import Home, Journal


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'practice-llm[postgres]'")
    if not (program("initdb") and program("postgres")):
        pytest.skip("no PostgreSQL server is installed here")
    with server() as found:
        yield found


@pytest.fixture(params=["sqlite", "postgresql"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    """Where nothing is yet."""
    if request.param == "sqlite":
        return Home(tmp_path / "data" / "practice")
    return Home(tmp_path / "data" / "practice", request.getfixturevalue("postgres").database())


@pytest.fixture
def open_journal(home: Home) -> Iterator[Callable[[], Journal]]:
    """The journal as one more command would open it."""
    opened: list[Journal] = []

    def open_one() -> Journal:
        opened.append(Journal(home))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


@pytest.fixture
def journal(open_journal: Callable[[], Journal]) -> Journal:
    return open_journal()
