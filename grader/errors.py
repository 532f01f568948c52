"""The exception tree, and the two-language text that every message is made of.

PracticeError                 what went wrong, where, and what to do: shown as one or two lines
├── UsageError                wrong usage or unreadable input                      exit status 2
│   ├── UnknownName           no exercise, question or mistake of that name
│   └── SubmissionUnreadable  missing, a directory, not text, too large
├── ContentError              an exercise's or question's own files are wrong      exit status 3
├── WireError                 a frame that is not well formed: the peer is hostile or gone
│   ├── WireTimeout           nothing came, or could not be sent, before the deadline
│   └── WireClosed            the peer has closed its end
├── ConfinementError          a layer of confinement could not be applied
└── GraderFault               the grader itself is at fault                        exit status 3

A candidate's own failures are not in this tree: they are outcomes, not errors (`grader.exam.failures`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")


@dataclass(frozen=True, slots=True)
class Text:
    """One thing said in English and in Chinese."""

    en: str
    zh: str

    def say(self, language: Language) -> str:
        return self.zh if language == "zh" else self.en

    @classmethod
    def same(cls, text: str) -> Text:
        """A text that needs no translation: code, numbers, a name."""
        return cls(text, text)


class PracticeError(Exception):
    """Base of every error that a user may see: `message` says what and where, `remedy` what to do."""

    exit_status = 3

    def __init__(self, message: Text | str, remedy: Text | str = "") -> None:
        self.message = message if isinstance(message, Text) else Text.same(message)
        self.remedy = remedy if isinstance(remedy, Text) else Text.same(remedy)
        super().__init__(self.message.en)

    def say(self, language: Language) -> str:
        """The one or two lines that a user reads."""
        return "\n".join(part for part in (self.message.say(language), self.remedy.say(language)) if part)

    def __str__(self) -> str:
        return self.say("en")


class UsageError(PracticeError):
    """Wrong usage or unreadable input."""

    exit_status = 2


class UnknownName(UsageError):
    """No exercise, question or mistake of that name."""


class SubmissionUnreadable(UsageError):
    """The file handed in is missing, a directory, not text, or too large."""


class ContentError(PracticeError):
    """An exercise's or a question's own files are wrong."""


class WireError(PracticeError):
    """A frame that is not well formed: the peer is hostile or gone."""


class WireTimeout(WireError):
    """Nothing came, or could not be sent, before the deadline."""


class WireClosed(WireError):
    """The peer has closed its end."""


class ConfinementError(PracticeError):
    """A layer of confinement could not be applied."""


class GraderFault(PracticeError):
    """The grader itself is at fault."""


TRY_AGAIN = Text("Run the command again.", "请再运行一次。")
FREE_SOME = Text("Close other programs, and run the command again.", "请关闭其他程序，再运行一次。")


def out_of_means(error: OSError | MemoryError) -> GraderFault:
    """The system refused what grading takes: a process, a descriptor, memory, room on a disk."""
    if isinstance(error, MemoryError):
        return GraderFault(Text("There is not enough memory to grade.", "内存不足，无法评分。"), FREE_SOME)
    why = error.strerror or type(error).__name__
    return GraderFault(Text(f"Grading cannot begin: {why}.", f"无法开始评分：{why}。"), FREE_SOME)
