"""A cohort: every student's submission of one assignment graded, each result committed as it comes.

One student's submission is one piece of work (`Work` -> `Done`), done by whatever carries it out: this process, or
workers of `grader.course.cluster`. This process alone writes the databases. It keeps a bounded number of pieces under
way and forgets each as it comes back, so its memory does not grow with the cohort.

What is stale is decided where the work is done: a notebook is graded again when what was handed in or the content
has changed, when its last result was our fault, or when its autograded notebook is missing.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from grader.content.place import shown
from grader.course.autograded import autograded_file, write_autograded
from grader.course.course import QUESTIONS, Assignment, Course
from grader.course.folders import refused_name
from grader.course.grading import Standard, grade_part, standard_of
from grader.course.handed import Handed, handed_in
from grader.course.result import Result
from grader.course.results import Results, Standing
from grader.errors import PracticeError, Text, UsageError

if TYPE_CHECKING:
    from grader.course.gradebook import Gradebook  # nbgrader takes a second to import, and workers do without it

LOCK = ".grading.lock"
BATCH = 20  # submissions that the gradebook takes in one transaction
TRIES, BETWEEN = 3, 2.0  # at the end of a run, with a gradebook that somebody holds: so often, with seconds between
# What a submission cannot be to blame for: nothing more can be graded.
_NOBODYS_OWN = {
    getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EROFS", "EMFILE", "ENFILE", "ENOMEM", "EIO", "ESTALE")
}
MOST_TOLD = 10


@dataclass(frozen=True)
class Order:
    """What all pieces of work of one run have in common. It travels to every worker."""

    run: str  # drawn anew for each run: what a worker keeps is of one run
    folder: Path
    roots: tuple[Path, ...]
    assignment: str
    standards: dict[str, Standard]
    require_strict: bool = True
    force: bool = False


@dataclass(frozen=True, slots=True)
class Work:
    """One student's submission, and what is known of it from before."""

    student: str
    folder: Path
    known: dict[str, Standing]


@dataclass(frozen=True, slots=True)
class Done:
    """One student's submission, graded: the new results, and the outcomes of those that still stand."""

    student: str
    results: tuple[Result, ...] = ()
    standing: tuple[str, ...] = ()
    stop: Text | None = None  # nothing can be graded any more, and why: a full disk


class Workforce(Protocol):
    """Whatever carries work out, in any order. UsageError where it cannot."""

    def carry_out(self, order: Order, works: Iterator[Work]) -> Iterator[Done]:
        """Takes from `works` only what it can work on soon."""


class Here:
    """Work done by threads of this process: it is the daemon that grades, beside them."""

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads

    def carry_out(self, order: Order, works: Iterator[Work]) -> Iterator[Done]:
        from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

        pool = ThreadPoolExecutor(self._threads)
        under_way: set[Future[Done]] = set()
        try:
            for work in works:
                under_way.add(pool.submit(grade_student, order, work))
                while len(under_way) > self._threads:
                    done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                    yield from (each.result() for each in done)
            while under_way:
                done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                yield from (each.result() for each in done)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@dataclass
class Tally:
    """How a run went, for its end."""

    outcomes: Counter[str] = field(default_factory=Counter)  # of parts, the ones that still stand among them
    students: int = 0
    graded: int = 0
    standing: int = 0
    notes: Counter[str] = field(default_factory=Counter)
    broken: list[Result] = field(default_factory=list)  # the first few
    told: list[Text] = field(default_factory=list)  # what the gradebook, or a folder's name, did not allow: the first
    untold: int = 0  # and how many more

    def tell(self, text: Text) -> None:
        if len(self.told) < MOST_TOLD:
            self.told.append(text)
        else:
            self.untold += 1

    def count(self, done: Done) -> None:
        self.students += 1
        self.graded += len(done.results)
        self.standing += len(done.standing)
        self.outcomes.update(done.standing)
        for result in done.results:
            self.outcomes[result.outcome] += 1
            self.notes.update({note.kind for note in result.notes})
            if result.outcome == "broken" and len(self.broken) < MOST_TOLD:
                self.broken.append(result)


# ---------------------------------------------------------------------- one student


