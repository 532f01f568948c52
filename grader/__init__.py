"""The grader of the practice kit.

    from grader import grade
    verdict = grade("self_attention", "attempts/self_attention.py")
    verdict.passed, verdict.points, [check.message.en for check in verdict.checks]

Importing it costs little: grading runs in processes of its own.
"""

from grader.daemon.client import grade
from grader.verdict import CheckResult, Diagnosis, Verdict

__all__ = ["CheckResult", "Diagnosis", "Verdict", "grade"]
