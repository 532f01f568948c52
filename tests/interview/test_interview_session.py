"""How an interview goes: what follows from an answer, what the clock allows, and what is left when it breaks off."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from interview_parts import ScriptedRoom, covering, exercise, graded, point, question, verdict

from grader.content.question import Question
from grader.errors import Text
from grader.interview.plan import Plan
from grader.interview.record import Record
from grader.interview.session import InputEndedError, conduct, missed

MAIN = question("main", "bert", follow_ups=("planned", "unknown", "deep", "deeper"))
PLANNED = question("planned")
DEEP = question("deep", follow_ups=("deeper",))
DEEPER = question("deeper")
BANK = {one.id: one for one in (MAIN, PLANNED, DEEP, DEEPER)}
LINEAR, CONV = exercise("linear"), exercise("conv")


def held(
    room: ScriptedRoom, *questions: Question, minutes: int = 45, exercises: Iterable = (), seed: int = 1
) -> Record:
    plan = Plan(seed, minutes, questions, tuple(exercises))
    return conduct(plan, room, BANK.get, clock=room.clock)


class TestAnAnswer:
    def test_is_asked_about_for_the_heaviest_required_point_that_it_missed(self) -> None:
        room = ScriptedRoom(["nothing", "b"])
        record = held(room, MAIN)
        assert room.told == ["1 main 2700", "probe b 2640"]
        (asked,) = record.asked
        assert asked.probe is not None
        assert (asked.answer, asked.probe.answer, asked.text) == ("nothing", "b", "nothing\nb")
        assert asked.grade is not None
        assert asked.whole is not None
        assert (asked.grade.score, asked.whole.score, asked.score) == (0.0, 0.5, 0.25), "half for what was asked for"
        assert asked.seconds == 120

    def test_of_which_a_point_is_missing_is_asked_for_that_one(self) -> None:
        room = ScriptedRoom(["b", "a"])
        assert held(room, MAIN).asked[0].score == pytest.approx((0.5 + 0.75) / 2)
        assert room.told[1].startswith("probe a")

    def test_that_has_it_all_leads_to_a_follow_up_that_was_not_planned(self) -> None:
        room = ScriptedRoom(["a b", "a b", "a b c"])
        record = held(room, MAIN, PLANNED)
        asked = [one.question.id for one in record.asked]
        assert asked[0] == "main"
        assert asked[1] in ("deep", "deeper")
        assert asked[2] == "planned"
        assert record.asked[1].follows is MAIN
        assert record.asked[1].topic == "bert", "it was asked under the first one's topic"
        assert room.told[1].startswith("- deep")
        seeds = {held(ScriptedRoom(["a b"] * 3), MAIN, PLANNED, seed=n).asked[1].question.id for n in range(20)}
        assert seeds == {"deep", "deeper"}

    def test_leads_to_one_further_question_at_most(self) -> None:
        room = ScriptedRoom(["a b", "x", "y"])
        record = held(room, question("only", follow_ups=("deep",)))
        assert [told.rpartition(" ")[0] for told in room.told] == ["1 only", "- deep", "probe b"]
        assert len(record.asked) == 2

    def test_skipped_is_not_asked_about(self) -> None:
        room = ScriptedRoom([None, "a b"])
        record = held(room, MAIN, PLANNED)
        assert [told.rpartition(" ")[0] for told in room.told] == ["1 main", "2 planned"]
        assert record.asked[0].grade is None
        assert record.asked[0].score == 0
        assert room.kept == [record.asked[1]]

    def test_whose_probe_is_skipped_keeps_its_score(self) -> None:
        (asked,) = held(ScriptedRoom(["b", None]), MAIN).asked
        assert asked.score == 0.5
        assert asked.text == "b"

    def test_is_not_worse_for_a_second_half_that_makes_the_whole_unreadable(self) -> None:
        def grading(question, answer):
            return graded("main", 0.0, flags=("too_long",)) if "\n" in answer else covering(question, answer)

        (asked,) = held(ScriptedRoom(["b", "x"], grading=grading), MAIN).asked
        assert asked.score == 0.5

    def test_that_turned_over_a_lesser_point_is_asked_for_that_one(self) -> None:
        lesser = point("z", "contradicted", required=False)
        assert missed(graded("main", 0.5, point("a", "covered"), lesser, point("y", required=False))) is lesser
        assert missed(graded("main", 0.5, point("a"), lesser)) == point("a")
        assert missed(graded("main", 1.0, point("a", "covered"), point("y", required=False))) is None


class TestTheClock:
    def test_leaves_half_of_the_time_for_code(self) -> None:
        room = ScriptedRoom(["a b c"] * 9, [verdict("linear", "passed")], each=14 * 60)
        record = held(room, PLANNED, DEEP, DEEPER, minutes=30, exercises=[LINEAR])
        assert [one.question.id for one in record.asked] == ["planned", "deep"]
        assert room.told[-1] == "code 1 linear 120"
        assert record.ending == "time"
        assert record.unreached == (DEEPER,)

    def test_lets_the_running_answer_be_finished(self) -> None:
        room = ScriptedRoom(["nothing"], each=3600)
        record = held(room, MAIN, PLANNED, exercises=[LINEAR])
        assert room.told == ["1 main 2700"], "and asks nothing more, not even about it"
        assert record.ending == "time"
        assert record.asked[0].grade is not None
        assert record.seconds == 3600
        assert record.unreached == (PLANNED, LINEAR)

    def test_begins_no_exercise_when_the_time_is_over(self) -> None:
        room = ScriptedRoom([None], [None, None], each=25 * 60)
        record = held(room, PLANNED, minutes=45, exercises=[LINEAR, CONV])
        assert [one.exercise.id for one in record.coded] == ["linear"]
        assert record.unreached == (CONV,)

    def test_of_who_is_done_early_does_not_matter(self) -> None:
        record = held(ScriptedRoom([None], [None]), PLANNED, exercises=[LINEAR])
        assert record.ending == "finished"
        assert record.empty


class TestCode:
    def test_is_judged_skipped_or_at_fault(self) -> None:
        room = ScriptedRoom([None], [verdict("linear", "passed", "failed"), Text("It died.", "它中断了。")])
        record = held(room, PLANNED, exercises=[LINEAR, CONV])
        first, second = record.coded
        assert (first.score, first.seconds) == (0.5, 60)
        assert second.fault == Text("It died.", "它中断了。")
        assert second.score is None
        assert not record.empty
        assert held(ScriptedRoom([None], [None]), PLANNED, exercises=[LINEAR]).coded[0].score == 0


class TestBreakingOff:
    @pytest.mark.parametrize(("how", "ending"), [(KeyboardInterrupt(), "interrupted"), (InputEndedError(), "input")])
    def test_keeps_what_was_done(self, how: BaseException, ending: str) -> None:
        room = ScriptedRoom(["a b c", how])
        record = held(room, PLANNED, DEEP, exercises=[LINEAR])
        assert record.ending == ending
        assert [one.question.id for one in record.asked] == ["planned"], "what had no answer was not skipped"
        assert record.unreached == (DEEP, LINEAR)

    def test_while_being_asked_further_keeps_the_first_answer(self) -> None:
        room = ScriptedRoom(["b", KeyboardInterrupt()])
        record = held(room, MAIN)
        assert record.asked[0].score == 0.5
        assert room.kept == record.asked

    def test_at_the_code_leaves_it_unjudged(self) -> None:
        record = held(ScriptedRoom(["a b c"], [KeyboardInterrupt()]), PLANNED, exercises=[LINEAR])
        (coded,) = record.coded
        assert (coded.verdict, coded.skipped, coded.score) == (None, False, None)
        assert coded.seconds == 60

    def test_at_once_leaves_nothing_to_report(self) -> None:
        assert held(ScriptedRoom([KeyboardInterrupt()]), MAIN).empty
