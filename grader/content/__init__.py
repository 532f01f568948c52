"""Exercises read from their two folders. Light: neither torch nor pytest, and PyYAML only once a file is read."""

from grader.content.catalogue import Catalogue, builtin_root
from grader.content.exercise import RETURNS, TOPICS, Entry, Exercise, Limits, Method, Returns, Topic
from grader.content.folders import version
from grader.content.order import learning_order
from grader.content.scaffold import scaffold
from grader.content.schema import load_exercise
from grader.content.statements import Statement, lint, statement

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
