"""Marks, messages and hints of results, put into the cells of a notebook."""

from __future__ import annotations

from collections.abc import Mapping

from nbformat import NotebookNode

from grader.course.result import Result


def annotate(notebook: NotebookNode, results: Mapping[str, Result]) -> None:
    """Write each check's marks and words into its cell; `results` go by part."""
    raise NotImplementedError
