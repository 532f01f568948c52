"""A PostgreSQL server of the tests' own: in a temporary folder, on a socket in it, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

QUICK = ("fsync=off", "full_page_writes=off", "listen_addresses=", "max_connections=40", "shared_buffers=16MB")


def program(name: str) -> str | None:
    """Where a program of PostgreSQL stands: on the path, or where Debian keeps it off the path."""
    newest = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    return shutil.which(name) or (str(newest[-1]) if newest else None)


class Server:
    """A running server. `database` gives the URL of an empty one: a schema, which is made and removed faster."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    def database(self) -> str:
        self._count += 1
        self.execute(f"CREATE SCHEMA journal_{self._count}")
        return f"{self.url}&options=-csearch_path%3Djournal_{self._count}"

    @property
    def url(self) -> str:
        return f"postgresql://practice@/postgres?host={self._folder}"

    def execute(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def server() -> Iterator[Server]:
    """The programs must be there."""
    folder = Path(tempfile.mkdtemp(prefix="practice-pg-"))
    # it refuses to run as root
    who = {} if os.getuid() else _ordinary_user()
    if who:
        os.chown(folder, who["user"], who["group"])
    initdb, postgres, data = program("initdb"), program("postgres"), str(folder / "data")
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C"}
    common = {"env": environment, "cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT, **who}
    process = None
    try:
        made = [initdb, "-D", data, "-U", "practice", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run(made, check=True, timeout=120, **common)
        options = [part for setting in QUICK for part in ("-c", setting)]
        process = subprocess.Popen([postgres, "-D", data, "-k", str(folder), *options], **common)
        found = Server(folder)
        _wait(process, found)
        yield found
    finally:
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGQUIT)  # at once: nothing of it is kept
            process.wait(timeout=60)
        shutil.rmtree(folder, ignore_errors=True)


def _ordinary_user() -> dict[str, int | list[int]]:
    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
    raise RuntimeError("no ordinary user to run the server as")


def _wait(process: subprocess.Popen[bytes], found: Server) -> None:
    import psycopg

    deadline = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(found.url).close()
            return
        except psycopg.OperationalError:
            assert process.poll() is None, "the server has ended"
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.05)
