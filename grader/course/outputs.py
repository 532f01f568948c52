"""Marks, messages and hints of results, put into the cells of a notebook.

nbgrader reads a mark off a test cell's outputs: the first result is the points, and a cell without any has full marks.
So every test cell gets a result of its own, whatever happened. Words go into a stream of text: nothing of a
submission is ever shown as HTML. An answer is Markdown, which formgrader shows to an instructor who may change every
mark of the course: HTML and links are taken out of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from nbformat import NotebookNode, v4

from grader.course.notebooks import cell_id, grade_id
from grader.course.result import Result
from grader.errors import Text
from grader.verdict import CheckResult, Verdict, unpack

PROPOSAL = "practice-proposal"  # in a cell's metadata: ours, written anew each time
_HARMFUL = (
    (re.compile(r"<(?=[A-Za-z/!?])"), "&lt;"),
    (re.compile(r"\](?=[(:])"), "]\\\\"),  # [words](address), [name]: address
    (re.compile(r"\\(href|url|class|cssId|style|require|html\w*)(?![A-Za-z])"), r"\1"),  # what MathJax makes HTML of
)
_MARKS = {"passed": "✓", "failed": "✗", "broken": "!", "not_run": "·"}
_NOT_RUN = Text("Not run: the exercise has changed since it was handed out.", "没有运行：练习在发放之后改动过。")


def annotate(notebook: NotebookNode, results: Mapping[str, Result]) -> None:
    """Write each check's marks and words into its cell; `results` go by part. Parts of other notebooks do no harm."""
    notebook.cells = [cell for cell in notebook.cells if PROPOSAL not in cell.metadata]
    here = {id: results[id] for cell in notebook.cells if (id := grade_id(cell)) in results}
    verdicts = {part: unpack(each.verdict) for part, each in here.items() if each.kind == "exercise" and each.verdict}
    checks = {check.id: check for verdict in verdicts.values() for check in verdict.checks}
    reason = next((_reason(each) for each in here.values() if each.kind == "exercise" and not each.verdict), None)
    cells: list[NotebookNode] = []
    for cell in notebook.cells:
        cells.append(cell)
        known = cell.metadata.get("nbgrader", {})
        id = grade_id(cell)
        if cell.cell_type == "code":
            cell.outputs = []
        elif known.get("solution"):
            cell.source = harmless(cell.source)
        if id in here and here[id].kind == "question":
            cells.append(_proposal_cell(here[id]))
        elif id in here and cell.cell_type == "code":
            cell.outputs = [_stream(_summary(here[id], verdicts.get(id)))]
        elif known.get("grade") and not known.get("solution") and cell.cell_type == "code":
            cell.outputs = _marked(checks.get(id), float(known["points"]), reason or _NOT_RUN)
    notebook.cells = cells


def proposal(result: Result) -> str:
    """The score of an answer and its reasons, in plain text."""
    grade = result.verdict or {}
    lines = [f"! {_both(note.text)}" for note in result.notes]
    if not grade:
        lines.append(_both(_reason(result)))
    signs = {"covered": "✓", "partial": "~", "missing": "·", "contradicted": "✗"}
    for point in grade.get("points", ()):
        text = point["text"] if point["status"] in ("covered", "contradicted") else point["hint"]
        lines.append(f"{signs[point['status']]} {_both(_text(text))}")
    for wrong in grade.get("wrong", ()):
        lines.append(f"✗ “{' '.join(wrong['quote'].split())}”: {_both(_text(wrong['why']))}")
    # a list, as Markdown and as text
    said = "\n".join("- " + line.replace("\n", "\n  ") for line in lines)
    return harmless(f"Proposed 建议分: {result.points:g} / {result.max_points:g}\n\n{said}")


def harmless(markdown: str) -> str:
    """A student's Markdown without HTML, links and images: nbgrader's pages would give them to a browser as they are.
    Formulas stay.
    """
    for wrong, right in _HARMFUL:
        markdown = wrong.sub(right, markdown)
    return markdown


def _marked(check: CheckResult | None, worth: float, otherwise: Text) -> list[NotebookNode]:
    """The outputs of a test cell. `worth`: its points in the gradebook, which may be of an earlier version."""
    if check is None:
        return [_score(0.0), _stream(_both(otherwise))]
    earned = worth * check.points / check.max_points if check.outcome == "passed" else 0.0
    parts = [f"{_MARKS[check.outcome]} {earned:g} / {worth:g}  {_both(check.title)}"]
    if check.outcome != "passed":
        for text in (check.message, check.counterexample, check.hint):
            parts += [each for each in dict.fromkeys((text.en, text.zh)) if each]
        parts += [check.snippet] if check.snippet else []
    return [_score(min(worth, earned)), _stream("\n\n".join(parts))]


def _summary(result: Result, verdict: Verdict | None) -> str:
    lines = [f"{result.points:g} / {result.max_points:g}"]
    if verdict is None:
        lines.append(_both(_reason(result)))
    for diagnosis in verdict.diagnosis if verdict else ():
        lines += [each for text in (diagnosis.what, diagnosis.hint) for each in (text.en, text.zh) if each]
    lines += [f"! {_both(note.text)}" for note in result.notes]
    return "\n".join(lines)


def _reason(result: Result) -> Text:
    """Why there is no verdict."""
    if result.fault is not None:
        return Text(f"The grader is at fault: {result.fault.en}", f"评分程序出错：{result.fault.zh}")
    if result.outcome == "missing":
        return Text("Nothing was handed in.", "没有提交。")
    said = [note.text for note in result.notes if note.kind in ("unreadable", "link")]
    return said[0] if said else Text("It could not be graded.", "无法评分。")


def _proposal_cell(result: Result) -> NotebookNode:
    """What is said of an answer, below it: a cell of text has no outputs."""
    cell: NotebookNode = v4.new_code_cell("", metadata={PROPOSAL: result.part}, id=cell_id(PROPOSAL, result.part))
    cell.outputs = [_stream(proposal(result))]
    return cell


# v4.new_output would hold each against the schema, at a quarter of a millisecond: dozens for each student.


def _score(points: float) -> NotebookNode:
    data = NotebookNode({"text/plain": repr(float(points))})
    return NotebookNode(output_type="execute_result", data=data, metadata=NotebookNode(), execution_count=None)


def _stream(text: str) -> NotebookNode:
    return NotebookNode(output_type="stream", name="stdout", text=f"{text}\n")


def _both(text: Text) -> str:
    return text.en if text.en == text.zh else f"{text.en}\n{text.zh}"


def _text(packed: Any) -> Text:
    return Text(packed["en"], packed["zh"])
