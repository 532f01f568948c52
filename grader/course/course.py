"""A course: one folder in nbgrader's own layout, and `course.yaml` with what each assignment consists of.

    DIR/course.yaml             assignments: NAME -> exercises, questions
    DIR/nbgrader_config.py      written by `practice course init`
    DIR/source/NAME/            made by `practice course release`
    DIR/release/NAME/           made by nbgrader
    DIR/submitted/STUDENT/NAME/ collected by nbgrader, or laid there by hand: ID.ipynb or ID.py
    DIR/autograded, DIR/feedback, DIR/gradebook.db     nbgrader's
    DIR/results.db              ours: see `results`
"""

from __future__ import annotations

from dataclasses import dataclass

FILE = "course.yaml"
CONFIG = "nbgrader_config.py"
# The notebook that holds an assignment's questions; an exercise's notebook is called by its id.
QUESTIONS = "questions"


@dataclass(frozen=True, slots=True)
class Assignment:
    """What is handed out under one name, in the order of the hand-out."""

    name: str
    exercises: tuple[str, ...]
    questions: tuple[str, ...] = ()
