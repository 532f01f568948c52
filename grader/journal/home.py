"""Where the journal of this user stands: a folder of theirs, and a database in it or at an address."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from grader.errors import UsageError

DATABASE = "PRACTICE_DATABASE_URL"
_PASSWORD = re.compile(r"(?<=://)([^/@]*?)(:[^/@]*)?@")


class JournalError(UsageError):
    """The journal cannot be read or written. One line: it never stands between a candidate and a verdict."""


@dataclass(frozen=True, slots=True)
class Home:
    """`folder` holds what waits for the database and what was derived from it; `url` is empty for SQLite beside them.

    Each address has a folder of its own: what waits for one database is not written into another.
    """

    folder: Path
    url: str = ""

    @classmethod
    def of_user(cls, environment: Mapping[str, str] = os.environ) -> Home:
        """In XDG_DATA_HOME; with PRACTICE_DATABASE_URL, at that address."""
        folder = data_folder(environment) / "practice"
        url = environment.get(DATABASE, "").strip()
        if not url:
            return cls(folder)
        import hashlib

        # without the password: a new one is still the same journal
        address = hashlib.sha256(without_password(url).encode("utf-8", "surrogateescape")).hexdigest()
        return cls(folder / f"at-{address[:12]}", url)

    @property
    def database(self) -> Path:
        """The file of SQLite."""
        return self.folder / "journal.db"

    @property
    def where(self) -> str:
        """For messages: the file as a user would type it, or the address without its password."""
        if self.url:
            return without_password(self.url)
        try:
            return f"~/{self.database.relative_to(os.path.expanduser('~'))}"  # noqa: PTH111 - never raises
        except ValueError:
            return str(self.database)


def without_password(url: str) -> str:
    """An address as it may be shown."""
    return _PASSWORD.sub(r"\1@", url)


def data_folder(environment: Mapping[str, str]) -> Path:
    """As the XDG base directory specification has it."""
    named = environment.get("XDG_DATA_HOME", "")
    if named.startswith("/"):
        return Path(named)
    home = environment.get("HOME") or os.path.expanduser("~")  # noqa: PTH111 - of a user without one it is "~"
    return Path(home if home.startswith("/") else "/") / ".local" / "share"
