"""What an interview asks: the same for the same seed, of several topics, leaning towards what is weak."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from interview_parts import exercise, question

from grader.content.bank import Bank
from grader.content.catalogue import Catalogue, builtin_root
from grader.content.exercise import TOPICS
from grader.interview.plan import Plan, draw, topics_of, weigh
from grader.journal.schedule import Card

QUESTIONS = [question(f"{topic}-{n}", topic, level=n) for topic in TOPICS for n in (1, 2, 3)]
EXERCISES = [exercise(f"{topic}_{n}", topic, minutes=15 * n) for topic in TOPICS for n in (1, 2)]


def ids(plan: Plan) -> tuple[list[str], list[str]]:
    return [one.id for one in plan.questions], [one.id for one in plan.exercises]


def test_the_same_seed_gives_the_same_plan() -> None:
    plans = [ids(draw(7, 45, QUESTIONS, EXERCISES)) for _ in range(2)]
    assert plans[0] == plans[1]
    assert ids(draw(7, 45, reversed(QUESTIONS), reversed(EXERCISES))) == plans[0], "in whatever order they come"
    assert len({str(ids(draw(seed, 45, QUESTIONS, EXERCISES))) for seed in range(20)}) == 20


def test_a_seed_means_the_same_on_every_machine() -> None:
    questions, exercises = ids(draw(1, 45, QUESTIONS, EXERCISES))
    assert (questions, exercises) == (["quantization-1", "generation-1", "gpt-1", "multimodal-2"], ["attention_1"])


def test_asks_of_several_topics_and_begins_with_the_basic() -> None:
    for seed in range(20):
        plan = draw(seed, 60, QUESTIONS, EXERCISES)
        assert len({one.topic for one in plan.questions}) == len(plan.questions) == 6
        assert [one.level for one in plan.questions] == sorted(one.level for one in plan.questions)
    assert len(draw(1, 180, QUESTIONS, EXERCISES).questions) == 12


def test_asks_of_one_topic_where_it_is_named() -> None:
    plan = draw(3, 45, QUESTIONS, EXERCISES, topic="bert")
    assert {one.topic for one in (*plan.questions, *plan.exercises)} == {"bert"}
    assert len(plan.questions) == 3


def test_a_topic_without_exercises_borrows_those_that_its_questions_name() -> None:
    talk = [question("one", "sparsity", exercises=("gpt_1",))]
    others = [one for one in EXERCISES if one.topic != "sparsity"]
    assert ids(draw(3, 45, talk, others, topic="sparsity")) == (["one"], ["gpt_1"])
    assert ids(draw(3, 45, [question("one", "sparsity")], EXERCISES[:2], topic="sparsity")) == (["one"], [])


@pytest.mark.parametrize(("minutes", "asked", "coded"), [(5, 1, 0), (19, 4, 0), (20, 2, 1), (45, 4, 1), (90, 9, 2)])
def test_fits_the_time(minutes: int, asked: int, coded: int) -> None:
    for seed in range(10):
        plan = draw(seed, minutes, QUESTIONS, EXERCISES)
        assert (len(plan.questions), len(plan.exercises)) == (asked, coded)
        assert plan.talking + plan.coding == minutes
        assert plan.coding <= minutes / 2
        if minutes >= 45:
            assert sum(one.minutes for one in plan.exercises) <= minutes / 2


def test_takes_the_shortest_exercise_where_none_fits() -> None:
    assert ids(draw(1, 45, QUESTIONS, [exercise("long", minutes=60), exercise("less", minutes=40)]))[1] == ["less"]


def test_prefers_exercises_that_belong_to_its_questions() -> None:
    talk = [question("one", exercises=("gpt_1",))]
    coded = Counter(ids(draw(seed, 45, talk, EXERCISES))[1][0] for seed in range(200))
    assert coded["gpt_1"] > 2 * max(count for id, count in coded.items() if id != "gpt_1")


class TestTheJournal:
    def test_makes_what_is_due_or_weak_come_up_more_often(self) -> None:
        now = datetime.now(UTC)

        def card(subject: str, score: float, days_ago: float, due_in: float) -> Card:
            reviewed = now - timedelta(days=days_ago)
            return Card("question", subject, score, 10.0, 5.0, reviewed, now + timedelta(days=due_in))

        weights = weigh([card("known", 1.0, 0.0, 9.0), card("weak", 0.2, 0.0, 1.0), card("due", 0.2, 9.0, -1.0)], now)
        assert weights["question", "known"] == pytest.approx(0.2, abs=0.01)
        assert weights["question", "known"] < 1 < weights["question", "weak"] < weights["question", "due"]
        talk = [question("known"), question("weak"), question("due"), question("fresh")]
        first = Counter(ids(draw(seed, 5, talk, [], weights=weights))[0][0] for seed in range(300))
        assert first["due"] > first["weak"] > first["fresh"] > first["known"]


def test_of_the_kits_own_content() -> None:
    root = builtin_root()
    questions, exercises = Bank((root,)).questions, Catalogue((root,)).all()[0]
    assert topics_of(questions.values()) == TOPICS
    for topic in (None, *TOPICS):
        plan = draw(11, 45, questions.values(), exercises, topic=topic)
        assert len(plan.questions) >= 4 if topic is None else plan.questions
        assert len(plan.exercises) == 1
        assert plan.exercises[0].minutes <= 30
