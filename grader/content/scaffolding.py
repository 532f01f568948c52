"""What `practice new ID` writes: a small exercise, complete and provable, for the author to turn into another.

The files are those of template/. The Python ones end in `.in` there, so that no tool takes them for modules of the
package.
"""

from __future__ import annotations

from pathlib import Path

from grader.content.catalogue import EXERCISES, NOT_EXERCISES, SOLUTIONS
from grader.content.folders import holds_something
from grader.content.place import shown
from grader.content.schema import ID, ID_IN_WORDS
from grader.errors import Text, UsageError

_TEMPLATE = Path(__file__).parent / "template"


def scaffold(id: str, root: Path) -> list[Path]:
    """Write both folders of a new exercise below `root`, and return the files written, the public ones first.

    UsageError for an id that cannot be one, a folder that holds something already, a root that cannot be written.
    """
    if not ID.fullmatch(id):
        proposed = id.strip().lower().replace("-", "_").replace(" ", "_")
        remedy = Text(f"try {proposed}", f"可以用 {proposed}") if ID.fullmatch(proposed) else Text.same("")
        raise UsageError(Text(f"'{id}' is not {ID_IN_WORDS.en}", f"'{id}' 不是{ID_IN_WORDS.zh}"), remedy)
    if id in NOT_EXERCISES:
        raise UsageError(Text(f"'{id}' is a folder of the kit's own", f"'{id}' 是本工具自用的文件夹"))
    homes = {half: root / half / id for half in (EXERCISES, SOLUTIONS)}
    for home in homes.values():
        if home.exists() and not (home.is_dir() and not holds_something(home)):
            raise UsageError(
                Text(f"{shown(home)}: is there already", f"{shown(home)}：已经存在"),
                Text("take another id, or move it away", "请换一个 id，或先把它移走"),
            )
    try:
        return [path for half, home in homes.items() for path in _write(_TEMPLATE / half, home, id)]
    except OSError as error:
        where, reason = shown(Path(error.filename or root)), error.strerror or type(error).__name__
        raise UsageError(Text(f"{where}: cannot be written: {reason}", f"{where}：无法写入：{reason}")) from None


def _write(template: Path, home: Path, id: str) -> list[Path]:
    written = []
    for source in sorted(path for path in template.rglob("*") if path.is_file()):
        target = home / source.relative_to(template).as_posix().removesuffix(".in")
        text = source.read_text(encoding="utf-8").replace("@ID@", id)
        text = text.replace("@TITLE@", id.replace("_", " ").capitalize())
        target.parent.mkdir(parents=True, exist_ok=True)
        # "x": never over a file that came to be there in the meantime
        with target.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
        written.append(target)
    return written
