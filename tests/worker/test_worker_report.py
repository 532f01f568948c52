"""A candidate's exception as plain text: what is told, and that of the exception's own code its text alone is run."""

from __future__ import annotations

import json
from typing import Any

import pytest

from grader.worker.report import BannedOperation, describe_exception

FILE = "attempt.py"


def report_of(source: str) -> dict[str, Any]:
    """What is told of the exception that the source raises."""
    try:
        exec(compile(source, FILE, "exec"), {"BannedOperation": BannedOperation})
    except BaseException as error:  # noqa: BLE001 - any exception is what this is about
        report = describe_exception(error, FILE, source.splitlines())
        json.dumps(report)  # plain values only
        return report
    pytest.fail("it raised nothing")


def test_an_error_is_told_with_its_kind_its_words_and_its_line() -> None:
    report = report_of("def inner(x):\n    return 1 / x\n\ninner(0)\n")
    assert report["type"] == "ZeroDivisionError"
    assert report["kinds"][:2] == ["ZeroDivisionError", "ArithmeticError"]
    assert report["message"] == "division by zero"
    assert report["frames"] == [(4, "<module>", "inner(0)"), (2, "inner", "return 1 / x")]


def test_a_syntax_error_is_told_where_it_stands() -> None:
    report = report_of("x = 1\ny = (\n")
    assert report["frames"] == [(2, "", "y = (")]


def test_a_class_of_its_own_is_told_by_name_and_by_the_plain_errors_that_it_is() -> None:
    report = report_of("class Odd(KeyError, ValueError):\n    pass\nraise Odd('k')\n")
    assert report["type"] == "Odd"
    assert report["kinds"] == ["KeyError", "LookupError", "ValueError", "Exception", "BaseException"]


def test_a_class_that_only_has_the_name_of_a_plain_error_is_none() -> None:
    assert report_of("raise type('ValueError', (BaseException,), {})('x')\n")["kinds"] == ["BaseException"]


def test_a_missing_package_is_named_and_an_invented_one_is_not() -> None:
    assert report_of("import no_such_package.inside\n")["missing_module"] == "no_such_package"
    assert report_of("raise ModuleNotFoundError(name=5)\n")["missing_module"] == ""
    assert report_of("raise ImportError('x', name='y')\n")["missing_module"] == ""


@pytest.mark.parametrize(
    "source",
    [
        "raise BannedOperation('torch.sum')",
        "try:\n    raise BannedOperation('torch.sum')\nexcept Exception as e:\n    raise RuntimeError('x') from e",
        "try:\n    raise BannedOperation('torch.sum')\nexcept Exception:\n    raise RuntimeError('x')",
        "raise RuntimeError('in TorchScript: BannedOperation: torch.sum is not allowed in this exercise')",
    ],
)
def test_a_ban_is_found_behind_what_wrapped_it(source: str) -> None:
    assert report_of(source)["banned"] == "torch.sum"


def test_long_words_and_deep_stacks_are_cut() -> None:
    assert len(report_of("raise ValueError('x' * 1_000_000)")["message"]) == 2000
    deep = report_of("def down(n):\n    return down(n - 1) if n else 1 / 0\ndown(50)\n")
    assert len(deep["frames"]) == 5
    assert deep["frames"][-1][0] == 2


EVIL = """
class Meta(type):
    @property
    def __name__(cls):
        raise SystemExit("ran")
    __module__ = __dict__ = __name__
    def mro(cls):
        return [cls, ValueError, Exception, BaseException, object]
    def __instancecheck__(cls, other):
        raise SystemExit("ran")
    def __eq__(cls, other):
        raise SystemExit("ran")
    __hash__ = type.__hash__
class Evil(ValueError, metaclass=Meta):
    @property
    def __traceback__(self):
        raise SystemExit("ran")
    __cause__ = __context__ = args = filename = lineno = name = __traceback__
    def __getattribute__(self, name):
        raise SystemExit("ran")
    def __str__(self):
        %s
    __repr__ = __str__
raise Evil
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("return 'words'", "words"),
        ("raise SystemExit", ""),
        ("raise KeyboardInterrupt", ""),
        ("return 5", ""),
        ("return type('Text', (str,), {'__getitem__': lambda *a: 1 / 0})('x')", ""),
        ("return ''.join(['a'] * 10_000)", "a" * 2000),
    ],
)
def test_no_other_code_of_an_exception_is_run(text: str, said: str) -> None:
    report = report_of(EVIL % text)
    assert report["type"] == "Evil"
    assert report["kinds"] == ["ValueError", "Exception", "BaseException"]
    assert report["message"] == said


def test_a_chain_without_end_is_followed_for_a_while() -> None:
    source = "one, two = ValueError(1), ValueError(2)\none.__cause__, two.__cause__ = two, one\nraise one\n"
    assert report_of(source)["type"] == "ValueError"
