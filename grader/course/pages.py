"""nbgrader's pages show names as text.

formgrader writes a student's id and names into its pages as they are: one who is called `<img onerror=...>` in the list
that an instructor imports, or in the folders of a learning platform, would run a script that may change every mark.
What is behind the pages can be configured in one half only; for the other, its templates are made to escape.
"""

from __future__ import annotations

import sys
from functools import partial
from html import escape
from typing import Any

from jinja2 import Environment
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode
from traitlets import Bool

_FORMGRADER = "nbgrader.server_extensions.formgrader.formgrader"
_NAMES = ("student", "first_name", "last_name", "notebook_path")


class EscapeNames(Preprocessor):
    """For the page of one submission, which is made of the notebook and of these words beside it."""

    enabled = Bool(True).tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        for name in _NAMES:
            if isinstance(resources.get(name), str):
                resources[name] = escape(resources[name])
        return nb, resources


def escape_templates() -> None:
    """For all other pages: in a server that has formgrader, which reads this course's configuration before it makes
    the environment of its templates.
    """
    formgrader = sys.modules.get(_FORMGRADER)
    if formgrader is not None:
        formgrader.Environment = partial(Environment, autoescape=True)  # type: ignore[attr-defined]  # as above
