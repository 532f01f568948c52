"""What the examiner itself spends on a submission's values has an end, and the verdict arrives all the same."""

from __future__ import annotations

import json
import resource
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from exam_ground import double_exercise

from grader.content import Exercise
from grader.daemon.clients import Client, after_death
from grader.daemon.protocol import LineReader, code_version, send_line
from grader.daemon.record import Record
from grader.exam import link as link_module
from grader.exam import patience as patience_module
from grader.exam.examine import examine
from grader.exam.failures import TooSlow
from grader.exam.link import Link, LoadFailure, Submitted
from grader.exam.patience import Patience, used_up
from grader.exam.supply import Supply
from grader.verdict import CheckResult, Verdict, pack, unpack

CHECK = """
    import torch
    from grader.exam import Text, check, require

    SAID = Text("it", "它")

    @check(title=SAID, hint=SAID)
    def test_runs(candidate):
        candidate.scale(torch.ones(1), factor=2.0)

    @check(title=SAID, hint=SAID)
    def test_values(candidate):
        scaled = candidate.scale(torch.ones(4000), factor=2.0)
        @BODY@

    @check(title=SAID, hint=SAID)
    def test_keeps_its_input(candidate):
        pass
"""
RIGHT = "def scale(x, *, factor):\n    return x * factor\n"
WRONG = "def scale(x, *, factor):\n    return x * 1e6\n"  # right answers end `CHECK`'s loops at once
WIDE = "def scale(x, *, factor):\n    return x.expand(25, -1).reshape(-1) if len(x) > 1 else x\n"


def exercise_that(body: str, root: Path) -> Exercise:
    """One whose second check does `body` with `scaled`, of 4000 numbers."""
    exercise = double_exercise(root)
    exercise.checks_file.write_text(textwrap.dedent(CHECK).replace("@BODY@", body), encoding="utf-8")
    return exercise


def spin() -> None:
    while True:
        pass


def test_a_check_that_computes_for_ever_ends_and_the_next_one_sooner() -> None:
    patience = Patience(0.3)
    for _ in range(2):
        with pytest.raises(TooSlow, match="too long to look at"), patience.for_a_check():
            spin()


def test_many_checks_that_each_stay_within_their_limit_make_the_next_ones_shorter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience_module, "CHECKS_SECONDS", 0.1)
    monkeypatch.setattr(patience_module, "SHORTENED", 0.1 / 60)
    patience = Patience(30.0)
    with patience.for_a_check():
        sum(range(20_000_000))
    with pytest.raises(TooSlow, match=r"more than 0\.1 s"), patience.for_a_check():
        spin()


def test_nothing_is_left_of_it_afterwards() -> None:
    with Patience(0.2).for_a_check():
        pass
    sum(range(20_000_000))  # more than the limit


