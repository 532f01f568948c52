"""A student's folder and the files in it, read with care: whatever lies there, it stops nobody else's grading."""

from __future__ import annotations

import os
import re
import stat
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from grader.course.integrity import SHORTEN, unreadable
from grader.course.result import Note
from grader.errors import Text

TIMESTAMP = "timestamp.txt"
# nbgrader takes a folder's name for a pattern of the shell, and ends for everybody where it has a newline.
_NO_NAME = re.compile(r"[\x00-\x1f\x7f*?\[]")
_YEARS = range(1970, 9999)  # others cannot be shown in every time zone


def refused_name(student: str) -> Text | None:
    """Why nbgrader cannot have a student of this name, with the remedy; None where it can."""
    name = ascii(student)
    try:
        student.encode()
    except UnicodeEncodeError:
        return Text(
            f"submitted/{name}: the name is not UTF-8 and was left out; rename the folder",
            f"submitted/{name}：文件夹名不是 UTF-8，已跳过；请改名",
        )
    if _NO_NAME.search(student):
        return Text(
            f"submitted/{name}: nbgrader cannot have a name with *, ?, [ or a line break, so it was left out; rename "
            "the folder",
            f"submitted/{name}：nbgrader 不支持含 *、?、[ 或换行的名字，已跳过；请给文件夹改名",
        )
    return None


def unreadable_folder(folder: Path) -> Note | None:
    """A note where what was handed in lies behind a link, or in a folder that cannot be entered."""
    if os.path.islink(folder) or os.path.islink(folder.parent):  # noqa: PTH114 - never raises, unlike Path's
        remedy = Text("Hand in the files themselves.", "请直接提交文件本身。")
        return unreadable("the folder is a link", "文件夹是一个链接", remedy)
    try:
        with os.scandir(folder):
            os.stat(folder / ".")  # noqa: PTH116 - a folder may be listed that cannot be entered
    except FileNotFoundError:
        return None
    except OSError as error:
        why = error.strerror or type(error).__name__
        where = "/".join(folder.parts[-3:])
        remedy = Text(f"Make it readable: chmod -R u+rwX {where}", f"请使其可读：chmod -R u+rwX {where}")
        return unreadable(f"the folder cannot be read: {why}", f"无法读取文件夹：{why}", remedy)
    return None


def read_file(path: Path, most: int) -> bytes | Note | None:
    """A regular file's bytes, never those that a link leads to; None where nothing is."""
    try:
        # without waiting: somebody may have made a pipe of it
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        if os.path.islink(path):  # noqa: PTH114 - Path's raises where its folder cannot be entered
            return Note("link", Text(f"{path.name} is a link: not read.", f"{path.name} 是一个链接：没有读取。"))
        why = getattr(error, "strerror", None) or type(error).__name__
        return Note("unreadable", Text(f"{path.name} cannot be read: {why}.", f"无法读取 {path.name}：{why}。"))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return Note("unreadable", Text(f"{path.name} is not a file.", f"{path.name} 不是文件。"))
    with os.fdopen(descriptor, "rb") as file:
        try:
            data = file.read(most + 1)
        except OSError as error:
            why = error.strerror or type(error).__name__
            return Note("unreadable", Text(f"{path.name} cannot be read: {why}.", f"无法读取 {path.name}：{why}。"))
    if len(data) > most:
        size = f"{most // (1024 * 1024)} MiB"
        said = (f"{path.name} is larger than {size}", f"{path.name} 超过 {size}")
        return unreadable(*said) if path.suffix == ".ipynb" else unreadable(*said, SHORTEN)
    return data


def submitted_at(folder: Path) -> tuple[datetime | None, tuple[Note, ...]]:
    """When nbgrader says that a folder was handed in; a note where what it says is no time."""
    data = read_file(folder / TIMESTAMP, 200)
    if data is None:
        return None, ()
    if isinstance(data, bytes):
        try:
            if not (text := data.decode("ascii").strip()):
                return None, ()
            moment = _moment(text)
            if moment.year in _YEARS:
                return moment, ()
        except (ValueError, KeyError, OSError, OverflowError):
            pass
    return None, (Note("timestamp", Text(f"{TIMESTAMP} cannot be read.", f"无法读取 {TIMESTAMP}。")),)


def _moment(text: str) -> datetime:
    """`2026-01-02 03:04:05.678 UTC`, as nbgrader writes it, or as ISO has it. ValueError, KeyError, OSError and
    OverflowError for what is none.
    """
    words = text.split()
    if len(words) == 3 and words[2][0] not in "+-":
        moment = datetime.fromisoformat(f"{words[0]} {words[1]}")
        zone = UTC if words[2] == "UTC" else ZoneInfo(words[2])
    else:
        moment, zone = datetime.fromisoformat("T".join(words[:2]) + "".join(words[2:])), UTC
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