def grade_student(order: Order, work: Work) -> Done:
    """Grade what is stale of one student's submission, and write the notebooks that feedback is made from.

    Never raises for what a student did, nor for a fault of ours in grading: those are results.
    """
    results: list[Result] = []
    standing: list[str] = []
    try:
        course, assignment = _opened(order.run, order.folder, order.roots, order.assignment)
        for notebook, parts in _by_notebook(handed_in(work.folder, course, assignment)):
            if not order.force and _all_stand(parts, order, work, course, notebook):
                standing += (work.known[part.part].outcome for part in parts)
                continue
            new = [
                grade_part(part, work.student, assignment, course, require_strict=order.require_strict)
                for part in parts
            ]
            try:
                write_autograded(course, assignment.name, work.student, notebook, new)
            except OSError as error:
                if _stops_all(error, course.folder / "autograded"):
                    raise
                new = [_not_written(result, error) for result in new]
            results += new
    except PracticeError as error:
        return Done(work.student, stop=Text(error.say("en"), error.say("zh")))
    except OSError as error:
        where, why = shown(Path(str(error.filename or order.folder))), error.strerror or type(error).__name__
        return Done(work.student, stop=Text(f"{where}: {why}", f"{where}：{why}"))
    return Done(work.student, tuple(results), tuple(standing))


def _stops_all(error: OSError, folder: Path) -> bool:
    """Whether it is no single student's file that is at fault, but the disk or this process."""
    return error.errno in _NOBODYS_OWN or (folder.exists() and not os.access(folder, os.W_OK | os.X_OK))


def _not_written(result: Result, error: OSError) -> Result:
    """No mark is better than one whose feedback cannot be written: it is graded again by the next run."""
    where, why = shown(Path(str(error.filename or "autograded"))), error.strerror or type(error).__name__
    fault = Text(
        f"{where} cannot be written: {why}. Remove it, or make it writable",
        f"无法写入 {where}：{why}。请删除它，或使其可写",
    )
    return replace(result, outcome="broken", points=0.0, fault=fault)


@lru_cache(maxsize=1)
def _opened(run: str, folder: Path, roots: tuple[Path, ...], name: str) -> tuple[Course, Assignment]:  # noqa: ARG001 - a new run opens anew
    course = Course.open(folder, roots)
    return course, course.assignment(name)


def _by_notebook(handed: list[Handed]) -> list[tuple[str, list[Handed]]]:
    """The parts that stand in one notebook are graded together: its feedback is written as a whole."""
    found: dict[str, list[Handed]] = {}
    for part in handed:
        found.setdefault(part.part if part.kind == "exercise" else QUESTIONS, []).append(part)
    return list(found.items())


def _all_stand(parts: list[Handed], order: Order, work: Work, course: Course, notebook: str) -> bool:
    """Whether nothing of a notebook is to be graded again."""
    if not all(_stands(part, order, work) for part in parts):
        return False
    nothing = all(part.path is None for part in parts)
    return nothing or autograded_file(course, order.assignment, work.student, notebook).exists()


def _stands(handed: Handed, order: Order, work: Work) -> bool:
    known = work.known.get(handed.part)
    if known is None or known.outcome == "broken":
        return False
    return (known.sha256, known.content_version) == (handed.sha256, order.standards[handed.part].content_version)


# --------------------------------------------------------------------------- a run


@dataclass(frozen=True)
class Wishes:
    """What a run is to do. `student` is a pattern of the shell; `resume` leaves unread what has a result."""

    student: str = "*"
    resume: bool = False
    force: bool = False
    require_strict: bool = True


def order_of(course: Course, name: str, wishes: Wishes) -> Order:
    """What is to be done, from the content as it stands now. PracticeError where it is wrong."""
    from uuid import uuid4

    course.require(course.assignment(name))
    standards = {part: standard_of(part, kind, course) for part, kind in course.assignment(name).parts}
    return Order(uuid4().hex, course.folder, course.roots, name, standards, wishes.require_strict, wishes.force)


def students(course: Course, name: str, wishes: Wishes) -> Iterator[tuple[str, Path]]:
    """The submissions that the wishes choose."""
    return ((who, folder) for who, folder in course.submissions(name) if fnmatchcase(who, wishes.student))


