"""`practice course`: the commands of an instructor, each imported when it is asked for."""

from __future__ import annotations

from importlib import import_module

import click

from grader.course.quick_start import leave_out_grammars

# in the order of the help, each with the place of its function
_PLACES = {
    "init": "course_setup.init",
    "release": "course_setup.release",
    "grade": "course_grading.grade",
    "report": "course_output.report",
    "export": "course_output.export",
}


class Steps(click.Group):
    """The steps of a course, from an empty folder to marks."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_PLACES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in _PLACES:
            return None
        leave_out_grammars()
        module, function = _PLACES[cmd_name].split(".")
        command: click.Command = getattr(import_module(f"grader.cli.{module}"), function)
        return command


@click.group(cls=Steps)
def course() -> None:
    """Hand out assignments and grade cohorts. 课程：发放作业，批量评分。"""
