"""What every command shares: its options, and where it reads and writes."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from grader.cli.terminal import Screen, stderr, stdout
from grader.errors import ContentError, Language, Text

if TYPE_CHECKING:
    from grader.cli.workspace import Workspace
    from grader.content import Catalogue
    from grader.content.bank import Bank
    from grader.journal import Journal
    from grader.journal.entries import NoteKind

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass
class Invocation:
    """One run of the program: what its options say, and what follows from them."""

    language: Language | None = None
    debug: bool = False
    content: tuple[Path, ...] = ()

    def err(self, language: Language | None = None) -> Screen:
        """Errors and warnings."""
        return stderr(language or self.spoken)

    @cached_property
    def out(self) -> Screen:
        """What was asked for."""
        return stdout(self.spoken)

    @property
    def spoken(self) -> Language:
        return self.language or language_of_environment()

    @cached_property
    def catalogue(self) -> Catalogue:
        from grader.content.catalogue import Catalogue, builtin_root

        return Catalogue((builtin_root(), *(root.expanduser() for root in self.content)))

    @cached_property
    def bank(self) -> Bank:
        from grader.content.bank import Bank

        return Bank(self.catalogue.roots)

    @cached_property
    def workspace(self) -> Workspace:
        from grader.cli.workspace import Workspace

        return Workspace.find()

    @cached_property
    def journal(self) -> Journal:
        from grader.journal import Journal

        return Journal.of_user()

    def note(self, kind: NoteKind, id: str) -> None:
        """Keep that something happened at an exercise; where that cannot be, one line says so."""
        try:
            self.journal.note(kind, id)
        except OSError as error:
            why = error.strerror or type(error).__name__
            self.err().warning(Text(f"The journal cannot be written: {why}", f"无法写入日志：{why}"))

    def resolve(self, name: str) -> str:
        """The id of the exercise that was meant."""
        return self.catalogue.resolve(name)

    def command(self, words: str) -> str:
        """A command to type, which finds the same exercises as this one."""
        import shlex

        return " ".join([program(), words, *(f"--content {shlex.quote(str(root))}" for root in self.content)])

    def warn_of(self, errors: list[ContentError]) -> None:
        """A line for each exercise that cannot be used, while the others can."""
        for error in errors:
            self.err().warning(Text(*(joined(error, language) for language in ("en", "zh"))))


def joined(error: ContentError, language: Language) -> str:
    """An error in one line."""
    said = error.say(language).split("\n")
    return "! " + ("；" if language == "zh" else "; ").join(said)


def language_of_environment(environment: Mapping[str, str] = os.environ) -> Language:
    """PRACTICE_LANG, else the locale of messages, else English."""
    wished = environment.get("PRACTICE_LANG", "").lower()
    if wished[:2] in ("en", "zh"):
        return "zh" if wished[:2] == "zh" else "en"
    locale = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := environment.get(name))), "")
    return "zh" if locale.lower().startswith("zh") else "en"


def command_options(function: Function) -> Function:
    """Add the options that every command has, and hand the command its Invocation."""

    @click.option("--lang", type=click.Choice(["en", "zh"]), help="Language. 语言。")
    @click.option(
        "--content",
        multiple=True,
        metavar="DIR",
        type=click.Path(path_type=Path),
        help="A further folder of exercises.",
    )
    @click.option("--debug", is_flag=True, help="Show tracebacks.")
    @functools.wraps(function)
    def command(*args: Any, lang: Language | None, content: tuple[Path, ...], debug: bool, **options: Any) -> Any:
        invocation = click.get_current_context().find_object(Invocation) or Invocation()
        invocation.language = lang or invocation.language
        invocation.content += content
        if debug:
            invocation.debug = True
            os.environ["PRACTICE_DEBUG"] = "1"  # the host's own errors show as well
        return function(*args, invocation=invocation, **options)

    return command  # type: ignore[return-value]  # click reads its options off it


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def program() -> str:
    """What to type for this program: `practice` where the shell finds it, else the path that it was called by."""
    from shutil import which

    called, found = Path(sys.argv[0]), which("practice")
    if called.name != "practice" or (found and Path(found).samefile(called)):
        return "practice"
    from grader.content.place import shown

    return shown(called.absolute())
