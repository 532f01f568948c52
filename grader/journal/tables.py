"""The tables, as the newest migration leaves them."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

# the newest migration: a journal that stands there is opened without Alembic
HEAD = "0001"
VERSION_TABLE = "journal_version"

METADATA = sa.MetaData(naming_convention={"pk": "pk_%(table_name)s", "ix": "ix_%(table_name)s_%(column_0_N_name)s"})


class Moment(TypeDecorator[datetime]):
    """A time in UTC, also where the database knows no zones."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _entries(name: str, *columns: sa.Column[object], by: str) -> sa.Table:
    """A table of entries: an id drawn when it happened, the time, and an index on what is asked for.

    No foreign keys: what is imported or comes from another machine comes in any order.
    """
    return sa.Table(
        name,
        METADATA,
        sa.Column("id", sa.Uuid(as_uuid=False), primary_key=True),
        sa.Column("time", Moment(), nullable=False),
        *columns,
        sa.Index(None, by, "time"),
        sa.Index(None, "time"),
    )


attempts = _entries(
    "attempts",
    sa.Column("exercise", sa.Text(), nullable=False),
    sa.Column("sha256", sa.Text(), nullable=False),
    sa.Column("outcome", sa.Text(), nullable=False),
    sa.Column("points", sa.Float(), nullable=False),
    sa.Column("max_points", sa.Float(), nullable=False),
    sa.Column("packed", sa.JSON(), nullable=False),
    by="exercise",
)
notes = _entries(
    "notes",
    sa.Column("kind", sa.Text(), nullable=False),
    sa.Column("exercise", sa.Text(), nullable=False),
    by="exercise",
)
answers = _entries(
    "answers",
    sa.Column("question", sa.Text(), nullable=False),
    sa.Column("language", sa.Text(), nullable=False),
    sa.Column("text", sa.Text(), nullable=False),
    sa.Column("score", sa.Float(), nullable=False),
    sa.Column("outcome", sa.Text(), nullable=False),
    sa.Column("grade", sa.JSON(), nullable=False),
    by="question",
)
disputes = _entries(
    "disputes",
    sa.Column("question", sa.Text(), nullable=False),
    sa.Column("point", sa.Text(), nullable=False),
    sa.Column("answer", sa.Uuid(as_uuid=False), nullable=False),
    by="question",
)
# derived from attempts, notes and answers, by grader.journal.schedule
cards = sa.Table(
    "cards",
    METADATA,
    sa.Column("kind", sa.Text(), primary_key=True),
    sa.Column("subject", sa.Text(), primary_key=True),
    sa.Column("score", sa.Float(), nullable=False),
    sa.Column("stability", sa.Float(), nullable=False),
    sa.Column("difficulty", sa.Float(), nullable=False),
    sa.Column("reviewed", Moment(), nullable=False),
    sa.Column("due", Moment(), nullable=False),
    sa.Index(None, "due"),
)
