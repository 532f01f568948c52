"""When to come back to what: answers and attempts are rated, and FSRS turns ratings into dates.

A card is a function of a history, and nothing else: it is made again from the whole of it whenever something is added,
in whatever order things come in. So there is no random spread of dates, and there are no steps of minutes either:
nobody is asked the same thing twice in a day.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from fsrs import Card as FsrsCard
    from fsrs import Rating, Scheduler

Subject = Literal["exercise", "question"]
RETENTION = 0.9
LONGEST_DAYS = 180  # interviews come sooner than the years that FSRS would plan for
FULL_SCORE = 0.95
MANY_FAILURES = 5


@dataclass(frozen=True, slots=True)
class Card:
    """One exercise or question under review. `score` is what the last review showed, 1 for an exercise."""

    kind: Subject
    subject: str
    score: float
    stability: float
    difficulty: float
    reviewed: datetime
    due: datetime

    def recall(self, now: datetime) -> float:
        """How likely it is that it would be known now."""
        return _scheduler().get_card_retrievability(_fsrs(self), now.astimezone(UTC))


@dataclass(frozen=True, slots=True)
class Tried:
    """An answer to a question."""

    time: datetime
    score: float
    outcome: str


@dataclass(frozen=True, slots=True)
class Event:
    """Something at an exercise: `kind` is attempt, hint, gave_up or reset; the rest is the attempt's."""

    time: datetime
    kind: str
    outcome: str = ""
    sha256: str = ""


def question_card(question: str, answers: Iterable[Tried]) -> Card | None:
    """The card of a question; None where it was never answered. Every answer is a review."""
    card: Card | None = None
    for answer in sorted(answers, key=lambda answer: answer.time):
        rating = rate_answer(answer.score, answer.outcome)
        card = _reviewed(card, "question", question, rating, answer.score, answer.time)
    return card


def exercise_card(exercise: str, events: Iterable[Event]) -> Card | None:
    """The card of an exercise; None where it was never passed: until then it is unfinished, not forgotten.

    All attempts up to a pass are one review, rated by what it took. To pass once more with the code that stands
    in the file shows nothing: what counts is a pass after the stub was put back, or one with other code once it is due.
    """
    card: Card | None = None
    passed_with = ""
    from_stub, failures, hints, gave_up = True, 0, 0, False
    for event in sorted(events, key=lambda event: event.time):
        if event.kind == "reset":
            from_stub = True
        elif event.kind == "hint":
            hints += 1
        elif event.kind == "gave_up":
            gave_up = True
        elif event.kind == "attempt":
            again = card is not None and not from_stub
            if again and (event.sha256 == passed_with or (card is not None and event.time < card.due)):
                continue
            if event.outcome == "failed":
                failures += 1
            elif event.outcome == "passed":
                rating = rate_exercise(failures, hints, gave_up=gave_up)
                card = _reviewed(card, "exercise", exercise, rating, 1.0, event.time)
                passed_with = event.sha256
                from_stub, failures, hints, gave_up = False, 0, 0, False
    return card


def rate_answer(score: float, outcome: str) -> Rating:
    """FSRS's four ratings: not known, with difficulty, known, known by heart."""
    from fsrs import Rating

    if outcome == "adequate":
        return Rating.Easy if score >= FULL_SCORE else Rating.Good
    return Rating.Hard if outcome == "partial" else Rating.Again


def rate_exercise(failures: int, hints: int, *, gave_up: bool) -> Rating:
    """By what it took to pass. Who has seen the reference has shown nothing yet."""
    from fsrs import Rating

    if gave_up:
        return Rating.Again
    if hints or failures > MANY_FAILURES:
        return Rating.Hard
    return Rating.Good if failures else Rating.Easy


def due_today(cards: Iterable[Card], at: datetime) -> list[Card]:
    """What is to be reviewed by the end of the day, the most forgotten first."""
    found = [card for card in cards if card.due < end_of_day(at)]
    return sorted(found, key=lambda card: (card.recall(at), card.due, card.subject))


def days_in_a_row(days: Iterable[date], today: date) -> int:
    """The streak. Today counts once something was done; before that, yesterday's is still alive."""
    found = set(days)
    day = today if today in found else today - timedelta(days=1)
    count = 0
    while day in found:
        count += 1
        day -= timedelta(days=1)
    return count


def end_of_day(now: datetime) -> datetime:
    """Midnight by the user's clock: what falls due later today is due today."""
    local = now.astimezone()
    tomorrow = local.date() + timedelta(days=1)
    return datetime(tomorrow.year, tomorrow.month, tomorrow.day).astimezone()


@lru_cache
def _scheduler() -> Scheduler:
    from fsrs import Scheduler

    return Scheduler(
        desired_retention=RETENTION,
        learning_steps=(),
        relearning_steps=(),
        maximum_interval=LONGEST_DAYS,
        enable_fuzzing=False,
    )


def _reviewed(card: Card | None, kind: Subject, subject: str, rating: Rating, score: float, time: datetime) -> Card:
    found, _ = _scheduler().review_card(_fsrs(card), rating, time.astimezone(UTC))
    assert found.stability is not None
    assert found.difficulty is not None
    return Card(kind, subject, score, found.stability, found.difficulty, time, found.due)


def _fsrs(card: Card | None) -> FsrsCard:
    from fsrs import Card as FsrsCard
    from fsrs import State

    if card is None:
        return FsrsCard(card_id=0)
    return FsrsCard(
        card_id=0,
        state=State.Review,  # without steps there is no other once it was reviewed
        stability=card.stability,
        difficulty=card.difficulty,
        due=card.due,
        last_review=card.reviewed,
    )
