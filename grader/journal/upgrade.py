"""Brings the tables to the form that this version writes, and refuses those of a later one.

Alembic is imported only where there is something to do: it takes as long to import as everything else together.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from grader.errors import Text
from grader.journal.home import JournalError
from grader.journal.tables import HEAD, VERSION_TABLE

MIGRATIONS = Path(__file__).parent / "migrations"


def version_of(connection: sa.Connection) -> str | None:
    """The migration that the tables stand at; None where there are none."""
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    table = sa.table(VERSION_TABLE, sa.column("version_num", sa.String))
    return connection.execute(sa.select(table.c.version_num)).scalar()


def is_current(connection: sa.Connection, where: str) -> bool:
    """Whether there is nothing to do. JournalError for a journal of a later version."""
    version = version_of(connection)
    if version is None or version == HEAD:
        return version == HEAD
    from alembic.script import ScriptDirectory

    known = {script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}
    if version not in known:
        raise JournalError(
            Text(
                f"the journal {where} was written by a later version of practice: update this one to read it",
                f"日志 {where} 由更新版本的 practice 写成：请升级后再读取",
            )
        )
    return False


def upgrade(connection: sa.Connection) -> None:
    """Run the migrations that are missing, in the connection's own transaction: all of them or none."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