class Run:
    """One run over a cohort. `told` hears of each student as it is done."""

    def __init__(self, course: Course, order: Order, wishes: Wishes, results: Results, book: Gradebook) -> None:
        self._course = course
        self._order = order
        self._wishes = wishes
        self._results = results
        self._book = book
        self._waiting: list[str] = []
        self._book_at = BATCH
        self._unentered: Text | None = None  # why the gradebook takes nothing at the moment
        self.tally = Tally()

    def grade(self, workforce: Workforce, told: Callable[[Tally], None] = lambda _tally: None) -> Tally:
        """Grade everything that is stale. UsageError where something stops the whole run."""
        name = self._order.assignment
        if self._book.is_empty():
            self._results.unbook(name)
        for student in self._results.unbooked(name):  # left by a run that was killed
            self._book_soon(student)
        try:
            self._book_now()
            for done in workforce.carry_out(self._order, self._works()):
                if done.stop is not None:
                    raise UsageError(done.stop, _NOTHING_LOST)
                self._results.put_all(done.results)
                if done.results:
                    self._book_soon(done.student)
                self.tally.count(done)
                told(self.tally)
        finally:
            self._book_the_last()
        return self.tally

    def _works(self) -> Iterator[Work]:
        parts = {part for part, _ in self._course.assignment(self._order.assignment).parts}
        for student, folder in students(self._course, self._order.assignment, self._wishes):
            if told := refused_name(student):
                self.tally.tell(told)
                continue
            known = self._results.standing(self._order.assignment, student)
            settled = {part for part, standing in known.items() if standing.outcome != "broken"}
            if self._wishes.resume and parts <= settled:
                self.tally.count(Done(student, standing=tuple(known[part].outcome for part in sorted(parts))))
                continue
            yield Work(student, folder, known)

    def _book_soon(self, student: str) -> None:
        self._waiting.append(student)
        if len(self._waiting) >= self._book_at:
            self._book_now()

    def _book_now(self) -> None:
        """Into the gradebook with those that wait; one that it refuses does not hold up the others. Where it takes
        nothing at the moment they wait on: their results are kept, and grading goes on.
        """
        name = self._order.assignment
        bookings = {student: self._results.of_student(name, student) for student in self._waiting}
        self._unentered = None
        if bookings:
            try:
                refused = self._book.write(bookings)
            except UsageError as error:
                self._unentered = Text(error.say("en").replace("\n", "; "), error.say("zh").replace("\n", "；"))
                self._book_at = len(self._waiting) + BATCH
                return
            self._waiting.clear()
            self._book_at = BATCH
            for why in refused.values():
                self.tally.tell(why)
            self._results.book(
                result for student, found in bookings.items() if student not in refused for result in found
            )

    def _book_the_last(self) -> None:
        """The rest; whoever holds the gradebook may need a moment."""
        self._book_now()
        for _ in range(TRIES - 1):
            if self._unentered is not None:
                time.sleep(BETWEEN)
                self._book_now()
        if self._unentered is None:
            return
        why, count = self._unentered, len(set(self._waiting))
        self.tally.tell(
            Text(
                f"the marks of {count} students are not in the gradebook yet: {why.en}; they are kept, and the same "
                "command with --resume enters them",
                f"{count} 名学生的成绩尚未写入成绩册：{why.zh}；结果已保存，加上 --resume 再运行即可写入",
            )
        )


_NOTHING_LOST = Text(
    "what was graded is kept: the same command with --resume goes on",
    "已评的结果都已保存：加上 --resume 再运行即可继续",
)


@contextmanager
def alone(course: Course) -> Iterator[None]:
    """No other run over this course meanwhile. UsageError where there is one; a killed one leaves nothing behind."""
    file = course.folder / LOCK
    try:
        lock = file.open("ab")
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise UsageError(
            Text(f"{shown(file)}: {why}", f"{shown(file)}：{why}"),
            Text("make the course's folder writable", "请让课程文件夹可写"),
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(
                Text(f"{shown(course.folder)} is being graded already", f"{shown(course.folder)} 正在评分中"),
                Text("wait for that run, or end it", "请等它结束，或先终止它"),
            ) from None
        yield
