"""Exercises read from their two folders. Light: neither torch nor pytest, and PyYAML only once a file is read.

Names are imported when first used: a client of a warm daemon looks an id up and needs nothing of the schema, which
would double the time that it takes to start.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grader.content.catalogue import Catalogue, builtin_root
    from grader.content.exercise import RETURNS, TOPICS, Entry, Exercise, Limits, Method, Returns, Topic
    from grader.content.folders import version
    from grader.content.order import learning_order
    from grader.content.proofreading import lint
    from grader.content.scaffolding import scaffold
    from grader.content.schema import load_exercise
    from grader.content.statements import Statement, statement
else:
    _MODULES = {
        "catalogue": ("Catalogue", "builtin_root"),
        "exercise": ("RETURNS", "TOPICS", "Entry", "Exercise", "Limits", "Method", "Returns", "Topic"),
        "folders": ("version",),
        "order": ("learning_order",),
        "proofreading": ("lint",),
        "scaffolding": ("scaffold",),
        "schema": ("load_exercise",),
        "statements": ("Statement", "statement"),
    }

    def __getattr__(name: str) -> object:
        from importlib import import_module

        for module, names in _MODULES.items():
            if name in names:
                found = getattr(import_module(f"{__name__}.{module}"), name)
                globals()[name] = found
                return found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "RETURNS",
    "TOPICS",
    "Catalogue",
    "Entry",
    "Exercise",
    "Limits",
    "Method",
    "Returns",
    "Statement",
    "Topic",
    "builtin_root",
    "learning_order",
    "lint",
    "load_exercise",
    "scaffold",
    "statement",
    "version",
]
