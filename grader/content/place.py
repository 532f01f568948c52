"""Where a fault of the content stands, as every message begins: `exercises/gelu/exercise.yaml:12: level: ...`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from grader.errors import ContentError, Text

NOTHING = Text.same("")


@dataclass(frozen=True, slots=True)
class Place:
    """A file, and where they are known the line in it (from 1) and the dotted key."""

    path: Path
    line: int | None = None
    key: str = ""

    def at(self, line: int, key: str | None = None) -> Place:
        """Another line of the same file; the key stays unless another is named."""
        return Place(self.path, line, self.key if key is None else key)

    def below(self, name: str) -> str:
        """The dotted key of `name` inside this place."""
        return f"{self.key}.{name}" if self.key else name

    def error(self, message: Text, remedy: Text = NOTHING) -> ContentError:
        """A ContentError about this place."""
        return ContentError(Text(f"{self}: {message.en}", f"{self}: {message.zh}"), remedy)

    def __str__(self) -> str:
        line = "" if self.line is None else f":{self.line}"
        key = f": {self.key}" if self.key else ""
        return f"{shown(self.path)}{line}{key}"


def shown(path: Path) -> str:
    """The path as an editor opens it from here: relative below the working directory, whole elsewhere."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, FileNotFoundError):  # elsewhere; or the working directory is gone
        return str(path)


def did_you_mean(word: str, known: Iterable[str], otherwise: Text = NOTHING) -> Text:
    """A remedy that names the closest known name; `otherwise` when nothing is close."""
    from difflib import get_close_matches  # only once something is wrong

    matches = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return Text(f"did you mean '{matches[0]}'?", f"是不是 '{matches[0]}'？") if matches else otherwise


def read_bytes(path: Path) -> bytes:
    """The bytes of a file. ContentError when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from None


def unreadable(path: Path, error: OSError) -> ContentError:
    """What the system says about a file or folder that it does not give."""
    reason = error.strerror or type(error).__name__
    return Place(path).error(
        Text(f"cannot be read: {reason}", f"无法读取：{reason}"),
        Text("see that it exists and that you may read it", "请确认它存在，并且你有读取权限"),
    )
