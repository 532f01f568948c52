"""Where the user's daemon listens, and how the first command starts it.

One daemon per user and installation. The command that starts it makes the listening socket itself, under a lock,
and hands it over: so two first commands start one daemon, and both may connect before it has finished importing
torch.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import stat
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from grader.daemon.protocol import fingerprint

BACKLOG = 64


def runtime_directory() -> Path:
    """A directory of this user alone. Raises OSError where there can be none."""
    base = os.environ.get("PRACTICE_RUNTIME_DIR") or os.environ.get("XDG_RUNTIME_DIR")
    if base:
        directory = Path(base) / "practice"
    else:
        import tempfile  # costs a client milliseconds

        directory = Path(tempfile.gettempdir()) / f"practice-{os.getuid()}"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise OSError(f"{directory} is not a private directory of yours")
    return directory


def socket_path() -> Path:
    """The socket of this installation's daemon."""
    installation = fingerprint(f"{sys.prefix}:{Path(__file__).resolve()}")
    return runtime_directory() / f"{installation}.sock"


def connect() -> socket.socket | None:
    """A connection to the running daemon; None where none listens. Raises OSError when the socket is not the user's
    own.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.connect(str(socket_path()))
    except (FileNotFoundError, ConnectionRefusedError):
        sock.close()
        return None
    except OSError:
        sock.close()
        raise
    if peer_uid(sock) != os.getuid():
        sock.close()
        raise OSError("the daemon's socket belongs to somebody else")
    return sock


def start(spawn: Callable[[socket.socket], object]) -> socket.socket:
    """A connection to a daemon that `spawn` starts, or to the one that another command has just started."""
    with locked():
        running = connect()
        if running is not None:
            return running
        path = socket_path()
        path.unlink(missing_ok=True)  # of a daemon that was killed
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
            mask = os.umask(0o177)
            try:
                listening.bind(str(path))
            finally:
                os.umask(mask)
            try:
                listening.listen(BACKLOG)
                spawn(listening)
            except OSError:
                remove(path)  # nobody will ever listen
                raise
            connection = connect()
    if connection is None:
        raise OSError("the daemon did not start")
    return connection


@contextmanager
def locked() -> Iterator[None]:
    """Alone among the commands that start or end a daemon. The kernel lets the lock go with whoever holds it."""
    descriptor = os.open(runtime_directory() / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def peer_uid(sock: socket.socket) -> int:
    """Whose process is at the other end."""
    credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[1])


def remove(path: Path) -> None:
    """Take the socket away, as the daemon leaves."""
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def remove_own(listening: socket.socket) -> None:
    """Take the socket away, where it is not of a daemon that came later."""
    path = Path(listening.getsockname())
    if _leads_to(path, listening):
        remove(path)


def _leads_to(path: Path, listening: socket.socket) -> bool:
    """Whether the path still leads to our socket, and not to one of a daemon that came after us.

    A connection tells: the path's inode is another one than the socket's.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
            accepted, _ = listening.accept()
        except (BlockingIOError, OSError):
            return False
        accepted.close()
    return True
