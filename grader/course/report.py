"""What came of an assignment, for the instructor: marks, checks, mistakes, students, likeness, and what to look at.

Reads results one by one and keeps of each only what a page shows, so that a cohort of any size fits. Texts stay in
both languages; `report_pages` says them in one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from statistics import fmean, quantiles

from grader.course.report_findings import Finding, Findings, told
from grader.course.result import Outcome, PartKind, Result
from grader.course.similarity import Alike, Similarity, Submitted
from grader.errors import Text
from grader.verdict import unpack_check

BINS = 10
NOT_GRADED = ("missing", "unreadable", "broken")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the assignment as it was handed out. `given`: texts that everybody has."""

    id: str
    kind: PartKind
    title: Text
    given: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckRate:
    """One check over all submissions that were graded."""

    part: str
    id: str
    title: Text
    hint: Text
    points: float
    passed: int
    graded: int

    @property
    def rate(self) -> float:
        return self.passed / self.graded


@dataclass(frozen=True, slots=True)
class Standing:
    """One part of one student."""

    outcome: Outcome
    points: float
    max_points: float

    @property
    def share(self) -> float:
        return self.points / self.max_points if self.max_points else 0.0


@dataclass(frozen=True, slots=True)
class Student:
    """`parts` in the order of the assignment; None where there is no result. `known`: no part waits for the grader."""

    name: str
    parts: tuple[Standing | None, ...]
    points: float
    max_points: float

    @property
    def share(self) -> float:
        return self.points / self.max_points if self.max_points else 0.0

    @property
    def known(self) -> bool:
        return not any(part and part.outcome == "broken" for part in self.parts)

    @property
    def passed(self) -> int:
        return sum(part is not None and part.outcome == "passed" for part in self.parts)

    @property
    def handed_in(self) -> bool:
        return any(part and part.outcome != "missing" for part in self.parts)


@dataclass(frozen=True, slots=True)
class Incident:
    """Something to look at. `kind` is "broken", or that of a note."""

    kind: str
    student: str
    part: str
    text: Text


@dataclass(frozen=True, slots=True)
class Likeness:
    part: str
    alike: Alike


