"""One submission -> a verdict: outcomes, words, the counterexample, diagnosis, and that it is always the same."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from exam_ground import double_exercise

from grader import grade
from grader.content import Exercise, builtin_root, load_exercise
from grader.errors import ContentError, UsageError
from grader.exam.diagnosis import Observer, Table, matching
from grader.exam.examine import examine
from grader.exam.link import Submitted
from grader.exam.local import LocalCandidate
from grader.exam.supply import Supply
from grader.exam.warmth import rehearse
from grader.verdict import Verdict, pack, unpack

RIGHT = "def scale(x, *, factor):\n    return x * factor\n"


@pytest.fixture(scope="module")
def double(tmp_path_factory: pytest.TempPathFactory) -> Exercise:
    return double_exercise(tmp_path_factory.mktemp("double"))


@pytest.fixture(scope="module")
def attention() -> Exercise:
    root = builtin_root()
    return load_exercise(root / "exercises/self_attention", root / "solutions/self_attention")


def verdict_on(exercise: Exercise, supply: Supply, source: str) -> Verdict:
    return examine(exercise, Submitted(source, "attempts/double.py"), supply)


def without_times(verdict: Verdict) -> Verdict:
    checks = tuple(dataclasses.replace(check, seconds=0.0) for check in verdict.checks)
    return dataclasses.replace(verdict, checks=checks, seconds=0.0)


def test_a_right_answer_earns_all_points(double: Exercise, supply: Supply) -> None:
    verdict = verdict_on(double, supply, RIGHT)
    assert verdict.passed
    assert verdict.points == verdict.max_points == 4
    assert [check.id for check in verdict.checks] == list(double.checks)
    assert verdict.isolation in ("strict", "partial", "none")
    assert not any(check.message.en or check.hint.en or check.snippet for check in verdict.checks)


def test_two_verdicts_are_equal_apart_from_times(double: Exercise, supply: Supply) -> None:
    wrong = "def scale(x, *, factor):\n    return x + factor\n"
    first, second = (without_times(verdict_on(double, supply, wrong)) for _ in range(2))
    assert first == second
    assert first.outcome == "failed"


def test_a_verdict_survives_packing(double: Exercise, supply: Supply) -> None:
    verdict = verdict_on(double, supply, "def scale(x, *, factor):\n    return x + factor\n")
    assert unpack(pack(verdict)) == verdict


def test_the_counterexample_is_small_and_its_snippet_runs_without_the_kit(
    double: Exercise, supply: Supply, tmp_path: Path
) -> None:
    wrong = "def scale(x, *, factor):\n    return x + factor if x.numel() > 1 else x * factor\n"
    verdict = verdict_on(double, supply, wrong)
    failed = next(check for check in verdict.checks if check.id == "test_values")
    assert failed.outcome == "failed"
    assert "shape (1, 2)" in failed.counterexample.en or "shape (2, 1)" in failed.counterexample.en
    assert "expected" in failed.counterexample.en
    assert "应为" in failed.counterexample.zh
    (tmp_path / "double.py").write_text(wrong)
    (tmp_path / "paste.py").write_text(failed.snippet)
    assert "grader" not in failed.snippet
    done = subprocess.run([sys.executable, "paste.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "tensor(" in done.stdout


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("def scale(x, *, factor):\n    return None\n", "return` missing"),
        ("def scale(x, *, factor):\n    return 3\n", "must return a tensor"),
        ("def scale(x, *, factor:\n    return x\n", "line 1"),
        ("x = 1\n", "defines no `scale`"),
        ("def scales(x, *, factor):\n    return x\n", "`scales`: is the name misspelled?"),
        ("def scale(x):\n    return x\n", "takes other arguments"),
        ("scale = 4\n", "must be a function"),
        ("import no_such_package\n", "no_such_package"),
        ("raise SystemExit(0)\n", "SystemExit"),
        ("import os\nos._exit(0)\n", "exit status 0"),
        ("import sys\nsys.modules.clear()\ndef scale(x, *, factor):\n    return x * factor + 1\n", ""),
    ],
)
def test_what_is_wrong_is_said_in_two_languages(double: Exercise, supply: Supply, source: str, told: str) -> None:
    verdict = verdict_on(double, supply, source)
    assert verdict.outcome == "failed"
    first = next(check for check in verdict.checks if check.outcome == "failed")
    assert told in first.message.en
    assert any("\u4e00" <= letter <= "\u9fff" for letter in first.message.zh)
    assert len(first.message.en.splitlines()) <= 2


def test_different_results_for_the_same_input_are_called_so(double: Exercise, supply: Supply) -> None:
    flaky = (
        "calls = 0\ndef scale(x, *, factor):\n    global calls\n    calls += 1\n    return x * factor + (calls == 9)\n"
    )
    verdict = verdict_on(double, supply, flaky)
    assert verdict.outcome == "failed"
    assert any("different results for the same input" in check.message.en for check in verdict.checks)


def test_a_hang_in_one_check_costs_that_check(double: Exercise, supply: Supply, tmp_path: Path) -> None:
    exercise = double_exercise(tmp_path)
    yaml = exercise.yaml_file
    yaml.write_text(yaml.read_text(encoding="utf-8") + "limits: {call_seconds: 2}\n", encoding="utf-8")
    exercise = load_exercise(exercise.public, exercise.private)
    hangs = "def scale(x, *, factor):\n    while factor == 0.5:\n        pass\n    return x * factor\n"
    outcomes = {check.id: check.outcome for check in verdict_on(exercise, supply, hangs).checks}
    assert outcomes == {"test_runs": "passed", "test_values": "failed", "test_keeps_its_input": "passed"}


# -------------------------------------------------------------------- diagnosis


def made(exercise: Exercise, supply: Supply, *names: str) -> Verdict:
    """The verdict on mistakes.py with these switches on."""
    source = exercise.mistakes_file.read_text(encoding="utf-8")
    return examine(exercise, Submitted(source, "mistakes.py", switches=names), supply)


@pytest.mark.parametrize("names", [("unscaled",), ("causal-ignored",), ("empty-nan", "unscaled")])
def test_a_mistake_and_a_pair_are_told_by_name(attention: Exercise, supply: Supply, names: tuple[str, ...]) -> None:
    verdict = made(attention, supply, *names)
    assert verdict.outcome == "failed"
    assert {name for one in verdict.diagnosis for name in one.mistakes} == set(names)
    assert all(one.hint.zh and one.what.en for one in verdict.diagnosis)


def test_an_error_that_is_not_catalogued_is_told_none(attention: Exercise, supply: Supply) -> None:
    source = attention.reference_file.read_text(encoding="utf-8") + (
        "\n_right = self_attention\ndef self_attention(*a, **k):\n    return _right(*a, **k) * 1.25 + 0.125\n"
    )
    verdict = examine(attention, Submitted(source, "odd.py"), supply)
    assert verdict.outcome == "failed"
    assert verdict.diagnosis == ()


def test_what_was_raised_in_an_earlier_check_is_not_made_small_again(double: Exercise, supply: Supply) -> None:
    """An unfinished function fails each check alike: the first example of each says all there is to say."""
    counts = "calls = 0\ndef scale(x, *, factor):\n    global calls\n    calls += 1\n    print(calls)\n"
    verdict = verdict_on(double, supply, f"{counts}    raise NotImplementedError\n")
    assert [check.outcome for check in verdict.checks] == ["failed"] * 3
    assert [int(check.output) for check in verdict.checks] == [1, 2, 3], "one call in each"
    assert all("scale" in check.counterexample.en and check.snippet for check in verdict.checks)


def test_what_is_raised_in_other_words_is_made_small(double: Exercise, supply: Supply) -> None:
    verdict = verdict_on(double, supply, "def scale(x, *, factor):\n    raise ValueError(f'{len(x)} and {factor}')\n")
    assert [check.outcome for check in verdict.checks] == ["failed"] * 3
    assert "ValueError: 1 and 2.0" in verdict.checks[1].message.en, "the one that draws its examples"


def test_what_a_rehearsal_has_seen_of_mistakes_is_not_looked_at_again(
    attention: Exercise, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unfinished function behaves like none of them: to find that once took longer than all of its checks."""
    public, private = tmp_path / "exercises/self_attention", tmp_path / "solutions/self_attention"
    shutil.copytree(attention.public, public)
    shutil.copytree(attention.private, private)
    exercise = load_exercise(public, private)  # of which this process has seen nothing
    rehearse(exercise)
    table = Table.of(exercise)
    assert table is not None
    made = []
    monkeypatch.setattr(table.mistakes.module, "self_attention", lambda *_, **__: made.append(1))
    unfinished = SimpleNamespace()  # has no such function, which is a way to raise on every call
    assert matching(Observer(table.behaviour, LocalCandidate(exercise, unfinished)), table) == ()
    assert made == []


