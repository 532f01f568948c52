"""What Gradescope's students are told of a submission: results.json.

The keys are those of https://gradescope-autograders.readthedocs.io/en/latest/specs/. Whatever a submission can bring
into a message is plain text there, in every field.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from grader.course.course import Course
from grader.course.outputs import proposal
from grader.course.plain import plain
from grader.course.result import Result
from grader.errors import Text
from grader.verdict import CheckResult, unpack

_OURS = Text(
    "The grader is at fault here, not you. Tell your instructor, who can run it again.",
    "这是评分程序的问题，不是你的错。请告诉老师，可以重新运行。",
)
_MISSING = "Nothing was handed in for this: {names}.\n没有提交这一部分：{names}。"


def report(course: Course, results: Sequence[Result]) -> dict[str, Any]:
    """The object of results.json, but for its time."""
    tests = [test for number, result in enumerate(results, 1) for test in _tests(course, number, result)]
    said = [line for result in results for line in _about(course, result)]
    return {
        "score": round(sum(result.points for result in results), 4),
        "output": plain("\n\n".join(said)),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests,
        "extra_data": {
            "parts": {
                result.part: {
                    "outcome": result.outcome,
                    "content_version": result.content_version,
                    "isolation": (result.verdict or {}).get("isolation", ""),
                    "notes": [note.kind for note in result.notes],
                }
                for result in results
            }
        },
    }


def fault() -> dict[str, Any]:
    """The same where we are at fault before anything was graded."""
    return {"score": 0.0, "output": _both(_OURS), "output_format": "text"}


# ------------------------------------------------------------------------ tests


def _tests(course: Course, number: int, result: Result) -> Iterator[dict[str, Any]]:
    title = _title(course, result)
    if result.kind == "exercise" and result.verdict is not None and result.outcome in ("passed", "failed"):
        for place, check in enumerate(unpack(result.verdict).checks, 1):
            name = f"{title}: {_line(check.title)}"
            yield _test(f"{number}.{place}", name, check.points, check.max_points, _check(check), check.outcome)
        return
    status = result.outcome if result.outcome in ("passed", "failed") else "failed"
    yield _test(str(number), title, result.points, result.max_points, _whole(result), status)


def _test(number: str, name: str, score: float, most: float, output: str, outcome: str) -> dict[str, Any]:
    return {
        "number": number,
        "name": plain(name),
        "score": score,
        "max_score": most,
        "status": "passed" if outcome == "passed" else "failed",
        "output": plain(output),
        "output_format": "text",
        "visibility": "visible",
    }


def _check(check: CheckResult) -> str:
    if check.outcome == "passed":
        return ""
    texts = [_both(text) for text in (check.message, check.counterexample, check.hint) if text.en]
    return "\n\n".join([*texts, check.snippet] if check.snippet else texts)


def _whole(result: Result) -> str:
    """What is said of a part that has no checks: a question, or nothing that could be graded."""
    if result.outcome == "broken":
        return _both(_OURS)
    if result.outcome == "missing":
        names = f"{result.part}.ipynb, {result.part}.py"
        if result.kind == "question":
            names = f"questions.ipynb, {result.part}.md"
        return _MISSING.format(names=names)
    if result.kind == "question" and result.verdict is not None:
        return proposal(result)
    return "\n".join(_both(note.text) for note in result.notes)


def _about(course: Course, result: Result) -> Iterator[str]:
    """What is said of a part as a whole: its diagnosis, and what was odd about it."""
    title = _title(course, result)
    if result.kind == "exercise" and result.verdict is not None:
        for diagnosis in unpack(result.verdict).diagnosis:
            yield f"{title}: {_both(diagnosis.what)}\n{_both(diagnosis.hint)}"
    for note in result.notes:
        yield f"{title}: {_both(note.text)}"


def _title(course: Course, result: Result) -> str:
    if result.kind == "question":
        return result.part
    return _line(course.catalogue.get(result.part).title)


def _line(text: Text) -> str:
    return text.en if text.en == text.zh else f"{text.en} · {text.zh}"


def _both(text: Text) -> str:
    return "\n".join(dict.fromkeys((text.en, text.zh)))
