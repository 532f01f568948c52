"""A process that uses a journal, and one that is killed while it does.

python journal_process.py FOLDER URL record COUNT
python journal_process.py FOLDER URL drain [PLACE]     killed by itself at PLACE, which is one of PLACES
python journal_process.py FOLDER URL import FILE [PLACE]
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from verdicts import verdict

from grader.journal import Home, Journal


def die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_at_call(owner: Any, name: str, number: int) -> None:
    """Killed just before the call of that number."""
    original: Callable[..., object] = getattr(owner, name)
    left = number

    def counted(*arguments: object, **named: object) -> object:
        nonlocal left
        left -= 1
        if left < 0:
            die()
        return original(*arguments, **named)

    setattr(owner, name, counted)


def _while_tables_are_made() -> None:
    from alembic import op

    die_at_call(op, "create_index", 3)


def _before_the_commit() -> None:
    import sqlalchemy as sa

    from grader.journal.store import Store

    add = Store._insert

    def insert(store: Store, connection: sa.Connection, entries: list[object]) -> None:
        add(store, connection, entries)
        if entries:
            sa.event.listen(connection.engine, "commit", die)

    Store._insert = insert  # type: ignore[method-assign]


def _after_the_commit() -> None:
    from grader.journal.store import Store

    add = Store.add

    def add_and_die(store: Store, entries: list[Any]) -> int:
        add(store, entries)
        die()
        return 0

    Store.add = add_and_die  # type: ignore[method-assign]


def _before_the_removal() -> None:
    from grader.journal.inbox import Inbox

    die_at_call(Inbox, "remove", 0)


def _amid_the_removal() -> None:
    die_at_call(Path, "unlink", 2)


def _while_the_snapshot_is_written() -> None:
    die_at_call(Path, "replace", 0)


def _before_an_entry_is_whole() -> None:
    die_at_call(os, "fsync", 3)


def _before_an_entry_has_its_name() -> None:
    die_at_call(os, "rename", 3)


DRAINING = {
    "while the tables are made": _while_tables_are_made,
    "before the commit": _before_the_commit,
    "after the commit": _after_the_commit,
    "while the snapshot is written": _while_the_snapshot_is_written,
    "before the removal": _before_the_removal,
    "amid the removal": _amid_the_removal,
}
RECORDING = {
    "before an entry is whole": _before_an_entry_is_whole,
    "before an entry has its name": _before_an_entry_has_its_name,
}
PLACES = {**DRAINING, **RECORDING, "": lambda: None}


def start(home: Home, *words: str | int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, __file__, str(home.folder), home.url, *(str(word) for word in words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def main(folder: str, url: str, what: str, *more: str) -> None:
    journal = Journal(Home(Path(folder), url))
    if what == "record":
        PLACES[more[1] if len(more) > 1 else ""]()
        for number in range(int(more[0])):
            journal.record(verdict(passed=number % 2 == 1), str(number))
            journal.note("hint", "scale")
    elif what == "drain":
        PLACES[more[0] if more else ""]()
        sys.stdout.write(str(len(journal.attempts())))
    elif what == "import":
        PLACES[more[1] if len(more) > 1 else ""]()
        sys.stdout.write(str(journal.import_(Path(more[0]).read_text(encoding="utf-8"), more[0])[0]))


if __name__ == "__main__":
    main(*sys.argv[1:])