# --------------------------------------------------------------- faults of ours


def edited(root: Path, old: str, new: str) -> Exercise:
    exercise = double_exercise(root)
    text = exercise.checks_file.read_text(encoding="utf-8")
    assert old in text
    exercise.checks_file.write_text(text.replace(old, new), encoding="utf-8")
    return exercise


def test_a_check_that_is_itself_wrong_is_broken_and_nobody_elses_fault(supply: Supply, tmp_path: Path) -> None:
    exercise = edited(tmp_path, "    assert_shape(scaled, (2, 3))", "    assert_shape(scaled.no_such_thing, (2, 3))")
    verdict = verdict_on(exercise, supply, RIGHT)
    assert verdict.outcome == "broken"
    assert verdict.checks[0].outcome == "broken"
    assert [check.outcome for check in verdict.checks[1:]] == ["passed", "passed"]


def test_a_declared_check_that_is_not_there_is_broken(supply: Supply, tmp_path: Path) -> None:
    exercise = edited(tmp_path, "def test_runs(", "def tests_nothing(")
    verdict = verdict_on(exercise, supply, RIGHT)
    assert verdict.checks[0].id == "test_runs"
    assert verdict.checks[0].outcome == "broken"
    assert verdict.outcome == "broken"


def test_a_check_that_skips_itself_has_not_passed(supply: Supply, tmp_path: Path) -> None:
    exercise = edited(tmp_path, "    assert_shape(scaled, (2, 3))", "    __import__('pytest').skip('later')")
    assert verdict_on(exercise, supply, RIGHT).checks[0].outcome == "broken"


