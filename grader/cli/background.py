"""Asking the user's daemon about itself, without starting one."""

from __future__ import annotations

from grader.daemon import address
from grader.daemon.protocol import Event, LineReader, code_version, send_line
from grader.errors import PracticeError, Text

PATIENCE_SECONDS = 10.0


def ask_status() -> Event | None:
    """What the daemon says of itself; None where none runs."""
    return _ask({"op": "status", "version": code_version()})


def ask_stop() -> bool:
    """Whether there was one to stop. It has stopped listening when this returns."""
    return _ask({"op": "stop"}, until_closed=True) is not None


def say_status(told: Event | None) -> Text:
    if told is None:
        return Text("not running; the next run starts one", "没有运行；下次评分时会启动")
    if told["event"] == "stale":
        return Text("was of another version, and has left", "版本不同，已退出")
    if told["event"] != "status":
        return Text("answers, but not what was asked", "有响应，但答非所问")
    pid, graded, seconds = told["pid"], told["graded"], told["seconds"]
    return Text(
        f"running (pid {pid}): {graded} graded in {_duration(seconds)}",
        f"运行中（pid {pid}）：{_duration(seconds)} 内评分 {graded} 次",
    )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes else f"{rest} s"


def _ask(message: Event, *, until_closed: bool = False) -> Event | None:
    try:
        connection = address.connect()
        if connection is None:
            return None
        with connection:
            connection.settimeout(PATIENCE_SECONDS)
            send_line(connection, message)
            reader = LineReader(connection)
            answer = reader.read()
            while until_closed and reader.read() is not None:
                pass
            return answer or {"event": "gone"}
    except TimeoutError:
        raise PracticeError(
            Text("the daemon does not answer", "后台进程没有响应"),
            Text("it may be starting: try again", "可能正在启动：请再试一次"),
        ) from None
    except OSError as error:
        why = error.strerror or str(error)
        raise PracticeError(Text(f"the daemon cannot be reached: {why}", f"无法连接后台进程：{why}")) from None
