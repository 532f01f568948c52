"""The `practice` command: finds the command by name, and turns errors into lines and exit statuses."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click

from grader.cli.common import Invocation, command_options, language_of_environment
from grader.cli.terminal import OutputClosedError
from grader.errors import PracticeError, Text

INTERRUPTED = 130
PIPE_CLOSED = 141

# audience -> commands in the order of the help, each with the place of its function
_COMMANDS: dict[str, dict[str, str]] = {
    "Candidate": {
        "list": "candidate.list_exercises",
        "show": "candidate.show",
        "run": "candidate.run",
        "hint": "candidate.hint",
        "solution": "candidate.solution",
        "reset": "candidate.reset",
        "history": "candidate.history",
        "ask": "asking.ask",
        "interview": "interviewing.interview",
        "review": "candidate.review",
        "journal": "candidate.journal",
    },
    "Author": {"new": "author.new", "prove": "author.prove"},
    "Instructor": {"course": "course.course"},
    "Machine": {"doctor": "machine.doctor", "daemon": "machine.daemon"},
}
_PLACES = {name: place for commands in _COMMANDS.values() for name, place in commands.items()}


class Commands(click.Group):
    """Commands that are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_PLACES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in _PLACES:
            return None
        module, function = _PLACES[cmd_name].split(".")
        command: click.Command = getattr(import_module(f"grader.cli.{module}"), function)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in _PLACES and not args[0].startswith("-"):
            raise _unknown_command(args[0])
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for audience, commands in _COMMANDS.items():
            found = ((name, self.get_command(ctx, name)) for name in commands)
            with formatter.section(audience):
                formatter.write_dl([(name, command.get_short_help_str(70)) for name, command in found if command])


def _unknown_command(name: str) -> click.UsageError:
    from difflib import get_close_matches

    if near := get_close_matches(name, _PLACES, n=1):
        return click.UsageError(f"no command '{name}'; did you mean `practice {near[0]}`?")
    return click.UsageError(f"no command '{name}'; for an exercise it is `practice run {name}`")


@click.group(cls=Commands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="practice-llm", prog_name="practice")
@command_options
@click.pass_context
def practice(ctx: click.Context, invocation: Invocation) -> int | None:
    """Interview practice on language models, graded on your machine. 面向大语言模型面试的练习，在本机自动评分。

    Without a command: where you stand, and what is next. 不带命令：显示当前进度和下一步。
    """
    if ctx.invoked_subcommand is not None:
        return None
    from grader.cli.candidate import overview

    return overview(invocation)


def start() -> int:
    """Run the command; an error becomes one or two lines on stderr, and an exit status."""
    invocation = Invocation()
    try:
        status = practice.main(prog_name="practice", standalone_mode=False, obj=invocation)
        sys.stdout.flush()
        return int(status or 0)
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except OutputClosedError:
        # nothing is left to say; what is still in the buffer must not be tried again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except click.ClickException as error:
        _tell(invocation, _usage(error))
        return error.exit_code
    except PracticeError as error:
        _tell(invocation, error)
        return error.exit_status
    except Exception as error:  # noqa: BLE001 - the edge: a user is never shown a traceback that was not asked for
        _tell(invocation, _internal(error))
        return PracticeError.exit_status


def _usage(error: click.ClickException) -> PracticeError:
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "practice"
    message = " ".join(error.format_message().split())
    return PracticeError(message, Text(f"`{path} --help` shows the usage", f"`{path} --help` 显示用法"))


def _internal(error: Exception) -> PracticeError:
    what = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return PracticeError(
        Text(
            f"internal error: {what}; run with --debug for the details",
            f"内部错误：{what}；加上 --debug 再运行一次可看到细节",
        )
    )


def _tell(invocation: Invocation, error: PracticeError) -> None:
    if invocation.debug or os.environ.get("PRACTICE_DEBUG"):
        import traceback

        traceback.print_exc()
    language = invocation.language or language_of_environment()
    invocation.err(language).error(error)
