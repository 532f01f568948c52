"""Verdicts to keep."""

from __future__ import annotations

from grader.errors import Text
from grader.verdict import CheckResult, Diagnosis, Verdict


def verdict(exercise: str = "scale", *, passed: bool = False, message: str = "They differ.") -> Verdict:
    check = CheckResult(
        id="test_values",
        title=Text("Values", "数值"),
        outcome="passed" if passed else "failed",
        points=2 if passed else 0,
        max_points=2,
        message=Text("", "") if passed else Text(message, "不一样。"),
    )
    told = () if passed else (Diagnosis(("divided",), Text("x is divided", "除了"), Text("Multiply.", "请相乘。")),)
    return Verdict(exercise, f"attempts/{exercise}.py", (check,), told, "strict", ("landlock",), "abc", 0.1)
