"""From the first form of the tables to the newest, and no further."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from verdicts import verdict

from grader.journal import Home, Journal, JournalError, database, tables, upgrade

LATER = '''
"""A form that is still to come."""
import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{head}"


def upgrade() -> None:
    with op.batch_alter_table("answers") as table:
        table.add_column(sa.Column("seconds", sa.Float(), nullable=False, server_default="0"))
    op.execute("UPDATE answers SET seconds = 60")
'''


@pytest.fixture
def later_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From the call on, this process is a version with one migration more."""

    def install() -> None:
        migrations = tmp_path / "per%cent" / "migrations"
        shutil.copytree(upgrade.MIGRATIONS, migrations, dirs_exist_ok=True)
        (migrations / "versions" / "v9999_later.py").write_text(LATER.format(head=tables.HEAD))
        monkeypatch.setattr(upgrade, "MIGRATIONS", migrations)
        monkeypatch.setattr(upgrade, "HEAD", "9999")

    return install


def engine_of(home: Home) -> sa.Engine:
    return database._engine(home)


def contents(home: Home) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    metadata = sa.MetaData()
    engine = engine_of(home)
    with engine.connect() as connection:
        metadata.reflect(connection)
        found = {
            name: sorted(tuple(map(str, row)) for row in connection.execute(sa.select(table)))
            for name, table in metadata.tables.items()
        }
    engine.dispose()
    return found


def test_head_is_the_newest_and_the_line_is_straight() -> None:
    scripts = ScriptDirectory(str(upgrade.MIGRATIONS))
    assert scripts.get_heads() == [tables.HEAD]
    assert len(scripts.get_bases()) == 1
    assert all(not script.is_branch_point for script in scripts.walk_revisions())


def test_the_migrations_make_what_the_code_expects(home: Home) -> None:
    database.Database(home).close()
    engine = engine_of(home)
    with engine.connect() as connection:
        options = {"compare_type": True, "version_table": tables.VERSION_TABLE}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, tables.METADATA) == []
        assert upgrade.version_of(connection) == tables.HEAD
    engine.dispose()


def test_from_every_form_up_to_the_newest(home: Home) -> None:
    """Step by step from nothing: each step runs on what the one before it left."""
    from alembic import command
    from alembic.config import Config

    engine = engine_of(home)
    revisions = [script.revision for script in ScriptDirectory(str(upgrade.MIGRATIONS)).walk_revisions()][::-1]
    for revision in revisions:
        with engine.begin() as connection:
            config = Config()
            config.set_main_option("script_location", str(upgrade.MIGRATIONS))
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
            assert upgrade.version_of(connection) == revision
    engine.dispose()
    journal = Journal(home)
    journal.record(verdict(), "")
    assert len(journal.attempts()) == 1
    journal.close()


def test_an_older_journal_is_brought_up_with_everything_in_it(home: Home, later_version: Callable[[], None]) -> None:
    journal = Journal(home)
    answer = journal.record_answer("gan", language="en", text="two nets", grade={"x": 1}, score=0.5, outcome="partial")
    journal.record(verdict(), "")
    before = journal.export()
    journal.close()
    later_version()
    journal = Journal(home)
    waiting = journal.record(verdict("lora"), "")
    with journal._drained()._database.reading() as connection:
        assert connection.execute(sa.text("SELECT seconds FROM answers")).scalars().all() == [60]
        assert upgrade.version_of(connection) == "9999"
    assert journal.attempts("lora") == [waiting]
    journal.close()
    assert contents(home)["answers"][0][0].replace("-", "") == answer.id.replace("-", "")
    assert '"gan"' in before


def test_a_journal_of_a_later_version_is_refused_and_left_as_it_is(
    home: Home, later_version: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        journal = Journal(home)
        journal.record(verdict(), "")
        journal.attempts()
        journal.close()
        later_version()
        database.Database(home).close()
        patch.undo()
    monkeypatch.undo()
    assert tables.HEAD == upgrade.HEAD
    before = contents(home)
    data = home.database.read_bytes() if not home.url else b""
    journal = Journal(home)
    kept = journal.record(verdict(passed=True), "")
    for _ in range(2):
        with pytest.raises(JournalError, match="was written by a later version of practice: update this one") as told:
            journal.attempts()
        assert "\n" not in told.value.say("en") + told.value.say("zh")
    assert contents(home) == before
    assert before[tables.VERSION_TABLE] == [("9999",)]
    if not home.url:
        assert home.database.read_bytes() == data
    assert journal.state() == {"scale": "passed"}, "what happens meanwhile waits"
    later_version()
    later = Journal(home)
    assert later.attempts()[-1] == kept
    later.close()


def test_a_migration_that_fails_leaves_what_was(
    home: Home, later_version: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(home)
    journal.record(verdict(), "")
    journal.attempts()
    journal.close()
    before = contents(home)
    later_version()
    script = upgrade.MIGRATIONS / "versions" / "v9999_later.py"
    script.write_text(script.read_text() + '    op.execute("UPDATE nowhere SET x = 1")\n')
    journal = Journal(home)
    with pytest.raises(JournalError, match=r"cannot be used: .*nowhere"):
        journal.attempts()
    assert contents(home) == before
