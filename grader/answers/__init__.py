"""Grading of free text against a rubric, without a model: points covered, words that show it, what is wrong.

`grade(question, rubric, concepts, answer)` is the whole interface; it reads no file and keeps nothing. Light: no torch.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grader.answers.grading import grade
    from grader.answers.result import Grade, PointGrade, Wrong
else:

    def __getattr__(name: str) -> object:
        from importlib import import_module

        module = {"grade": "grading", "Grade": "result", "PointGrade": "result", "Wrong": "result"}.get(name)
        if module is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(import_module(f"{__name__}.{module}"), name)
        globals()[name] = found
        return found


__all__ = ["Grade", "PointGrade", "Wrong", "grade"]
