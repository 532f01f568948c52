"""What nbgrader_config.py says of the gradebook, read as nbgrader reads it."""

from __future__ import annotations

from typing import Any

from nbgrader.preprocessors import AssignLatePenalties
from traitlets import TraitError
from traitlets.config.loader import Config, PyFileConfigLoader

from grader.content.place import shown
from grader.course.config import find_its_programs
from grader.course.course import CONFIG, Course
from grader.errors import Text, UsageError


def nbgrader_config(course: Course) -> Config:
    """What nbgrader_config.py says. UsageError where it cannot be read; it is the instructor's own Python."""
    find_its_programs()
    file = course.folder / CONFIG
    if not file.is_file():
        return Config()
    try:
        found: Config = PyFileConfigLoader(CONFIG, path=str(course.folder)).load_config()
        return found
    except Exception as error:  # noqa: BLE001 - whatever the file does
        why = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise UsageError(
            Text(f"{shown(file)}: {why}", f"{shown(file)}：{why}"), Text("correct the file", "请改正这个文件")
        ) from None


def late_plugin(course: Course, config: Config) -> Any:
    """The plugin that computes late penalties."""
    try:
        assign = AssignLatePenalties(config=config)
        assign.init_plugin()
        return assign.plugin_inst
    except (TraitError, ImportError) as error:
        why = " ".join(str(error).split())[:200]
        file = shown(course.folder / CONFIG)
        raise UsageError(
            Text(f"{file}: the plugin for late penalties: {why}", f"{file}：迟交扣分插件：{why}"),
            Text("correct AssignLatePenalties.plugin_class", "请改正 AssignLatePenalties.plugin_class"),
        ) from None
