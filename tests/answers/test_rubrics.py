"""Every rubric of the kit, proven: its own texts, its test answers, and what no question may take for an answer."""

from __future__ import annotations

import pytest

from grader.answers.proof import prove
from grader.content import builtin_root
from grader.content.bank import Bank

BANK = Bank([builtin_root()])
IDS = list(BANK.questions)


@pytest.mark.parametrize("id", IDS)
def test_a_rubric_is_sound(id: str) -> None:
    question = BANK.questions[id]
    rubric = BANK.rubric(id)
    assert rubric is not None
    findings = prove(question, rubric, BANK.concepts, BANK.off_topic(id))
    assert not findings, "\n".join(f"{each.where}: {each.what}\n    {each.text}" for each in findings)


@pytest.mark.parametrize("id", IDS)
def test_a_rubric_has_test_answers_of_each_kind(id: str) -> None:
    rubric = BANK.rubric(id)
    assert rubric is not None
    for language in ("en", "zh"):
        kinds = [test.kind for test in rubric.tests if test.language == language]
        for kind, least in (("good", 2), ("brief", 1), ("partial", 1), ("negated", 2), ("wrong", 1), ("stuffed", 1)):
            assert kinds.count(kind) >= least, (language, kind)