def test_checks_that_do_not_load_are_named_with_file_and_line(supply: Supply, tmp_path: Path) -> None:
    exercise = edited(tmp_path, "def test_runs(candidate):", "def test_runs(candidate:")
    with pytest.raises(ContentError, match=r"checks\.py:\d+: SyntaxError"):
        verdict_on(exercise, supply, RIGHT)


def test_an_odd_return_that_breaks_the_check_is_the_candidates_failure(supply: Supply, tmp_path: Path) -> None:
    exercise = edited(tmp_path, "    assert_shape(scaled, (2, 3))", "    scaled + torch.ones(2, 3)")
    verdict = verdict_on(exercise, supply, "import torch\ndef scale(x, *, factor):\n    return torch.ones(7)\n")
    assert verdict.checks[0].outcome == "failed"
    assert "cannot be used" in verdict.checks[0].message.en


# ---------------------------------------------------------------- as a library


def test_grade_from_python(double: Exercise, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(RIGHT)
    verdict = grade("double", path, roots=[double.public.parent.parent], daemon=False)
    assert verdict.passed
    with pytest.raises(UsageError):
        grade("no_such_exercise", path, roots=[double.public.parent.parent], daemon=False)
    with pytest.raises(UsageError):
        grade("double", tmp_path / "nothing.py", daemon=False)


def test_the_checks_under_pytest_for_authors(double: Exercise, tmp_path: Path) -> None:
    def pytest_on(source: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "mine.py").write_text(source)
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(double.private)]
        return subprocess.run(
            [*command, "--submission", str(tmp_path / "mine.py")],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    right = pytest_on(RIGHT)
    assert right.returncode == 0, right.stdout + right.stderr
    assert "3 passed" in right.stdout
    wrong = pytest_on("def scale(x, *, factor):\n    return x + factor\n")
    assert wrong.returncode == 1
    assert "Every entry is multiplied" in wrong.stdout
    assert "Traceback" not in wrong.stdout
