"""The worker's smaller parts: what is printed, what is loaded, what is known by number."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import torch
from torch import nn

from grader.wire import Encoder
from grader.wire.modules import checked_name
from grader.worker.capture import OUTPUT_LIMIT, Capture
from grader.worker.objects import Objects, Opaque
from grader.worker.submission import Submission, signature_of

FUNCTION = {"name": "scale", "kind": "function", "signature": "(x, *, factor=1.0)", "methods": []}
NET = {
    "name": "Net",
    "kind": "module",
    "signature": "(width, *, bias=True)",
    "methods": [
        {"name": "forward", "kind": "method", "signature": "(x)"},
        {"name": "make", "kind": "classmethod", "signature": "(base)"},
    ],
}
MADE = {**NET, "methods": [{"name": "forward", "kind": "method", "signature": "(x)"}]}


class TestCapture:
    def test_it_keeps_what_was_printed_since_the_last_time(self) -> None:
        capture = Capture()
        print("one", "two", file=capture)
        assert capture.take() == "one two\n"
        assert capture.take() == ""

    def test_it_is_bounded_however_it_comes(self) -> None:
        capture = Capture()
        capture.write("x" * 10_000_000)
        for _ in range(1000):
            capture.write("y" * 100)
        assert len(capture.take()) <= OUTPUT_LIMIT + 2
        capture.write("again")
        assert capture.take() == "again"

    def test_it_never_fails_its_writer(self) -> None:
        assert Capture().write("x" * 100_000) == 100_000


def problems_of(source: str, *entries: dict[str, Any]) -> list[dict[str, str]]:
    submission = Submission("attempt", "attempt.py", source)
    submission.run()
    return submission.problems(list(entries))


def kinds_of(source: str, *entries: dict[str, Any]) -> list[tuple[str, str]]:
    return [(problem["kind"], problem["entry"]) for problem in problems_of(source, *entries)]


class TestSubmission:
    @pytest.mark.parametrize(
        "source",
        [
            "def scale(x, *, factor=2.0): ...",
            "def scale(x, factor=2.0): ...",
            "def scale(*arguments, **named): ...",
            "def scale(x, more=1, *, factor=1.0, other=None): ...",
            "scale = lambda x, factor=1: x",
            "import functools\n@functools.cache\ndef scale(x, factor=1): ...",
            "class Scale:\n    def __call__(self, x, factor=1): ...\nscale = Scale()",
            "import torch\nscale = torch.mul",
        ],
    )
    def test_what_can_be_called_so_is_no_problem(self, source: str) -> None:
        assert kinds_of(source, FUNCTION) == []

    @pytest.mark.parametrize(
        ("source", "kind"),
        [
            ("", "missing"),
            ("scale = 5", "not callable"),
            ("scale = None", "not callable"),
            ("def scale(x): ...", "signature"),
            ("def scale(x, factor): ...", "signature"),  # it has a default: calls may leave it out
            ("def scale(): ...", "signature"),
            ("def scale(x, k): ...", "signature"),
            ("def scale(x, y, *, factor=1): ...", "signature"),
            ("def scale(x, /, *, factory=1): ...", "signature"),
        ],
    )
    def test_what_cannot_is_told(self, source: str, kind: str) -> None:
        assert kinds_of(source, FUNCTION) == [(kind, "scale")]

    def test_a_name_that_is_near_is_told(self) -> None:
        assert problems_of("def scaled(x): ...", FUNCTION)[0]["near"] == "scaled"
        assert problems_of("def other(x): ...", FUNCTION)[0]["near"] == ""

    def test_both_signatures_are_told(self) -> None:
        problem = problems_of("def scale(x, k): ...", FUNCTION)[0]
        assert (problem["yours"], problem["needed"]) == ("(x, k)", "(x, *, factor=1.0)")

    @pytest.mark.parametrize(
        ("source", "problem"),
        [
            ("def Net(width): ...", ("not a module", "Net")),
            ("class Net: ...", ("not a module", "Net")),
            (
                "class Net(nn.Module):\n    def __init__(self, width, *, bias=True): ...",
                ("missing method", "Net.forward"),
            ),
            (
                "class Net(nn.Module):\n    def __init__(self): ...\n    def forward(self, x): ...",
                ("signature", "Net.__init__"),
            ),
            (
                "class Net(nn.Module):\n    def __init__(self, width, *, bias=True): ...\n    def forward(self): ...",
                ("signature", "Net.forward"),
            ),
        ],
    )
    def test_a_module_is_looked_at_in_its_parts(self, source: str, problem: tuple[str, str]) -> None:
        assert kinds_of(f"from torch import nn\n{source}\n", MADE) == [problem]

    def test_a_classmethod_must_be_one(self) -> None:
        body = "from torch import nn\nclass Net(nn.Module):\n    def forward(self, x): ...\n"
        plain = f"{body}    def make(cls, base): ...\n"
        assert kinds_of(plain, NET) == [("not a classmethod", "Net.make")]
        for decorator in ("@classmethod\n    def make(cls, base)", "@staticmethod\n    def make(base)"):
            assert kinds_of(f"{body}    {decorator}: ...\n", NET) == []

    def test_every_problem_is_told_at_once(self) -> None:
        assert len(problems_of("", FUNCTION, NET)) == 2

    def test_its_own_name_never_hides_a_module(self) -> None:
        """A file may be called torch.py."""
        before = sys.modules["torch"]
        submission = Submission("torch", "torch.py", "import torch\nones = torch.ones(2)\n")
        submission.run()
        assert torch.equal(submission.entry("ones"), torch.ones(2))
        assert sys.modules["torch"] is before

    def test_its_classes_and_source_are_found_as_in_a_file(self) -> None:
        source = "import inspect\ndef f():\n    return 1\nTEXT = inspect.getsource(f)\n"
        submission = Submission("attempt_with_source", "attempt_with_source.py", source)
        submission.run()
        assert submission.entry("TEXT") == "def f():\n    return 1\n"

    def test_signatures_are_read_as_written(self) -> None:
        assert list(signature_of("(x, *, p=0.1)").parameters) == ["x", "p"]


class TestObjects:
    def test_one_thing_has_one_number_until_it_is_freed(self) -> None:
        objects, thing = Objects(), object()
        number = objects.number(thing)
        assert objects.number(thing) == number
        assert objects[number] is thing
        objects.free([number, 12345])
        with pytest.raises(KeyError):
            objects[number]
        assert objects.number(thing) != number

    def test_what_is_no_plain_value_goes_out_as_a_number(self) -> None:
        objects = Objects()
        encode = Encoder(special=objects.encode).encode
        assert encode(nn.Linear(1, 1))["special"] == ["H", [1, "module", "torch.nn.modules.linear.Linear"]]
        assert encode(print)["special"] == ["H", [2, "object", "builtin_function_or_method"]]
        assert encode(Opaque([1, 2]))["special"] == ["H", [3, "object", ""]]
        assert encode([1, "a", None]) == [1, "a", None]

    def test_a_class_cannot_claim_to_be_another(self) -> None:
        class Claims:
            @property
            def __class__(self) -> type:
                return nn.Module

            def __getattribute__(self, name: str) -> Any:
                raise SystemExit

        encoded = Encoder(special=Objects().encode).encode(Claims())
        assert encoded["special"][1][1] == "object"

    def test_a_name_of_torchs_is_given_only_to_torchs_own(self) -> None:
        assert checked_name(nn.Linear) == "torch.nn.modules.linear.Linear"
        fake = type("Linear", (nn.Module,), {"__module__": "torch.nn.modules.linear"})
        assert checked_name(fake) == "(not) torch.nn.modules.linear.Linear"
        nested = type("x", (), {"__module__": "torch", "__qualname__": "nn.Linear"})
        assert checked_name(nested) == "(not) torch.nn.Linear"

    def test_a_name_is_read_past_what_a_metaclass_says(self) -> None:
        class Meta(type):
            @property
            def __module__(cls) -> str:
                raise SystemExit

        assert checked_name(Meta("Odd", (), {})).endswith("Odd")