def test_memory_has_an_end() -> None:
    code = (
        "import resource, grader.exam.patience as p; p.MEMORY = 64 << 20; p.limit_this_process();"
        "print(resource.getrlimit(resource.RLIMIT_DATA)[0] > 0);"
        'exec(\'try:\\n    bytearray(1 << 30)\\n    print("took")\\nexcept MemoryError:\\n    print("refused")\');'
        "exec('with p.for_our_own():\\n    bytearray(1 << 30)\\n    print(\"ours\")')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "refused", "ours"]
    assert resource.getrlimit(resource.RLIMIT_DATA)[0] == resource.RLIM_INFINITY


@pytest.mark.parametrize("where", ["in a check", "afterwards"])
def test_where_no_signal_is_heard_the_kernel_ends_an_examiner(where: str) -> None:
    check = "with p.Patience(0.2).for_a_check():\n    " + ("sum(range(10**10))" if where == "in a check" else "pass")
    code = (
        f"import grader.exam.patience as p\np.GRACE_SECONDS = 1\np.limit_this_process()\n{check}\nsum(range(10**8))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert used_up(done.returncode) == (where == "in a check")
    assert done.returncode == (-signal.SIGXCPU if where == "in a check" else 0)


# ------------------------------------------------------------------------ what becomes of the check


def test_values_that_take_too_long_to_compare_fail_the_check(
    tmp_path: Path, supply: Supply, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience_module, "CHECK_SECONDS", 0.5)
    exercise = exercise_that("while scaled.sum() > 8000: pass", tmp_path)
    verdict = examine(exercise, Submitted(WRONG, "double.py"), supply, diagnosis=False)
    assert [check.outcome for check in verdict.checks] == ["passed", "failed", "passed"]
    assert verdict.checks[1].message.en == "What came back takes too long to look at: more than 0.5 s in this check."
    assert "费时" in verdict.checks[1].message.zh


def test_words_that_take_too_long_to_find_cost_no_verdict(
    tmp_path: Path, supply: Supply, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error's text is made of the values when it is asked for."""
    monkeypatch.setattr(patience_module, "CHECK_SECONDS", 1.0)
    exercise = exercise_that("if scaled.sum() > 8000: {}[(scaled,) * 20_000]", tmp_path)
    verdict = examine(exercise, Submitted(WRONG, "double.py"), supply, diagnosis=False)
    assert [check.outcome for check in verdict.checks] == ["passed", "failed", "passed"]
    assert "takes too long to look at" in verdict.checks[1].message.en


def test_a_length_of_words_has_an_end(tmp_path: Path, supply: Supply) -> None:
    exercise = exercise_that('require(scaled.sum() < 9000, Text("x" * 10**7, "x" * 10**7))', tmp_path)
    verdict = examine(exercise, Submitted(WRONG, "double.py"), supply, diagnosis=False)
    assert verdict.checks[1].outcome == "failed"
    assert len(verdict.checks[1].message.en) == 4_000


class Hosted:
    """A host of one client, whose examiners have limits of a test's own."""

    def __init__(self, limits: str) -> None:
        self.sock, theirs = socket.socketpair()
        code = f"import grader.exam.patience as p\n{limits}\nfrom grader.daemon.host import main\nmain()"
        words = [sys.executable, "-P", "-c", code, "--connection", str(theirs.fileno())]
        with theirs:
            self.process = subprocess.Popen(words, pass_fds=[theirs.fileno()], cwd="/")

    def grade(self, exercise: Exercise, root: Path, source: str) -> tuple[Verdict | None, list[str]]:
        """The verdict, and the events before it."""
        request = {
            "op": "run", "version": code_version(), "exercise": exercise.id, "roots": [str(root)],
            "source": source, "filename": "double.py", "diagnosis": False,
        }  # fmt: skip
        send_line(self.sock, request)
        reader, seen = LineReader(self.sock), []
        while (event := reader.read()) is not None:
            if event["event"] == "verdict":
                return unpack(event["verdict"]), seen
            seen.append(json.dumps(event))
            if event["event"] == "error":
                break
        return None, seen


@pytest.fixture
def hosted() -> Iterator[type[Hosted]]:
    made: list[Hosted] = []

    class Kept(Hosted):
        def __init__(self, limits: str) -> None:
            super().__init__(limits)
            made.append(self)

    yield Kept
    for one in made:
        one.sock.close()
        one.process.wait(timeout=30)


def test_an_examiner_that_is_ended_leaves_a_verdict(tmp_path: Path, hosted: type[Hosted]) -> None:
    """What was earned before stands; and it is no fault of the grader's, which would cost nobody marks."""
    exercise = exercise_that("sum(range(10**10)) if scaled.sum() > 8000 else 0", tmp_path)
    verdict, seen = hosted("p.CHECK_SECONDS, p.GRACE_SECONDS = 1.0, 1").grade(exercise, tmp_path, WRONG)
    assert verdict is not None, seen
    assert [check.outcome for check in verdict.checks] == ["passed", "failed", "not_run"]
    assert "takes too long to look at" in verdict.checks[1].message.en
    assert (verdict.outcome, verdict.points) == ("failed", 1)


def test_values_that_take_too_much_memory_to_compare_fail_the_check(tmp_path: Path, hosted: type[Hosted]) -> None:
    """100,000 numbers on the wire, 80 GB here."""
    exercise = exercise_that("scaled.double()[:, None] * scaled", tmp_path)
    host = hosted("p.MEMORY = 1 << 30")
    verdict, seen = host.grade(exercise, tmp_path, WIDE)
    assert verdict is not None, seen
    assert [check.outcome for check in verdict.checks] == ["passed", "failed", "passed"]
    assert verdict.checks[1].message.en == "What came back takes too much memory to look at."
    assert "占内存" in verdict.checks[1].message.zh


def test_what_is_no_fault_of_the_submissions_is_told_as_ours(tmp_path: Path) -> None:
    """A host that ends an examiner that waited for too long for something else than a worker."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        client = Client(ours, exercise=double_exercise(tmp_path), record=Record(), overdue=True)
        event = after_death(client, -signal.SIGKILL)
    assert event["event"] == "error"
    assert "no verdict within 20 minutes" in event["message"][0]


def test_a_host_ends_an_examiner_that_is_overdue(tmp_path: Path, hosted: type[Hosted]) -> None:
    exercise = exercise_that("while scaled.sum() > 8000: pass", tmp_path)
    host = hosted("import grader.daemon.clients as c; c.EXAMINER_SECONDS = 3.0")
    verdict, seen = host.grade(exercise, tmp_path, WRONG)
    assert verdict is None
    assert "no verdict within 0.05 minutes" in seen[-1]


def test_a_record_keeps_what_it_has_room_for(tmp_path: Path) -> None:
    exercise, record = double_exercise(tmp_path), Record()
    said = CheckResult("test_runs", exercise.title, "passed", 1, 1, output="x" * (17 << 20))
    record.keep({"event": "isolation", "level": "strict", "layers": ["seccomp"]})
    record.keep({"event": "check", "result": pack(said)})
    record.keep({"event": "check", "result": pack(replace(said, output="short"))})
    verdict = record.verdict(exercise, "double.py", 1.0)
    assert verdict is not None
    assert [check.output for check in verdict.checks] == ["short", "", ""]
    assert (verdict.isolation, verdict.layers) == ("strict", ("seccomp",))
    assert Record().verdict(exercise, "double.py", 1.0) is None


# ------------------------------------------------------------------------ what comes in


def test_what_a_value_shows_counts_and_not_what_it_weighs(
    tmp_path: Path, supply: Supply, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two tensors of one number are a few bytes on the wire, however far it is spread."""
    back = "one[:1].expand(1 << 20), one[1:]"
    spread = f"import torch\ndef scale(x, *, factor):\n    one = torch.ones(2)\n    return {back}\n"
    exercise = double_exercise(tmp_path)
    monkeypatch.setattr(link_module, "CHECK_BYTES", 1 << 20)
    verdict = examine(exercise, Submitted(spread, "double.py"), supply, only=["test_runs"], diagnosis=False)
    assert "gives back too much" in verdict.checks[0].message.en


def test_a_reply_that_was_looked_at_and_breaks_the_words_is_the_submissions(
    tmp_path: Path, supply: Supply, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "checked", lambda _request, _reply: {"problems": [{"kind": "signature"}]})
    link = Link(supply, double_exercise(tmp_path), Submitted(RIGHT, "double.py"))
    with pytest.raises(LoadFailure, match="broke the connection"):
        link.start()
    link.close()
