"""Hostile submissions, graded for real: none gets a check that it did not earn, none leaves a trace, and the next answer is graded as ever."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from ground import ANSWER, Ground, Traces, got_it
from hostile_bans import BANS, HARMLESS
from hostile_entry import EVIDENCE, Hostile
from hostile_exits import EXITS
from hostile_oracles import ORACLES, STATE
from hostile_protocol import PROTOCOL
from hostile_reach import REACH
from hostile_reading import ABSENT, READING
from hostile_resources import RESOURCES
from hostile_tampering import TAMPERING
from hostile_values import VALUES

from grader.content import builtin_root
from grader.errors import Text
from grader.exam.examine import examine
from grader.exam.link import Submitted
from grader.exam.supply import Supply
from grader.verdict import Verdict

FAMILIES = {
    "exits": EXITS,
    "tampering": TAMPERING,
    "reading": READING,
    "absent": ABSENT,
    "reach": REACH,
    "values": VALUES,
    "protocol": PROTOCOL,
    "resources": RESOURCES,
    "bans": BANS,
    "oracles": ORACLES,
    "state": STATE,
}
TABLE = {f"{family}: {name}": entry for family, entries in FAMILIES.items() for name, entry in entries.items()}
CONFINED = {name: entry for name, entry in TABLE.items() if entry.needs_confinement}
LONGEST_TEXT = 3000
torch.set_num_threads(1)  # before the first operation: as in an examiner


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    root = builtin_root()
    supply = Supply(forbidden=[root / "exercises", root / "solutions"])
    ground = Ground.lay(supply)
    assert ground.good().passed
    while len(Traces.take(ground).processes) > 1:  # the worker is on its way out
        time.sleep(0.01)
    ground.clean = Traces.take(ground)
    yield ground
    ground.close()


@pytest.fixture(scope="module")
def unconfined() -> Iterator[Ground]:
    ground = Ground.lay(Supply(confined=False))
    yield ground
    ground.close()


def words_of(verdict: Verdict) -> list[str]:
    """Everything that the submission could have put into its verdict."""
    found: list[str] = []
    for check in verdict.checks:
        for text in (check.message, check.counterexample):
            found += [text.en, text.zh]
        found += [check.snippet, check.output]
    return found


@pytest.mark.parametrize("name", TABLE)
def test_it_gains_nothing_and_leaves_nothing_behind(name: str, ground: Ground) -> None:
    entry = TABLE[name]
    verdict = ground.verdict(entry)
    assert verdict.outcome == "failed", [(check.id, check.outcome, check.message.en) for check in verdict.checks]
    assert verdict.isolation == "strict"
    earned = {check.id for check in verdict.checks if check.outcome == "passed"}
    assert earned <= entry.earns, "it did not earn these"
    assert verdict.points == sum(check.max_points for check in verdict.checks if check.id in earned)
    first = next(check for check in verdict.checks if check.outcome == "failed")
    assert entry.says in first.message.en
    source = ground.source_of(entry)
    for text in words_of(verdict):
        assert EVIDENCE not in text
        assert [word for word in ground.hidden if word in text and word not in source] == []
        assert len(text) < LONGEST_TEXT or text in {check.output for check in verdict.checks}
        assert all(character == "\n" or character.isprintable() for character in text), "fit for a terminal"
    assert Traces.settled(ground) == ground.clean
    torch.testing.assert_close(ground.answers(), ANSWER, msg="the next one finds all as ever")


def test_after_all_of_them_a_right_answer_is_graded_as_ever(ground: Ground) -> None:
    for entry in (TABLE["exits: os._exit(0) in a call"], TABLE["resources: 100 GB of bytes"]):
        ground.verdict(entry)
    verdict = ground.good()
    assert verdict.passed
    assert verdict.points == verdict.max_points


@pytest.mark.parametrize("name", HARMLESS)
def test_what_looks_like_an_attack_and_is_a_right_answer_passes(name: str, ground: Ground) -> None:
    assert ground.verdict(HARMLESS[name]).passed


@pytest.mark.parametrize("name", CONFINED)
def test_what_confinement_stops_works_without_it(name: str, unconfined: Ground) -> None:
    """Else that it is stopped would prove nothing."""
    entry = CONFINED[name]
    if entry.needs_root and os.geteuid() != 0:
        pytest.skip("only root could do this to begin with")
    if not got_it(unconfined, entry):
        if entry.optional:
            pytest.skip("this machine refuses it to everybody")
        pytest.fail("it does not get what it is after")


@pytest.mark.parametrize("name", BANS)
def test_a_banned_way_is_right_where_it_is_not_banned(name: str, ground: Ground) -> None:
    submitted = Submitted(BANS[name].source, "attempt.py")
    verdict = examine(ground.free, submitted, ground.supply, only=[BANS[name].shows], diagnosis=False)
    assert verdict.passed, verdict.checks[0].message.en


def test_the_probe_files_are_there(ground: Ground) -> None:
    assert Path(ground.source_of(Hostile("@SOLUTIONS@/self_attention/reference.py"))).read_text()
    assert (ground.scratch / "keep").read_text() == "kept"


def test_nothing_of_an_earlier_submission_is_in_a_later_one(ground: Ground) -> None:
    """Neither its text nor its values: a worker is forked from a nursery that has never seen one."""
    token = "a-token-of-the-first-submission"
    first = f"import torch\nKEPT = {token!r} * 3\nraise ValueError(KEPT)\n"
    later = f"""
import gc
PARTS = {list(token)!r}
for thing in gc.get_objects():
    for value in (list(thing.values()) if type(thing) is dict else thing if type(thing) is list else ()):
        assert not (type(value) is str and "".join(PARTS) in value), "EVIDENCE"
"""
    spoken = [ground.verdict(Hostile(source)).checks[0].message for source in (first, later)]
    assert token in spoken[0].en
    assert spoken[1] == Text("The file defines no `self_attention`.", "文件里没有定义 `self_attention`。")
