"""How far a cohort is: a bar, the count, the rate, and the time that is left."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TextColumn, TimeRemainingColumn
from rich.text import Text as Words

from grader.errors import Language, Text

if TYPE_CHECKING:
    from grader.course.cohort import Tally

ROOM_FOR_A_BAR = 50  # columns: with fewer, the figures have them


class CohortProgress:
    """Hears of each student."""

    def __init__(self, language: Language, total: int) -> None:
        console = Console(stderr=True)
        bar = [BarColumn()] if console.width >= ROOM_FOR_A_BAR else []
        figures = (MofNCompleteColumn(), TextColumn("{task.fields[rate]}"), _TimeLeft(language))
        self.bar = Progress(*bar, *figures, console=console, transient=True)
        self._language = language
        self._id = self.bar.add_task("", total=total, rate="")

    def __call__(self, tally: Tally) -> None:
        speed = self.bar.tasks[0].speed
        self.bar.update(self._id, completed=tally.students, rate=rate(speed, self._language) if speed else "")


class _TimeLeft(TimeRemainingColumn):
    """With the word for it, and nothing before it is known."""

    def __init__(self, language: Language) -> None:
        super().__init__()
        self._language = language

    def render(self, task: Task) -> Words:
        if not task.time_remaining:
            return Words()
        time = super().render(task).plain
        return Words(Text(f"{time} left", f"还需 {time}").say(self._language), style="progress.remaining")


def rate(each_second: float, language: Language) -> str:
    """Submissions a second, or a minute where they are few."""
    if each_second >= 1:
        return Text(f"{each_second:.1f}/s", f"每秒 {each_second:.1f} 份").say(language)
    return Text(f"{60 * each_second:.1f}/min", f"每分钟 {60 * each_second:.1f} 份").say(language)


@contextmanager
def cohort_progress(language: Language, total: int) -> Iterator[CohortProgress]:
    """On stderr, and only on a terminal: a log is not filled with it."""
    progress = CohortProgress(language, total)
    with progress.bar if progress.bar.console.is_terminal else contextlib.nullcontext():
        yield progress
