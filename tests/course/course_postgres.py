"""The server that the journal's tests start, for the databases of a course."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "journal"))  # pytest adds it only when those tests are collected too

from postgres_server import Server, program, server


@contextmanager
def a_server() -> Iterator[Server]:
    """A running one; skips where none can be had."""
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'practice-llm[postgres]'")
    if not (program("initdb") and program("postgres")):
        pytest.skip("no PostgreSQL server is installed here")
    with server() as found:
        yield found
