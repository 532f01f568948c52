"""Questions, exercises, grades and a room, made by hand: nothing here is read from files, and no time passes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from grader.answers.result import Grade, PointGrade, Wrong, outcome
from grader.content.exercise import Exercise, Topic
from grader.content.question import Question, Status
from grader.errors import Text
from grader.interview.record import Asked
from grader.verdict import CheckResult, Diagnosis, Verdict


def question(
    id: str, topic: Topic = "gpt", *, level: int = 1, exercises: tuple[str, ...] = (), follow_ups: tuple[str, ...] = ()
) -> Question:
    prompt = Text(f"What is {id}?", f"什么是 {id}？")
    return Question(id, topic, level, 1, prompt, prompt, prompt, ("a paper",), None, exercises, follow_ups)


def exercise(id: str, topic: Topic = "gpt", *, minutes: int = 15, level: int = 1) -> Exercise:
    title = Text(f"Write {id}", f"实现 {id}")
    return Exercise(id, Path(), Path(), title, topic, (), level, minutes, (), (), (), (), (), None)  # type: ignore[arg-type]


def point(id: str, status: Status = "missing", *, weight: float = 1.0, required: bool = True) -> PointGrade:
    quote = f"said of {id}" if status in ("covered", "partial", "contradicted") else ""
    return PointGrade(
        id, Text(f"Point {id}.", f"要点 {id}。"), weight, required, status, quote, Text(f"And {id}?", f"{id} 呢？")
    )


def graded(id: str, score: float, *points: PointGrade, wrong: tuple[Wrong, ...] = (), flags: tuple = ()) -> Grade:
    return Grade(id, "en", score, outcome(score), points, wrong, flags)


def verdict(exercise: str, *outcomes: str, message: str = "It is wrong.") -> Verdict:
    checks = tuple(
        CheckResult(
            f"test_{number}",
            Text(f"Check {number}", f"检查 {number}"),
            found,  # type: ignore[arg-type]
            2.0 if found == "passed" else 0.0,
            2.0,
            Text(message, f"错了：{message}") if found == "failed" else Text("", ""),
            counterexample=Text("x = [1]", "x = [1]") if found == "failed" else Text("", ""),
        )
        for number, found in enumerate(outcomes)
    )
    diagnosis = ()
    if "failed" in outcomes:
        diagnosis = (
            Diagnosis(("unscaled",), Text("It does not scale.", "没有缩放。"), Text("By what?", "除以什么？")),
        )
    return Verdict(exercise, f"attempts/{exercise}.py", checks, diagnosis, "strict", (), "1", 0.1)


def covering(question: Question, answer: str) -> Grade:
    """Two required points, b heavier than a: an answer covers those whose letter is one of its words."""
    said = answer.split()
    points = [
        point("a", "covered" if "a" in said else "missing"),
        point("b", "covered" if "b" in said else "missing", weight=2.0),
        point("c", "covered" if "c" in said else "missing", required=False),
    ]
    score = sum(one.weight for one in points if one.status == "covered") / 4
    return graded(question.id, score, *points)


@dataclass
class ScriptedRoom:
    """Answers from a list: a text, None to skip, or an exception; each takes `each` seconds."""

    answers: Iterable[str | BaseException | None]
    results: Iterable[Verdict | Text | BaseException | None] = ()
    each: float = 60.0
    grading: Callable[[Question, str], Grade] = covering
    told: list[str] = field(default_factory=list)
    kept: list[Asked] = field(default_factory=list)
    now: float = 1000.0

    def __post_init__(self) -> None:
        self._answers, self._results = iter(self.answers), iter(self.results)

    def clock(self) -> float:
        return self.now

    def _next(self, what: str, left: float) -> str | None:
        self.told.append(f"{what} {left:g}")
        self.now += self.each
        answer = next(self._answers)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def ask(self, question: Question, *, number: int | None, left: float) -> str | None:
        return self._next(f"{'-' if number is None else number} {question.id}", left)

    def probe(self, point: PointGrade, *, left: float) -> str | None:
        return self._next(f"probe {point.id}", left)

    def grade(self, question: Question, answer: str) -> Grade:
        return self.grading(question, answer)

    def keep(self, asked: Asked) -> None:
        self.kept.append(asked)

    def code(self, exercise: Exercise, *, number: int, left: float) -> Verdict | Text | None:
        self.told.append(f"code {number} {exercise.id} {left:g}")
        self.now += self.each
        result = next(self._results)
        if isinstance(result, BaseException):
            raise result
        return result
