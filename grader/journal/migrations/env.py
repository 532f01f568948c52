"""Run by Alembic, on the connection and in the transaction of `grader.journal.upgrade`."""

from __future__ import annotations

from alembic import context

from grader.journal.tables import METADATA, VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
    render_as_batch=True,  # SQLite changes a table by writing it anew
)
context.run_migrations()
