"""What came of an interview, in one language and in plain text: strengths, gaps, scores, and what to do next."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from grader.content.exercise import Exercise, Topic
from grader.content.question import Question
from grader.errors import Language, Text
from grader.interview import words
from grader.interview.record import Asked, Coded, Record

if TYPE_CHECKING:
    from grader.answers.result import Flag, PointGrade

MOST_TO_DO = 3  # questions to answer again


@dataclass(frozen=True, slots=True)
class Voice:
    """How the report speaks: its language, a command as one types it here, the names of topics and flags."""

    language: Language
    command: Callable[[str], str]
    topics: Mapping[Topic, Text]
    flags: Mapping[Flag, Text]

    def say(self, text: Text) -> str:
        return plain(text.say(self.language))


@dataclass(frozen=True, slots=True)
class TopicScore:
    name: str
    share: float
    questions: int
    exercises: int


@dataclass(frozen=True, slots=True)
class PointLine:
    """A point of an answer. `text` is what it says where it was covered, else the hint that leads to it."""

    text: str
    status: str
    quote: str = ""
    asked_for: bool = False


@dataclass(frozen=True, slots=True)
class WrongLine:
    quote: str
    why: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A question with everything that was said about it. `covered` without being asked, for the strengths."""

    id: str
    prompt: str
    follow_up: bool
    skipped: bool
    score: float
    outcome: str
    adequate: bool
    answer: str
    probe: str
    probe_answer: str
    points: tuple[PointLine, ...]
    wrong: tuple[WrongLine, ...]
    flags: tuple[str, ...]
    seconds: float

    @property
    def covered(self) -> tuple[PointLine, ...]:
        return tuple(one for one in self.points if one.status == "covered")

    @property
    def by_themselves(self) -> tuple[PointLine, ...]:
        return tuple(one for one in self.covered if not one.asked_for)

    @property
    def partly(self) -> tuple[PointLine, ...]:
        return tuple(one for one in self.points if one.status == "partial")

    @property
    def missing(self) -> tuple[PointLine, ...]:
        return tuple(one for one in self.points if one.status == "missing")

    @property
    def open(self) -> tuple[PointLine, ...]:
        """What is not there whole; what was contradicted is among the wrong statements."""
        return (*self.missing, *self.partly)

    @property
    def has_gap(self) -> bool:
        return self.skipped or bool(self.open or self.wrong or self.flags)


@dataclass(frozen=True, slots=True)
class FailedCheck:
    title: str
    message: str
    counterexample: str


@dataclass(frozen=True, slots=True)
class Finding:
    what: str
    hint: str


@dataclass(frozen=True, slots=True)
class Written:
    """An exercise and what was handed in. Without a verdict `max_points` is 0."""

    id: str
    title: str
    status: str
    passed: bool
    points: float
    max_points: float
    failed: tuple[FailedCheck, ...]
    diagnosis: tuple[Finding, ...]
    seconds: float
    minutes: int


@dataclass(frozen=True, slots=True)
class ToDo:
    why: str
    command: str


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that a page of it shows. The shares are None where there was nothing of the kind."""

    language: Language
    date: str
    seed: int
    minutes: int
    seconds: float
    ending: str
    talk: float | None
    code: float | None
    topics: tuple[TopicScore, ...]
    answered: tuple[Answered, ...]
    written: tuple[Written, ...]
    unreached: tuple[str, ...]
    todo: tuple[ToDo, ...]

    @property
    def strengths(self) -> tuple[Answered, ...]:
        """The best first."""
        found = [one for one in self.answered if one.adequate and one.by_themselves]
        return tuple(sorted(found, key=lambda one: -one.score))

    @property
    def gaps(self) -> tuple[Answered, ...]:
        """The worst first."""
        return tuple(sorted((one for one in self.answered if one.has_gap), key=lambda one: one.score))


def summarise(record: Record, voice: Voice, *, again: str | None = None) -> Report:
    """The report. `again` are the words of the command that holds the same interview once more, where one does."""
    answered = tuple(_answered(one, voice) for one in record.asked)
    written = tuple(_written(one, voice) for one in record.coded)
    shares = [one.score for one in record.coded if one.score is not None]
    scores = _topics(record, voice)
    return Report(
        language=voice.language,
        date=record.begun.astimezone().strftime("%Y-%m-%d %H:%M"),
        seed=record.plan.seed,
        minutes=record.plan.minutes,
        seconds=record.seconds,
        ending=voice.say(words.ENDINGS[record.ending]),
        talk=_mean(one.score for one in answered),
        code=_mean(shares),
        topics=tuple(scores.values()),
        answered=answered,
        written=written,
        unreached=tuple(_name(one, voice) for one in record.unreached),
        todo=tuple(_todo(record, voice, scores, again)),
    )


def plain(text: str) -> str:
    """Without what would steer a terminal or mislead a reader of a page: control characters and invisible ones."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(
        char if char in "\n\t" or char.isprintable() else " " if unicodedata.category(char) == "Zs" else "\ufffd"
        for char in text
    )


def clock(seconds: float) -> str:
    """Minutes and seconds: 4:05."""
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02}"


# ------------------------------------------------------------------- questions


