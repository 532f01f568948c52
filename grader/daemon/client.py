"""The light side: asks a host for a verdict. Imports neither torch nor pytest.

`run` uses the user's daemon, starting it where none answers; where that cannot be, or is not wanted, it starts a
host for this one request.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from grader.content import builtin_root
from grader.daemon import address
from grader.daemon.protocol import Event, LineReader, code_version, send_line
from grader.errors import (
    TRY_AGAIN,
    GraderFault,
    PracticeError,
    SubmissionUnreadable,
    Text,
    UsageError,
    out_of_means,
)
from grader.verdict import Verdict, unpack

# A warm run starts no process: what starting one needs is imported then.
if TYPE_CHECKING:
    import subprocess

SUBMISSION_LIMIT = 1024 * 1024
Listener = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Request:
    """What to grade. `filename` is the name that messages show; `roots` are the content roots."""

    exercise: str
    source: str
    filename: str
    roots: tuple[Path, ...] = ()
    diagnosis: bool = True

    def message(self) -> Event:
        return {
            "op": "run",
            "version": code_version(),
            "exercise": self.exercise,
            "roots": [str(root) for root in self.roots or (builtin_root(),)],
            "source": self.source,
            "filename": self.filename,
            "diagnosis": self.diagnosis,
        }


def read_submission(path: Path) -> str:
    """The text of a submission. Raises SubmissionUnreadable with what to do."""
    shown = str(path)
    try:
        if path.is_dir():
            raise SubmissionUnreadable(
                Text(f"{shown} is a directory.", f"{shown} 是一个目录。"),
                Text("Name the Python file in it.", "请给出其中的 Python 文件。"),
            )
        with path.open("rb") as file:
            data = file.read(SUBMISSION_LIMIT + 1)
    except FileNotFoundError:
        raise SubmissionUnreadable(
            Text(f"{shown} does not exist.", f"{shown} 不存在。"),
            Text("Check the path; `practice run ID` hands out a stub.", "请检查路径；`practice run ID` 会发放模板。"),
        ) from None
    except OSError as error:
        why = error.strerror or str(error)
        raise SubmissionUnreadable(Text(f"{shown} cannot be read: {why}.", f"无法读取 {shown}：{why}。")) from None
    if len(data) > SUBMISSION_LIMIT:
        raise SubmissionUnreadable(
            Text(f"{shown} is larger than 1 MiB.", f"{shown} 超过 1 MiB。"),
            Text("A submission is one Python file of source code.", "提交的应是一个 Python 源代码文件。"),
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise SubmissionUnreadable(
            Text(f"{shown} is not a text file in UTF-8.", f"{shown} 不是 UTF-8 文本文件。"),
            Text("Save it as Python source in UTF-8.", "请保存为 UTF-8 编码的 Python 源代码。"),
        )
    return text


def run(request: Request, *, daemon: bool = True, listen: Listener = lambda _event: None) -> Verdict:
    """The verdict on one submission. Raises PracticeError when there is none.

    `listen` is told each event as it comes; also {"event": "notice", "text": [en, zh]} for what the user should
    know of the daemon.
    """
    for number in range(2 if daemon else 0):
        with _daemon(listen) as connection:
            if connection is None:
                break
            answer = _converse(connection, request, listen)
        if isinstance(answer, Verdict):
            return answer
        if number:
            continue  # it goes each time that it is started: once said is enough
        if answer == "stale":
            _notice(listen, "The grader was updated: starting it again.", "评分程序已更新：正在重新启动。")
        else:
            _notice(listen, "The grader had gone: starting it again.", "评分程序已退出：正在重新启动。")
    with one_shot() as connection:
        answer = _converse(connection, request, listen)
    if not isinstance(answer, Verdict):
        raise GraderFault(
            Text("The grader did not start.", "评分程序没有启动。"),
            Text("Run `practice doctor`, or the command with --debug.", "请运行 `practice doctor`，或加上 --debug。"),
        )
    return answer


def grade(exercise: str, path: str | Path, *, roots: Sequence[str | Path] = (), daemon: bool = True) -> Verdict:
    """Grade the file at `path` against an exercise, in a process of its own.

    `roots` are content roots; without any, the kit's own exercises. Raises UsageError for an unknown exercise or an
    unreadable file, and GraderFault where the grader is at fault; whatever the submission does is in the verdict.
    """
    source = read_submission(Path(path))
    return run(Request(exercise, source, str(path), tuple(Path(root).absolute() for root in roots)), daemon=daemon)


def _converse(connection: socket.socket, request: Request, listen: Listener) -> Verdict | Literal["stale", "gone"]:
    """One request over one connection. "stale": the host is of another version; "gone": it had left before it began."""
    reader = LineReader(connection)
    begun = False
    try:
        send_line(connection, request.message())
        while (event := reader.read()) is not None:
            if event["event"] == "stale":
                return "stale"
            if event["event"] == "error":
                raise _error(event)
            if event["event"] == "verdict":
                return unpack(event["verdict"])
            begun = True
            listen(event)
    except (ConnectionError, TimeoutError):
        pass
    if not begun:
        return "gone"
    raise GraderFault(
        Text("The grader died before the verdict.", "评分程序在给出结果之前中断了。"),
        TRY_AGAIN,
    )


def _error(event: Event) -> PracticeError:
    kind = UsageError if event["exit_status"] == UsageError.exit_status else GraderFault
    return kind(Text(*event["message"]), Text(*event["remedy"]))


def _notice(listen: Listener, en: str, zh: str) -> None:
    listen({"event": "notice", "text": [en, zh]})


# ------------------------------------------------------------------------ hosts


@contextmanager
def one_shot() -> Iterator[socket.socket]:
    """A connection to a host that lives for this connection."""
    import subprocess

    try:
        ours, theirs = socket.socketpair()
    except OSError as error:
        raise out_of_means(error) from None
    with ours:
        with theirs:
            try:
                process = start_host("--connection", theirs)
            except (OSError, MemoryError) as error:
                raise out_of_means(error) from None
        try:
            yield ours
        finally:
            ours.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=10)
            if process.poll() is None:
                process.kill()
                process.wait()


def start_host(option: str, sock: socket.socket) -> subprocess.Popen[bytes]:
    """Start the trusted process with a socket of ours; nothing of the user's environment goes along."""
    import subprocess

    from grader.confine.process import clean_environment

    environment = clean_environment()
    if os.environ.get("PRACTICE_DEBUG"):
        environment["PRACTICE_DEBUG"] = "1"
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "grader.daemon.host", option, str(sock.fileno())],
        pass_fds=[sock.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=None if os.environ.get("PRACTICE_DEBUG") else subprocess.DEVNULL,
        env=environment,
        cwd="/",
        start_new_session=True,
    )


@contextmanager
def _daemon(listen: Listener) -> Iterator[socket.socket | None]:
    """A connection to the user's daemon, started where none answers; None where there can be none."""
    try:
        connection = address.connect() or address.start(lambda listening: start_host("--listen", listening))
    except OSError as error:
        why = error.strerror or str(error)
        _notice(
            listen,
            f"No daemon: {why}. Grading without it, which takes a little longer.",
            f"没有后台进程：{why}。将直接评分，会稍慢一些。",
        )
        yield None
        return
    with connection:
        yield connection
