"""`practice prove --questions`: the proofs of rubrics, a line each, and below it what does not hold."""

from __future__ import annotations

import json
from dataclasses import asdict

from grader.answers.proof import Finding, prove
from grader.cli.common import Invocation
from grader.cli.rendering import mark_of
from grader.cli.terminal import Screen, shortened
from grader.content.question import Rubric
from grader.errors import Text

_LONGEST = 300


def prove_rubrics(invocation: Invocation, names: tuple[str, ...], *, as_json: bool) -> int:
    """Prove the rubrics of the questions that were named, or of all; the exit status."""
    bank = invocation.bank
    ids = list(dict.fromkeys(bank.resolve(name) for name in names)) or list(bank.questions)
    told = []
    sound = True
    for id in ids:
        rubric = bank.rubric(id)
        if rubric is None:
            findings = [Finding(id, "", "", "has no rubric")]
        else:
            findings = prove(bank.questions[id], rubric, bank.concepts, bank.off_topic(id))
        sound = sound and not findings
        if as_json:
            told.append({"question": id, "findings": [asdict(finding) for finding in findings]})
        else:
            _show(invocation.out, id, rubric, findings)
    if as_json:
        invocation.out.write(json.dumps({"holds": sound, "proofs": told}, ensure_ascii=False) + "\n")
    return 0 if sound else 1


def _show(out: Screen, id: str, rubric: Rubric | None, findings: list[Finding]) -> None:
    mark = mark_of(out, "failed" if findings else "passed")
    if rubric is None:
        counts = Text("", "")
    else:
        points, wrong, tests = len(rubric.points), len(rubric.misconceptions), len(rubric.tests)
        counts = Text(
            f"{points} points · {wrong} misconceptions · {tests} test answers",
            f"{points} 个要点 · {wrong} 个误解 · {tests} 份测试回答",
        )
    out.line(f"{mark} {out.styled(id, 'strong')}  {out.say(counts)}".rstrip())
    for finding in findings:
        out.line(f"{finding.where}: {finding.what}".lstrip(": "), indent=4)
        if finding.text:
            out.line(shortened(" ".join(finding.text.split()), _LONGEST), "dim", indent=6)