@dataclass(frozen=True, slots=True)
class Marks:
    """Shares of the points, of those who handed something in and whose mark is known."""

    count: int
    mean: float
    lower: float
    median: float
    upper: float
    bins: tuple[int, ...]  # how many are in each tenth; the last has 100 % as well


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that the page shows. Students with the least progress come first."""

    assignment: str
    anonymous: bool
    parts: tuple[Part, ...]
    students: tuple[Student, ...]
    marks: Marks | None
    checks: tuple[CheckRate, ...]
    findings: tuple[Finding, ...]
    undiagnosed: Mapping[str, int]
    graded: Mapping[str, int]
    alike: tuple[Likeness, ...]
    incidents: tuple[Incident, ...]

    def title(self, part: str) -> Text:
        return next((one.title for one in self.parts if one.id == part), Text.same(part))


@dataclass(slots=True)
class _Tally:
    """What is kept of the results while they pass."""

    parts: Mapping[str, Part]
    standings: dict[str, dict[str, Standing]] = field(default_factory=lambda: defaultdict(dict))
    checks: dict[tuple[str, str], CheckRate] = field(default_factory=dict)
    passed: Counter[tuple[str, str]] = field(default_factory=Counter)
    graded: Counter[str] = field(default_factory=Counter)
    findings: Findings = field(default_factory=Findings)
    similarity: dict[str, Similarity] = field(default_factory=dict)
    incidents: list[Incident] = field(default_factory=list)

    def add(self, result: Result) -> None:
        self.standings[result.student][result.part] = Standing(result.outcome, result.points, result.max_points)
        self._look_at(result)
        if result.source and result.part in self.parts:
            self._compare(result)
        if result.outcome in NOT_GRADED or result.verdict is None:
            return
        self.graded[result.part] += 1
        self.findings.add(result)
        if result.kind == "exercise":
            self._count_checks(result)

    def _look_at(self, result: Result) -> None:
        if result.outcome == "broken":
            fault = result.fault or Text("The grader says no more.", "评分程序没有给出更多信息。")
            self.incidents.append(Incident("broken", result.student, result.part, fault))
        self.incidents.extend(Incident(note.kind, result.student, result.part, note.text) for note in result.notes)

    def _compare(self, result: Result) -> None:
        if result.part not in self.similarity:
            part = self.parts[result.part]
            self.similarity[result.part] = Similarity(part.kind, part.given)
        self.similarity[result.part].add(result.student, result.source)

    def _count_checks(self, result: Result) -> None:
        assert result.verdict is not None
        for packed in result.verdict["checks"]:
            key = (result.part, packed["id"])
            self.passed[key] += packed["outcome"] == "passed"
            # a hint comes with a failure only
            if key not in self.checks or (packed["outcome"] == "failed" and not self.checks[key].hint.en):
                check = unpack_check(packed)
                self.checks[key] = CheckRate(result.part, check.id, check.title, check.hint, check.max_points, 0, 0)


def summarise(assignment: str, parts: Sequence[Part], results: Iterable[Result], *, anonymous: bool = False) -> Report:
    """The report on one assignment. With `anonymous`, students are numbered and nothing that they wrote is kept."""
    tally = _Tally({part.id: part for part in parts})
    for result in results:
        tally.add(result)
    name = _numbered(assignment, tally.standings) if anonymous else _itself
    students = [_student(name(student), parts, found) for student, found in tally.standings.items()]
    return Report(
        assignment=assignment,
        anonymous=anonymous,
        parts=tuple(parts),
        students=tuple(sorted(students, key=lambda one: (one.share, one.passed, one.handed_in, one.name))),
        marks=_marks([one.share for one in students if one.known and one.handed_in]),
        checks=tuple(_rates(tally, [part.id for part in parts])),
        findings=tuple(tally.findings.ranked(name)),
        undiagnosed=dict(tally.findings.undiagnosed),
        graded=dict(tally.graded),
        alike=tuple(_likenesses(tally.similarity, name, anonymous)),
        incidents=tuple(_incidents(tally.incidents, name, anonymous)),
    )


def _itself(student: str) -> str:
    return student


def _numbered(assignment: str, students: Iterable[str]) -> Callable[[str], str]:
    """Numbers that are the same in every report on the assignment, and do not follow the alphabet."""
    order = sorted(students, key=lambda student: sha256(f"{assignment}\0{student}".encode(errors="replace")).digest())
    width = len(str(len(order)))
    numbers = {student: f"#{number:0{width}}" for number, student in enumerate(order, 1)}
    return numbers.__getitem__


def _student(name: str, parts: Sequence[Part], found: Mapping[str, Standing]) -> Student:
    points = sum(standing.points for standing in found.values())
    return Student(
        name, tuple(found.get(part.id) for part in parts), points, sum(one.max_points for one in found.values())
    )


def _marks(shares: Sequence[float]) -> Marks | None:
    if not shares:
        return None
    lower, median, upper = quantiles(shares, n=4, method="inclusive") if len(shares) > 1 else [shares[0]] * 3
    bins = Counter(min(int(share * BINS + 1e-9), BINS - 1) for share in shares)
    return Marks(len(shares), fmean(shares), lower, median, upper, tuple(bins[index] for index in range(BINS)))


def _rates(tally: _Tally, order: Sequence[str]) -> Iterable[CheckRate]:
    """Exercise by exercise; the check that the fewest pass comes first."""
    rates = [
        CheckRate(one.part, one.id, one.title, one.hint, one.points, tally.passed[key], tally.graded[one.part])
        for key, one in tally.checks.items()
    ]
    places = {part: place for place, part in enumerate(order)}
    return sorted(rates, key=lambda one: (places.get(one.part, len(places)), one.rate))


def _likenesses(found: Mapping[str, Similarity], name: Callable[[str], str], anonymous: bool) -> Iterable[Likeness]:
    for part, similarity in found.items():
        for alike in similarity.found():
            students = tuple(name(student) for student in alike.students)
            left, right = (
                Submitted(name(one.student), "" if anonymous else one.source) for one in (alike.left, alike.right)
            )
            yield Likeness(part, Alike(students, alike.likeness, left, right))


def _incidents(found: Sequence[Incident], name: Callable[[str], str], anonymous: bool) -> Iterable[Incident]:
    """Our own faults first, then what is rarest."""
    often = Counter(one.kind for one in found)
    for one in sorted(found, key=lambda one: (one.kind != "broken", often[one.kind], one.kind, one.student, one.part)):
        text = told(one.kind) if anonymous else one.text  # a note may quote what the student wrote
        yield Incident(one.kind, name(one.student), one.part, text)
