"""When something is due again: what counts as a review, how it is rated, and when it comes back."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from fsrs import Rating
from hypothesis import given
from hypothesis import strategies as st

from grader.journal.schedule import (
    LONGEST_DAYS,
    Card,
    Event,
    Tried,
    due_today,
    end_of_day,
    exercise_card,
    question_card,
    rate_answer,
    rate_exercise,
)

START = datetime(2026, 3, 1, 9, tzinfo=UTC)


def at(days: float) -> datetime:
    return START + timedelta(days=days)


def days_until_due(card: Card | None) -> float:
    assert card is not None
    return (card.due - card.reviewed) / timedelta(days=1)


def tried(days: float, score: float) -> Tried:
    outcome = "adequate" if score >= 0.7 else "partial" if score >= 0.4 else "inadequate"
    return Tried(at(days), score, outcome)


def attempt(days: float, outcome: str, source: str = "") -> Event:
    return Event(at(days), "attempt", outcome, source or str(days))


def noted(days: float, kind: str) -> Event:
    return Event(at(days), kind)


class TestRatings:
    @pytest.mark.parametrize(
        ("score", "outcome", "rating"),
        [
            (0.0, "inadequate", Rating.Again),
            (0.5, "partial", Rating.Hard),
            (0.8, "adequate", Rating.Good),
            (1.0, "adequate", Rating.Easy),
            (1.0, "partial", Rating.Hard),
            (0.9, "of a later version", Rating.Again),
        ],
    )
    def test_of_answers(self, score: float, outcome: str, rating: Rating) -> None:
        assert rate_answer(score, outcome) is rating

    @pytest.mark.parametrize(
        ("failures", "hints", "gave_up", "rating"),
        [
            (0, 0, False, Rating.Easy),
            (1, 0, False, Rating.Good),
            (5, 0, False, Rating.Good),
            (6, 0, False, Rating.Hard),
            (0, 1, False, Rating.Hard),
            (0, 0, True, Rating.Again),
        ],
    )
    def test_of_exercises(self, failures: int, hints: int, gave_up: bool, rating: Rating) -> None:
        assert rate_exercise(failures, hints, gave_up=gave_up) is rating


class TestQuestions:
    def test_never_answered_has_no_card(self) -> None:
        assert question_card("q", []) is None

    def test_the_better_the_later(self) -> None:
        waits = [days_until_due(question_card("q", [tried(0, score)])) for score in (0.0, 0.5, 0.8, 1.0)]
        assert waits == sorted(waits)
        assert 1 <= waits[0] <= waits[1] <= 2 < waits[3]

    def test_known_again_comes_back_much_later_and_forgotten_comes_back_soon(self) -> None:
        first = question_card("q", [tried(0, 0.8)])
        wait = days_until_due(first)
        again = question_card("q", [tried(0, 0.8), tried(wait, 0.8)])
        assert days_until_due(again) > 2 * wait
        lapsed = question_card("q", [tried(0, 0.8), tried(wait, 0.8), tried(4 * wait, 0.1)])
        assert days_until_due(lapsed) < wait + 1
        assert lapsed is not None
        assert lapsed.score == 0.1

    def test_never_twice_in_a_day(self) -> None:
        for score in (0.0, 0.5, 1.0):
            assert days_until_due(question_card("q", [tried(0, score), tried(0.01, score)])) >= 1

    def test_not_later_than_an_interview_may_come(self) -> None:
        card, history = None, []
        for _ in range(12):
            history.append(Tried(card.due if card else START, 1.0, "adequate"))
            card = question_card("q", history)
        assert days_until_due(card) == LONGEST_DAYS

    @given(st.permutations(range(6)))
    def test_the_order_in_which_it_comes_in_does_not_matter(self, order: list[int]) -> None:
        history = [tried(day, day / 6) for day in range(6)]
        assert question_card("q", [history[index] for index in order]) == question_card("q", history)

    def test_recall_fades(self) -> None:
        card = question_card("q", [tried(0, 0.8)])
        assert card is not None
        recalls = [card.recall(at(days)) for days in (0, 3, 30, 300)]
        assert recalls == sorted(recalls, reverse=True)
        assert recalls[0] == 1
        assert card.recall(card.due) == pytest.approx(0.9, abs=0.05)


class TestExercises:
    def test_never_passed_has_no_card(self) -> None:
        assert exercise_card("e", [attempt(0, "failed"), noted(0.1, "hint"), attempt(1, "broken")]) is None

    def test_what_it_took_decides_when_it_comes_back(self) -> None:
        easy = [attempt(0, "passed")]
        good = [attempt(-1, "failed"), *easy]
        hinted = [attempt(-1, "failed"), noted(-0.5, "hint"), *easy]
        given_up = [noted(-1, "gave_up"), *easy]
        waits = [days_until_due(exercise_card("e", events)) for events in (given_up, hinted, good, easy)]
        assert waits == sorted(waits)
        assert waits[0] == 1
        assert waits[3] > waits[1]

    def test_a_fault_of_ours_is_no_failure(self) -> None:
        assert exercise_card("e", [attempt(-1, "broken"), attempt(0, "passed")]) == exercise_card(
            "e", [attempt(0, "passed")]
        )

    def test_to_run_it_once_more_is_no_review(self) -> None:
        once = [attempt(0, "passed", "mine")]
        card = exercise_card("e", once)
        assert card is not None
        again = [attempt(days, "passed", "mine") for days in (0.01, 1, 400)]
        tinkering = [attempt(0.2, "failed", "other"), attempt(0.3, "passed", "third")]
        assert exercise_card("e", once + again + tinkering) == card

    def test_from_the_stub_it_is(self) -> None:
        events = [attempt(0, "passed", "mine"), noted(9, "reset"), attempt(9.01, "passed", "mine")]
        card = exercise_card("e", events)
        assert card is not None
        assert card.reviewed == at(9.01)
        assert days_until_due(card) > 9

    def test_with_other_code_once_it_is_due_too(self) -> None:
        events = [attempt(0, "passed", "mine"), attempt(30, "failed", "new"), attempt(30.1, "passed", "newer")]
        card = exercise_card("e", events)
        assert card is not None
        assert card.reviewed == at(30.1)

    def test_stays_due_until_it_is_passed_again(self) -> None:
        first = [attempt(0, "passed", "mine")]
        failing = [noted(20, "reset"), attempt(20.1, "failed"), attempt(20.2, "failed")]
        assert exercise_card("e", first + failing) == exercise_card("e", first)


class TestToday:
    @pytest.fixture(params=["UTC", "Asia/Shanghai", "America/Los_Angeles"])
    def zone(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
        monkeypatch.setenv("TZ", request.param)
        time.tzset()
        yield request.param
        monkeypatch.undo()
        time.tzset()

    def test_ends_at_midnight_by_the_users_clock(self, zone: str) -> None:
        end = end_of_day(START)
        assert (end.hour, end.minute) == (0, 0)
        assert end.date() == START.astimezone().date() + timedelta(days=1)
        assert timedelta(0) < end - START <= timedelta(days=1)
        assert os.environ["TZ"] == zone

    @pytest.mark.usefixtures("zone")
    def test_what_falls_due_tonight_is_due_this_morning(self) -> None:
        def card(subject: str, due: datetime, stability: float = 2.0) -> Card:
            return Card("question", subject, 1.0, stability, 5.0, START - timedelta(days=2), due)

        end = end_of_day(START)
        cards = [
            card("tomorrow", end),
            card("tonight", end - timedelta(minutes=1)),
            card("forgotten", START - timedelta(days=3), stability=0.2),
        ]
        assert [one.subject for one in due_today(cards, START)] == ["forgotten", "tonight"]
