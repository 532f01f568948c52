"""The notebooks that are handed out: nbgrader's metadata of version 3, and nothing of solutions/.

    ID.ipynb          how it counts · statement in both languages · the stub · one locked cell a check
    questions.ipynb   how it counts · for each question its prompt, locked, and a cell for the answer

A check's cell says its name and its points. Its title and its hint stand in `checks.py`, and are shown after grading.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import Any

import nbformat
from nbformat import NotebookNode, v4

from grader.content import Exercise, statement
from grader.content.place import read_bytes
from grader.content.question import Question
from grader.course.course import QUESTION_POINTS
from grader.errors import LANGUAGES, Text

SCHEMA = 3
# Marks a notebook as ours: its stubs are no solutions to be cleared.
MARK = "practice"
ANSWER_HERE = Text("*Your answer, in English or Chinese.*", "*在这里作答，中文或英文均可。*")
PLACEHOLDER = f"{ANSWER_HERE.en} {ANSWER_HERE.zh}"

HOW_CODE_COUNTS = Text(
    "**How it counts.** Complete the cell with the unfinished code. The code of *all* code cells counts, in order, so "
    "imports and functions of your own may stand in further cells. In those, what only tries things out is left out: "
    "bare calls such as `print(...)`, and whatever uses the function or class that you are asked for. Lines for the "
    "notebook (`%matplotlib inline`, `!pip install ...`) are left out everywhere. Python, torch and numpy are there. "
    "The cells named `test_...` are marked after you hand in: what you do in them changes nothing.",
    "**如何计分。** 请补全未完成的那个代码单元。*所有*代码单元按顺序合起来评分，"
    "所以你自己的 import 和函数可以写在别的单元里。"
    "在这些单元里，只是试一试的内容会被略去：单独的调用（如 `print(...)`），以及任何用到题目所要求的函数或类的语句。"
    "给 notebook 看的行（`%matplotlib inline`、`!pip install ...`）在任何单元里都会略去。"
    "评分环境里有 Python、torch 和 numpy。"
    "名为 `test_...` 的单元在提交之后才评分：改动它们没有任何作用。",
)
HOW_ANSWERS_COUNT = Text(
    "**How it counts.** Answer below each question in your own words, in English or Chinese. A grade is proposed by "
    "program; your instructor confirms or changes it.",
    "**如何计分。** 请在每个问题下面用自己的话作答，中文或英文均可。程序会给出建议分，由老师确认或修改。",
)


def exercise_notebook(exercise: Exercise, points: Mapping[str, float]) -> NotebookNode:
    """The source notebook of an exercise; `points` go by check. ContentError for what cannot be read."""
    cells = [_locked(f"about-{exercise.id}", f"{HOW_CODE_COUNTS.en}\n\n{HOW_CODE_COUNTS.zh}")]
    for language in LANGUAGES:
        told = statement(exercise, language)
        cells.append(_locked(f"statement-{language}", f"{told.opening}\n\n{told.body}".strip()))
    stub = read_bytes(exercise.stub_file).decode("utf-8")
    cells.append(_cell("code", exercise.id, stub.rstrip("\n"), solution=True))
    cells += [_check(name, points[name]) for name in exercise.checks]
    return _notebook(cells, exercise.id)


def questions_notebook(questions: Iterable[Question]) -> NotebookNode:
    """The source notebook of an assignment's questions."""
    cells = [_locked("about_questions", f"{HOW_ANSWERS_COUNT.en}\n\n{HOW_ANSWERS_COUNT.zh}")]
    for question in questions:
        cells.append(_locked(f"prompt_{question.id}", f"{question.prompt.en}\n\n{question.prompt.zh}"))
        cells.append(
            _cell("markdown", question.id, PLACEHOLDER, grade=True, solution=True, points=float(QUESTION_POINTS))
        )
    return _notebook(cells, "questions")


def written(notebook: NotebookNode) -> str:
    """The notebook as a file's text."""
    text: str = nbformat.writes(notebook)
    return text if text.endswith("\n") else f"{text}\n"


def grade_id(cell: Mapping[str, Any]) -> str:
    """The id that nbgrader knows a cell by; '' where there is none. For cells that we or nbgrader wrote."""
    return str(cell.get("metadata", {}).get("nbgrader", {}).get("grade_id", ""))


def marked(notebook: NotebookNode) -> bool:
    """Whether `release` wrote it."""
    return MARK in notebook.metadata


def cell_id(*words: str) -> str:
    """An id for a cell of nbformat 4.5, the same for the same words."""
    return sha256("\0".join(words).encode("utf-8", "replace")).hexdigest()[:16]


def _check(name: str, points: float) -> NotebookNode:
    worth = f"{points:g} point" + ("" if points == 1 else "s")
    lines = (
        f"# {name}: {worth} · {points:g} 分",
        "# Marked after you hand in. There is nothing to run here, and nothing to write.",
        "# 提交之后评分。这里不需要运行，也不需要填写。",
    )
    return _cell("code", name, "\n".join(lines), grade=True, locked=True, points=points)


def _locked(id: str, text: str) -> NotebookNode:
    return _cell("markdown", id, text, locked=True)


def _cell(
    kind: str,
    id: str,
    source: str,
    *,
    grade: bool = False,
    solution: bool = False,
    locked: bool = False,
    points: float | None = None,
) -> NotebookNode:
    known: dict[str, Any] = {
        "schema_version": SCHEMA,
        "grade": grade,
        "solution": solution,
        "locked": locked,
        "task": False,
        "grade_id": id,
    }
    if points is not None:
        known["points"] = points
    make: Callable[..., NotebookNode] = v4.new_code_cell if kind == "code" else v4.new_markdown_cell
    return make(source, metadata={"nbgrader": known}, id=cell_id(id))


def _notebook(cells: list[NotebookNode], part: str) -> NotebookNode:
    notebook: NotebookNode = v4.new_notebook(
        cells=cells,
        metadata={
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"},
            MARK: {"part": part},
        },
    )
    return notebook


# ------------------------------------------------------------------------ plain files

ANSWER_LINE = "<!-- answer below · 在此行下方作答 -->"
_ANSWER_LINE = re.compile(r"^[ \t]*<!--[ \t]*answer below.*-->[ \t]*$", re.MULTILINE)


def question_file(question: Question) -> str:
    """ID.md: the prompt, and a line below which the answer goes."""
    parts = (question.prompt.en, question.prompt.zh, HOW_ANSWERS_COUNT.en, HOW_ANSWERS_COUNT.zh, ANSWER_LINE)
    return "".join(f"{part}\n\n" for part in parts)


def answer_of(text: str) -> str | None:
    """What stands below the line of a question's file; None where the line is gone."""
    found = _ANSWER_LINE.search(text)
    return text[found.end() :].strip() if found else None
