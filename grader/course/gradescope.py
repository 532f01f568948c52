"""The autograder of one assignment for Gradescope: a zip to upload.

    setup.sh            runs once, when the image is built: the only step that needs a network
    run_autograder      runs for each submission
    assignment.json     the parts, and how strictly a submission must be confined
    practice_llm-*.whl  the kit, with the exercises, solutions and questions of this assignment and no others

`grader.cli.gradescope` is what runs there. https://gradescope-autograders.readthedocs.io/en/latest/specs/
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from grader.content.bank import QUESTIONS, RUBRICS
from grader.content.folders import content_files
from grader.content.place import read_bytes
from grader.content.questions import CONCEPTS
from grader.course.course import Assignment, Course
from grader.course.gradescope_wheel import Project, packed, project, wheel

SETTINGS = "assignment.json"
_TEMPLATES = Path(__file__).parent / "templates"


def autograder(course: Course, assignment: Assignment, *, require_strict: bool = True) -> bytes:
    """The zip. ContentError where an exercise or question is wrong, GraderFault where the kit is not installed."""
    of = project()
    name, data = wheel(of, dict(_content(course, assignment)))
    settings = {
        "assignment": assignment.name,
        "exercises": assignment.exercises,
        "questions": assignment.questions,
        "require_strict": require_strict,
    }
    files = {
        "setup.sh": _setup(of).encode(),
        "run_autograder": (_TEMPLATES / "run_autograder").read_bytes(),
        SETTINGS: json.dumps(settings, indent=2).encode(),
        name: data,
    }
    return packed(files, executable=("setup.sh", "run_autograder"))


def _setup(of: Project) -> str:
    least = of.requires_python.removeprefix(">=").replace(".", ", ")
    return (_TEMPLATES / "setup.sh").read_text(encoding="utf-8").replace("@TORCH@", of.torch).replace("@PYTHON@", least)


def _content(course: Course, assignment: Assignment) -> Iterator[tuple[str, bytes]]:
    """A content root with this assignment in it, as paths and bytes."""
    for half in ("exercises", "solutions"):
        yield f"{half}/.keep", b""  # both folders make a content root, and one may be empty
    for id in assignment.exercises:
        exercise = course.catalogue.get(id)
        for folder, half in ((exercise.public, "exercises"), (exercise.private, "solutions")):
            for path in content_files(folder):
                data = read_bytes(path)
                if path == exercise.yaml_file and set(exercise.after) - set(assignment.exercises):
                    data = _without(data, "after", assignment.exercises)
                yield f"{half}/{id}/{path.relative_to(folder).as_posix()}", data
    if assignment.questions:
        yield from _questions(course, assignment)


def _questions(course: Course, assignment: Assignment) -> Iterator[tuple[str, bytes]]:
    questions: dict[str, Any] = {}
    concepts: dict[str, Any] = {}
    for root in course.roots:
        file = root / QUESTIONS
        found = yaml.safe_load(read_bytes(file)) if file.is_file() else {}
        for id in assignment.questions:
            if id in found:
                # follow-ups name questions that are not here
                questions[id] = {key: value for key, value in found[id].items() if key != "follow_ups"}
                rubric = root / RUBRICS / f"{id}.yaml"
                if rubric.is_file():
                    yield (RUBRICS / rubric.name).as_posix(), read_bytes(rubric)
        if (root / RUBRICS / CONCEPTS).is_file():
            concepts |= yaml.safe_load(read_bytes(root / RUBRICS / CONCEPTS)) or {}
    yield QUESTIONS, _dumped(questions)
    yield (RUBRICS / CONCEPTS).as_posix(), _dumped(concepts)


def _without(data: bytes, key: str, known: tuple[str, ...]) -> bytes:
    """An exercise.yaml whose list under `key` names only what is known here."""
    found = yaml.safe_load(data)
    found[key] = [name for name in found[key] if name in known]
    return _dumped(found)


def _dumped(value: object) -> bytes:
    return yaml.safe_dump(value, allow_unicode=True, sort_keys=False, width=1000).encode()