def _answered(asked: Asked, voice: Voice) -> Answered:
    grade, final = asked.grade, asked.final
    probe = asked.probe
    base = Answered(
        id=asked.question.id,
        prompt=voice.say(asked.question.prompt),
        follow_up=asked.follows is not None,
        skipped=True,
        score=asked.score,
        outcome=voice.say(words.LABELS["skipped"]),
        adequate=False,
        answer="",
        probe="",
        probe_answer="",
        points=(),
        wrong=(),
        flags=(),
        seconds=asked.seconds,
    )
    if grade is None or final is None:
        return base
    from grader.answers.result import outcome

    before = {point.id for point in grade.points if point.status == "covered"}
    found = outcome(asked.score)
    return replace(
        base,
        skipped=False,
        outcome=voice.say(words.OUTCOMES[found]),
        adequate=found == "adequate",
        answer=plain(asked.answer).strip(),
        probe=voice.say(probe.point.hint) if probe else "",
        probe_answer=plain(probe.answer).strip() if probe else "",
        points=tuple(
            _point(point, voice, asked_for=probe is not None and _asked_for(point, probe.point.id, before))
            for point in sorted(final.points, key=lambda point: (not point.required, -point.weight))
        ),
        wrong=tuple(WrongLine(_line(each.quote), voice.say(each.why)) for each in final.wrong),
        flags=tuple(voice.say(voice.flags[flag]) for flag in final.flags),
    )


def _asked_for(point: PointGrade, probed: str, before: set[str]) -> bool:
    """Whether a point was said only then, or is missing although it was asked for."""
    return point.id not in before if point.status == "covered" else point.id == probed


def _point(point: PointGrade, voice: Voice, *, asked_for: bool) -> PointLine:
    if point.status == "covered":
        return PointLine(voice.say(point.text), point.status, _line(point.evidence), asked_for)
    return PointLine(voice.say(point.hint), point.status, _line(point.evidence), asked_for)


def _line(text: str) -> str:
    return " ".join(plain(text).split())


# ------------------------------------------------------------------- exercises


def _written(coded: Coded, voice: Voice) -> Written:
    verdict, exercise = coded.verdict, coded.exercise
    base = Written(
        id=exercise.id,
        title=voice.say(exercise.title),
        status=voice.say(coded.fault or (words.LABELS["skipped"] if coded.skipped else words.LEFT)),
        passed=False,
        points=0.0,
        max_points=0.0,
        failed=(),
        diagnosis=(),
        seconds=coded.seconds,
        minutes=exercise.minutes,
    )
    if verdict is None:
        return base
    status = {"passed": words.PASSED, "failed": words.NOT_PASSED, "broken": words.BROKEN}[verdict.outcome]
    broken = verdict.outcome == "broken"
    return replace(
        base,
        status=voice.say(status),
        passed=verdict.passed,
        points=0.0 if broken else verdict.points,
        max_points=0.0 if broken else verdict.max_points,
        failed=tuple(
            FailedCheck(voice.say(check.title), voice.say(check.message), voice.say(check.counterexample))
            for check in verdict.checks
            if check.outcome in ("failed", "broken")
        ),
        diagnosis=tuple(Finding(voice.say(one.what), voice.say(one.hint)) for one in verdict.diagnosis),
    )


# ---------------------------------------------------------------------- the sum


def _topics(record: Record, voice: Voice) -> dict[Topic, TopicScore]:
    """Each topic that came up; an exercise counts as much as a question."""
    talk: dict[Topic, list[float]] = {}
    code: dict[Topic, list[float]] = {}
    for asked in record.asked:
        talk.setdefault(asked.topic, []).append(asked.score)
    for coded in record.coded:
        if coded.score is not None:
            code.setdefault(coded.exercise.topic, []).append(coded.score)
    found = {}
    for topic, name in voice.topics.items():
        if scores := [*talk.get(topic, []), *code.get(topic, [])]:
            share = sum(scores) / len(scores)
            found[topic] = TopicScore(voice.say(name), share, len(talk.get(topic, [])), len(code.get(topic, [])))
    return found


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return sum(found) / len(found) if found else None


def _name(one: Question | Exercise, voice: Voice) -> str:
    return voice.say(one.prompt if isinstance(one, Question) else one.title)


def _todo(record: Record, voice: Voice, scores: Mapping[Topic, TopicScore], again: str | None) -> list[ToDo]:
    from grader.answers.result import ADEQUATE

    def line(why: Text, command: str) -> ToDo:
        return ToDo(voice.say(why), voice.command(command))

    weak: Sequence[Asked] = sorted((one for one in record.asked if one.score < ADEQUATE), key=lambda one: one.score)
    found = [line(words.ANSWER_AGAIN, f"ask {one.question.id}") for one in weak[:MOST_TO_DO]]
    for coded in record.coded:
        if coded.verdict is not None and coded.verdict.outcome == "failed":
            found.append(line(words.A_HINT, f"hint {coded.exercise.id}"))
        if coded.verdict is None or not coded.verdict.passed:
            found.append(line(words.GO_ON, f"run {coded.exercise.id}"))
    if len(scores) > 1:
        weakest = min(scores, key=lambda topic: scores[topic].share)
        if scores[weakest].share < ADEQUATE:
            found.append(line(words.THE_SAME_TOPIC, f"interview --topic {weakest}"))
    found.append(line(words.DUE, "review"))
    if again is not None:
        found.append(line(words.AGAIN, again))
    return found
