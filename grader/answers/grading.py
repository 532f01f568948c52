"""An answer -> its grade."""

from __future__ import annotations

from dataclasses import replace

from grader.answers import filters
from grader.answers.compiled import Compiled
from grader.answers.matching import Match, Reading
from grader.answers.recognising import Recogniser, Seen
from grader.answers.result import Flag, Grade, PointGrade, Wrong, outcome
from grader.answers.words import Words, read
from grader.content.question import Concept, Misconception, Point, Question, Rubric, Status
from grader.errors import Language

VALUES: dict[Status, float] = {"covered": 1.0, "partial": 0.5, "missing": 0.0, "contradicted": 0.0}
PARTLY = 0.66  # of a line's groups, or of a phrasing's weight against what counts as said
TAKEN_OFF = 0.15  # for each wrong statement
ALL_REQUIRED = 0.6
AT_MOST_WITH_WRONG = 0.5
AT_MOST_WITHOUT_REQUIRED = 0.54  # unless the rest is much


def grade(
    question: Question,
    rubric: Rubric,
    concepts: dict[str, Concept],
    answer: str,
    recogniser: Recogniser | None = None,
) -> Grade:
    """Grade an answer to a question by its rubric. Never raises for what an answer holds.

    `recogniser`: sees more in it than the rules do, for example `grader.answers.semantic.Semantic()`.
    """
    return grade_compiled(question, Compiled(rubric, concepts), answer, recogniser)


def grade_compiled(question: Question, compiled: Compiled, answer: str, recogniser: Recogniser | None = None) -> Grade:
    """As `grade`, with the rubric made ready before."""
    words = read(answer[: filters.MAX_CHARACTERS])
    flags = filters.flags(question, answer, words)
    if not flags:
        lists = filters.keyword_lists(words)
        if lists and len(lists) == len(words.sentences):
            flags = ("keyword_list",)
    if flags:
        return _nothing(question, compiled.rubric, _language(words), flags)
    lists |= filters.echoes(question, words)
    reading = Reading(compiled, words, lists)
    points = [_point(point, reading, words) for point in compiled.rubric.points]
    wrong = _wrong(compiled.rubric, reading, words)
    if recogniser is not None:
        seen = recogniser(Seen(question, compiled, _language(words), words, lists, tuple(points), tuple(wrong)))
        points, wrong = list(seen.points), list(seen.wrong)
    for index, (point, graded) in enumerate(zip(compiled.rubric.points, points, strict=True)):
        overturned = [statement.quote for each, statement in wrong if point.id in each.contradicts]
        # What was taken for the point, and is what overturns it
        same = any(graded.evidence in quote or quote in graded.evidence for quote in overturned)
        if overturned and (same or graded.status in ("missing", "partial")):
            points[index] = replace(graded, status="contradicted", evidence=overturned[0])
    statements = [statement for _, statement in wrong]
    statements += [
        Wrong(graded.evidence, "", graded.text)
        for graded in points
        if graded.status == "contradicted" and not any(graded.id in each.contradicts for each, _ in wrong)
    ]
    score = _score(points, len(statements))
    found: tuple[Flag, ...] = ()
    if not statements and all(point.status == "missing" for point in points):
        found = ("off_topic",)
    return Grade(question.id, _language(words), score, outcome(score), tuple(points), tuple(statements), found)


def _nothing(question: Question, rubric: Rubric, language: Language, flags: tuple[Flag, ...]) -> Grade:
    points = tuple(_graded(point, "missing", "") for point in rubric.points)
    return Grade(question.id, language, 0.0, "inadequate", points, (), flags)


def _point(point: Point, reading: Reading, words: Words) -> PointGrade:
    said, denied = reading.point(point)
    # What is said in one place and denied in another is not known
    if denied and denied.share >= 1:
        return _graded(point, "contradicted", _quote(words, denied))
    if said and said.share >= 1:
        return _graded(point, "covered", _quote(words, said))
    if said and said.share >= PARTLY:
        return _graded(point, "partial", _quote(words, said))
    return _graded(point, "missing", "")


def _wrong(rubric: Rubric, reading: Reading, words: Words) -> list[tuple[Misconception, Wrong]]:
    found = []
    for misconception in rubric.misconceptions:
        match = reading.misconception(misconception)
        if match:
            found.append((misconception, Wrong(_quote(words, match), misconception.id, misconception.correction)))
    return found


def _score(points: list[PointGrade], wrong: int) -> float:
    total = sum(point.weight for point in points)
    score = sum(point.weight * VALUES[point.status] for point in points) / total
    required = [point.status for point in points if point.required]
    if all(status == "covered" for status in required):
        score = max(score, ALL_REQUIRED)
    elif not all(status in ("covered", "partial") for status in required) and score < ALL_REQUIRED:
        score = min(score, AT_MOST_WITHOUT_REQUIRED)
    if wrong:
        score = min(score, AT_MOST_WITH_WRONG) - TAKEN_OFF * (wrong - 1)
    return round(max(0.0, min(1.0, score)), 3)


def _graded(point: Point, status: Status, evidence: str) -> PointGrade:
    return PointGrade(point.id, point.text, point.weight, point.required, status, evidence, point.hint)


def _quote(words: Words, match: Match) -> str:
    return words.quote(match.first, match.last)


def _language(words: Words) -> Language:
    chinese = sum(word.chinese for word in words.words)
    return "zh" if chinese > len(words.words) / 3 else "en"
