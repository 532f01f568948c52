"""The connection to the database: SQLite or PostgreSQL, its transactions, and its errors in one line each."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError, SQLAlchemyError

from grader.errors import Text
from grader.journal import upgrade
from grader.journal.home import DATABASE, Home, JournalError

PATIENCE_SECONDS = 4
_ADVISORY = 0x70726163  # one writer at a time: cards are made from all that is there
_BEGIN = "practice_begin"


class Database:
    """Opened, and its tables in the form that this version knows. JournalError where that cannot be."""

    def __init__(self, home: Home) -> None:
        self.home = home
        with self.telling():
            self._engine = _engine(home)
            self._open()

    @property
    def dialect(self) -> str:
        return self._engine.dialect.name

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        with self.telling(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """One transaction, with no other writer beside it."""
        with self.telling(), self._engine.connect() as plain:
            connection = plain.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})
            with connection.begin():
                if self.dialect == "postgresql":
                    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{PATIENCE_SECONDS}s'")
                    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY)))
                yield connection

    @contextmanager
    def telling(self) -> Iterator[None]:
        """What the database or the system says, as a JournalError."""
        try:
            yield
        except (SQLAlchemyError, OSError) as error:
            raise _told(error, self.home.where) from None

    def _open(self) -> None:
        with self.reading() as connection:
            current = upgrade.is_current(connection, self.home.where)
        if current:
            return
        if self.dialect == "sqlite":
            self._write_ahead()
        with self.writing() as connection:
            if not upgrade.is_current(connection, self.home.where):  # another may have been faster
                upgrade.upgrade(connection)

    def _write_ahead(self) -> None:
        """Readers and a writer do not wait for each other. The file remembers."""
        with self._engine.connect() as connection:
            connection.execution_options(**{_BEGIN: ""}).exec_driver_sql("PRAGMA journal_mode = WAL")


def _engine(home: Home) -> sa.Engine:
    home.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not home.url:
        return _sqlite(sa.URL.create("sqlite", database=str(home.database)))
    try:
        url = sa.make_url(home.url)
        if url.drivername in ("postgres", "postgresql"):
            url = url.set(drivername="postgresql+psycopg")
        if url.get_backend_name() == "sqlite":
            return _sqlite(url)
        if url.drivername != "postgresql+psycopg":
            raise ArgumentError
        return sa.create_engine(url, connect_args={"connect_timeout": PATIENCE_SECONDS}, pool_pre_ping=True)
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise JournalError(
            Text(
                f"{DATABASE} is not understood: write postgresql://USER@HOST/NAME or sqlite:////PATH",
                f"{DATABASE} 无法识别：请写成 postgresql://USER@HOST/NAME 或 sqlite:////PATH",
            )
        ) from None
    except ModuleNotFoundError:
        raise JournalError(
            Text(
                f"{DATABASE} needs a driver: pip install 'practice-llm[postgres]'",
                f"{DATABASE} 需要驱动程序：pip install 'practice-llm[postgres]'",
            )
        ) from None


def _sqlite(url: sa.URL) -> sa.Engine:
    engine = sa.create_engine(url, connect_args={"timeout": PATIENCE_SECONDS})

    @event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions are begun below, and hold tables that are made as well
        connection.execute("PRAGMA synchronous = FULL")  # what is committed leaves the inbox

    @event.listens_for(engine, "begin")
    def _begun(connection: sa.Connection) -> None:
        if begin := connection.get_execution_options().get(_BEGIN, "BEGIN"):
            connection.exec_driver_sql(begin)

    return engine


def in_use(where: str) -> JournalError:
    return JournalError(
        Text(
            f"the journal {where} is in use by another program; nothing is lost: try again",
            f"日志 {where} 正被其他程序占用；没有丢失任何内容：请稍后再试",
        )
    )


def _told(error: Exception, where: str) -> JournalError:
    original = getattr(error, "orig", None) or error
    said = str(original) if not isinstance(original, OSError) else original.strerror or str(original)
    why = " ".join((said.strip().splitlines() or [type(original).__name__])[0].split())[:200]
    if isinstance(error, OperationalError) and ("database is locked" in why or "lock timeout" in why):
        return in_use(where)
    if isinstance(error, DBAPIError) and "not a database" in why:
        return JournalError(
            Text(
                f"the journal {where} is no database: move it away, and a new one begins",
                f"日志 {where} 不是数据库文件：把它移走后会新建一个",
            )
        )
    return JournalError(Text(f"the journal {where} cannot be used: {why}", f"无法使用日志 {where}：{why}"))
