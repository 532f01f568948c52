"""The configuration of nbgrader for a course of ours, and nbgrader's own commands.

`nbgrader_config.py` in the course's folder calls `configure`; what an instructor adds below that line wins.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from grader.content.place import shown
from grader.course.course import CONFIG, FILE, Course
from grader.errors import GraderFault, Text, UsageError

CONFIG_TEXT = '''\
"""nbgrader's configuration, written by `practice course init`. Settings of your own go at the end: they win."""

from grader.course.config import configure

c = get_config()  # noqa: F821 - nbgrader gives it
configure(c, __file__)

c.CourseDirectory.course_id = {course_id!r}
{settings}
# c.CourseDirectory.db_url = "postgresql+psycopg://user@host/gradebook"
# c.Exchange.root = "/srv/nbgrader/exchange"
# c.AssignLatePenalties.plugin_class = "late.SubMarks"   # late.py beside this file: a LateSubmissionPlugin
'''
COURSE_TEXT = """\
# A course of `practice`. Each assignment names its exercises and questions, in the order of the hand-out:
#   homework-1:
#     exercises: [self_attention, sampling]
#     questions: [gan]
# `content: [DIR]` names further folders of exercises; `results: URL` another database than results.db.
{content}assignments:
"""


def configure(config: Any, file: str | Path) -> None:
    """Have nbgrader grade what was handed in without ever running it in a kernel.

    - What a student's notebook is made of is read by us (`SubmissionExporter`), so that no file of one student can
      stop the grading of the others, and everything but the answers comes from the released notebook.
    - `GradeConfined` stands where `Execute` would; `ProposeScores` enters the score of answers for confirmation.
    """
    from nbgrader import preprocessors as theirs

    from grader.course import pages
    from grader.course import preprocessor as ours
    from grader.course.files import LEFT
    from grader.course.handed import SET_ASIDE
    from grader.course.plain_files import find_plain_files

    find_its_programs()
    find_plain_files()
    pages.escape_templates()
    folder = str(Path(file).absolute().parent)
    if folder not in sys.path:
        sys.path.append(folder)  # for a late submission plugin beside the file
    config.CourseDirectory.root = folder
    config.CourseDirectory.ignore = [
        ".ipynb_checkpoints",
        "*.pyc",
        "__pycache__",
        "feedback",
        f"*{SET_ASIDE}",
        LEFT,
    ]
    config.GenerateAssignment.preprocessors = [
        theirs.IncludeHeaderFooter,
        theirs.LockCells,
        ours.KeepStubs,
        theirs.ClearOutput,
        theirs.CheckCellMetadata,
        theirs.ComputeChecksums,
        theirs.SaveCells,
        theirs.ClearHiddenTests,
        theirs.ClearMarkScheme,
        theirs.ComputeChecksums,
        theirs.CheckCellMetadata,
    ]
    config.Autograde.exporter_class = ours.SubmissionExporter
    config.Autograde.pre_convert_hook = ours.set_links_aside
    config.Autograde.sanitize_preprocessors = [
        theirs.ClearOutput,
        theirs.DeduplicateIds,
        theirs.OverwriteKernelspec,
        theirs.OverwriteCells,
        theirs.CheckCellMetadata,
    ]
    config.Autograde.autograde_preprocessors = [
        ours.GradeConfined,
        theirs.LimitOutput,
        theirs.SaveAutoGrades,
        ours.ProposeScores,
        theirs.AssignLatePenalties,
        theirs.CheckCellMetadata,
    ]
    config.HTMLExporter.preprocessors = [pages.EscapeNames]
    # Nothing here runs a notebook. Should an instructor put Execute back, a tag must not skip a cell all the same.
    config.Execute.skip_cells_with_tag = ""


def init(folder: Path, *, course_id: str = "", content: tuple[Path, ...] = (), **settings: str) -> Course:
    """Make a course in `folder`, which may have other files. UsageError where there is one already.

    `settings` go into nbgrader_config.py: `db_url`, `exchange`.
    """
    folder = folder.expanduser().absolute()
    for name in (FILE, CONFIG):
        if (folder / name).exists():
            raise UsageError(
                Text(f"{shown(folder / name)} is there already", f"{shown(folder / name)} 已经存在"),
                Text("name another folder, or remove the file", "请换一个文件夹，或删除这个文件"),
            )
    lines = {"db_url": "c.CourseDirectory.db_url", "exchange": "c.Exchange.root"}
    written = "".join(f"{lines[name]} = {value!r}\n" for name, value in settings.items() if value)
    text = CONFIG_TEXT.format(course_id=course_id or folder.name.replace("+", "-") or "course", settings=written)
    roots = [str(root.expanduser().absolute()) for root in content]
    try:
        (folder / "source").mkdir(parents=True, exist_ok=True)
        (folder / FILE).write_text(
            COURSE_TEXT.format(content=f"content: {_flow(roots)}\n" if roots else ""), encoding="utf-8"
        )
        (folder / CONFIG).write_text(text, encoding="utf-8")
    except OSError as error:
        raise cannot_write(folder, error) from None
    return Course.open(folder)


def cannot_write(path: Path, error: OSError) -> UsageError:
    """A file of the course that cannot be written."""
    where = shown(Path(str(error.filename))) if error.filename else shown(path)
    why = error.strerror or type(error).__name__
    return UsageError(
        Text(f"{where} cannot be written: {why}", f"无法写入 {where}：{why}"),
        Text("see that the folder is yours and has room", "请确认文件夹可写，且磁盘有空间"),
    )


def _flow(values: list[str]) -> str:
    """A list as YAML reads it; JSON's strings are YAML's."""
    import json

    return json.dumps(values, ensure_ascii=False)


def find_its_programs() -> None:
    """nbgrader looks for `alembic` on the path, which leads to this environment only where it was activated."""
    here = str(Path(sys.executable).parent)
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    if here not in folders:
        os.environ["PATH"] = os.pathsep.join([here, *folders])


def has_exchange(course: Course) -> bool:
    """Whether nbgrader has an exchange to release into: one that the configuration names, or its usual one."""
    from nbgrader.exchange.default import Exchange
    from traitlets.config.loader import PyFileConfigLoader

    config = PyFileConfigLoader(CONFIG, path=str(course.folder)).load_config()
    return "root" in config.Exchange or Path(Exchange.root.default_value).is_dir()


def require_nbgrader() -> None:
    """UsageError where the extra is not installed."""
    find_its_programs()
    if find_spec("nbgrader") is None:
        raise UsageError(
            Text("nbgrader is not installed", "没有安装 nbgrader"),
            Text("pip install 'practice-llm[course]'", "请运行 pip install 'practice-llm[course]'"),
        )


def nbgrader(course: Course, *words: str) -> str:
    """Run one of nbgrader's commands in the course's folder; what it logged. UsageError with its own words."""
    require_nbgrader()
    done = subprocess.run(
        [sys.executable, "-m", "grader.course.quick_start", *words],
        cwd=course.folder,
        capture_output=True,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode == 0:
        return done.stderr
    said = [line.partition("] ")[2] for line in done.stderr.splitlines() if "| ERROR]" in line or "| CRITICAL]" in line]
    if not said:
        said = [line for line in done.stderr.splitlines() if line.strip()][-1:]
    if not said:
        raise GraderFault(Text(f"nbgrader {words[0]} ended with {done.returncode}", f"nbgrader {words[0]} 异常结束"))
    raised = re.findall(r"^ {4}(\w+(?:Error|Exception|Missing\w+): .*)$", done.stderr, re.MULTILINE)  # ends a traceback
    what = " ".join(" ".join(raised[-1:] or said).split())[:500]
    raise UsageError(
        Text(f"nbgrader {words[0]}: {what}", f"nbgrader {words[0]}：{what}"),
        Text(
            f"run it in {shown(course.folder)} to see all: nbgrader {' '.join(words)}",
            f"在 {shown(course.folder)} 中运行可看到全部输出：nbgrader {' '.join(words)}",
        ),
    )
