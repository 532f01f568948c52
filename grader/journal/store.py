"""The database as the journal uses it: the inbox is moved into it, and questions are asked of it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from grader.journal import tables
from grader.journal.database import PATIENCE_SECONDS, Database, in_use
from grader.journal.entries import Answer, Attempt, Dispute, Entry, Note, table_of
from grader.journal.home import Home
from grader.journal.inbox import Inbox
from grader.journal.schedule import Card, Event, Tried, exercise_card, question_card
from grader.journal.snapshot import Snapshot, Snapshots, Standing

Kind = TypeVar("Kind", Attempt, Note, Answer, Dispute)


@dataclass(frozen=True, slots=True)
class Logged:
    """One line of the whole history: an attempt at an exercise, or an answer to a question."""

    time: datetime
    kind: str
    subject: str
    outcome: str
    points: float
    max_points: float


class Store:
    """The journal's database, and what stands beside it. JournalError for whatever cannot be done."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._inbox = Inbox(home.folder / "inbox")
        self._snapshots = Snapshots(home.folder)
        self._database = Database(home)

    def close(self) -> None:
        self._database.close()

    # ---------------------------------------------------------------- the inbox

    def drain(self) -> None:
        """Move what waits into the database, in one transaction.

        Killed before the commit, nothing has happened; killed after it, the files that are still there bring
        nothing new the next time, by their ids.
        """
        if not self._inbox.waiting() and self._snapshots.exists and not self._home.url:
            return
        with self._alone():
            found = list(self._inbox.entries())
            if found:
                self.add([entry for _, entry in found])
            with self._database.telling():
                self._write_snapshot(frozenset(entry.id for _, entry in found))
                self._inbox.remove(waiting for waiting, _ in found)

    def add(self, entries: Sequence[Entry]) -> int:
        """Insert what is not there yet, and bring the cards up to date. How many were new."""
        with self._database.writing() as connection:
            before = _count(connection)
            for kind in (Attempt, Note, Answer, Dispute):
                self._insert(connection, [entry for entry in entries if isinstance(entry, kind)])
            exercises = {entry.exercise for entry in entries if isinstance(entry, (Attempt, Note))}
            questions = {entry.question for entry in entries if isinstance(entry, Answer)}
            for card in _cards(connection, exercises, questions):
                self._put(connection, card)
            return _count(connection) - before

    def import_(self, entries: Sequence[Entry]) -> int:
        """Add what comes from a file. How many were new."""
        with self._alone():
            new = self.add(entries)
            with self._database.telling():
                self._write_snapshot(self._snapshots.read().drained)
        return new

    def _insert(self, connection: sa.Connection, entries: Sequence[Entry]) -> None:
        if entries:
            rows = [entry._asdict() for entry in entries]
            table = tables.METADATA.tables[table_of(type(entries[0]))]
            connection.execute(self._insert_into(table).on_conflict_do_nothing(index_elements=["id"]), rows)

    def _put(self, connection: sa.Connection, card: Card) -> None:
        row = {field.name: getattr(card, field.name) for field in fields(card)}
        key = ["kind", "subject"]
        statement = self._insert_into(tables.cards).values(row)
        changed = {name: statement.excluded[name] for name in row if name not in key}
        connection.execute(statement.on_conflict_do_update(index_elements=key, set_=changed))

    def _insert_into(self, table: sa.Table) -> Any:
        return (postgresql if self._database.dialect == "postgresql" else sqlite).insert(table)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No other process of this machine moves entries meanwhile. Who only adds to the inbox does not wait."""
        import fcntl

        with self._database.telling():
            lock = (self._home.folder / "lock").open("ab")
        with lock:
            deadline = time.monotonic() + PATIENCE_SECONDS
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError:
                    if time.monotonic() > deadline:
                        raise in_use(self._home.where) from None
                    time.sleep(0.02)
            yield

    # -------------------------------------------------------------- the snapshot

    def _write_snapshot(self, drained: frozenset[str]) -> None:
        before = self._snapshots.read().exercises
        with self._database.reading() as connection:
            standing = _standing(connection)
            changed = [
                _last(connection, id)
                for id, one in standing.items()
                if one.time and (id not in before or before[id].time != one.time)
            ]
        for attempt in changed:
            self._snapshots.write_last(attempt)
        self._snapshots.write(Snapshot(standing, drained))

    # --------------------------------------------------------------- what is asked

    def entries(self, kind: type[Kind], subject: str | None = None) -> list[Kind]:
        """Everything of one kind, or of one exercise or question, oldest first."""
        table = tables.METADATA.tables[table_of(kind)]
        query = sa.select(table).order_by(table.c.time, table.c.id)
        if subject is not None:
            query = query.where((table.c.exercise if "exercise" in table.c else table.c.question) == subject)
        with self._database.reading() as connection:
            return [kind(**row) for row in connection.execute(query).mappings()]

    def log(self, limit: int | None) -> tuple[list[Logged], int]:
        """The latest attempts and answers, oldest first, and how many there are in all."""
        a, q = tables.attempts.c, tables.answers.c
        both = sa.union_all(
            sa.select(a.time, sa.literal("exercise"), a.exercise, a.outcome, a.points, a.max_points),
            sa.select(q.time, sa.literal("question"), q.question, q.outcome, q.score, sa.literal(1.0)),
        ).subquery()
        with self._database.reading() as connection:
            count = connection.execute(sa.select(sa.func.count()).select_from(both)).scalar_one()
            rows = connection.execute(sa.select(both).order_by(both.c.time.desc()).limit(limit)).all()
        return [Logged(*row) for row in reversed(rows)], count

    def cards(self) -> list[Card]:
        """Every card."""
        with self._database.reading() as connection:
            return [Card(**row) for row in connection.execute(sa.select(tables.cards)).mappings()]

    def times(self) -> list[datetime]:
        """When something was done."""
        query = sa.union_all(sa.select(tables.attempts.c.time), sa.select(tables.answers.c.time))
        with self._database.reading() as connection:
            return list(connection.execute(query).scalars())


def _count(connection: sa.Connection) -> int:
    counts = [
        sa.select(sa.func.count()).select_from(table).scalar_subquery()
        for table in (tables.attempts, tables.notes, tables.answers, tables.disputes)
    ]
    return sum(connection.execute(sa.select(*counts)).one())


def _cards(connection: sa.Connection, exercises: Iterable[str], questions: Iterable[str]) -> Iterator[Card]:
    """The cards of these, each from its whole history."""
    a, n, q = tables.attempts.c, tables.notes.c, tables.answers.c
    for id in sorted(exercises):
        tried = sa.select(a.time, sa.literal("attempt"), a.outcome, a.sha256).where(a.exercise == id)
        noted = sa.select(n.time, n.kind).where(n.exercise == id)
        events = [Event(*row) for query in (tried, noted) for row in connection.execute(query)]
        if card := exercise_card(id, events):
            yield card
    for id in sorted(questions):
        answered = connection.execute(sa.select(q.time, q.score, q.outcome).where(q.question == id))
        if card := question_card(id, [Tried(*row) for row in answered]):
            yield card


def _standing(connection: sa.Connection) -> dict[str, Standing]:
    a, n = tables.attempts.c, tables.notes.c
    passed = sa.func.max(sa.case((a.outcome == "passed", 1), else_=0))
    tried = sa.select(a.exercise, sa.func.max(a.time).label("time"), passed.label("passed")).group_by(a.exercise)
    found = {row.exercise: Standing(bool(row.passed), row.time) for row in connection.execute(tried)}
    last = tried.subquery()
    since = (
        sa.select(n.exercise, sa.func.count())
        .select_from(tables.notes.outerjoin(last, last.c.exercise == n.exercise))
        .where(n.kind == "hint", sa.or_(last.c.time.is_(None), n.time > last.c.time))
        .group_by(n.exercise)
    )
    for id, hints in connection.execute(since):
        before = found.get(id, Standing(False, None))
        found[id] = Standing(before.passed, before.time, hints)
    return found


def _last(connection: sa.Connection, exercise: str) -> Attempt:
    query = sa.select(tables.attempts).where(tables.attempts.c.exercise == exercise)
    newest = query.order_by(tables.attempts.c.time.desc(), tables.attempts.c.id.desc()).limit(1)
    return Attempt(**connection.execute(newest).mappings().one())
