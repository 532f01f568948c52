"""An exercise as the rest of the package sees it: what its exercise.yaml says, and where its files stand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from grader.errors import Language, Text

Topic = Literal["attention", "pretraining", "multimodal", "generation", "quantization", "sparsity", "bert", "gpt"]
Returns = Literal[
    "tensor", "tensor, tensor", "tensor, opaque", "list of tensors", "dict of tensors", "int", "module", "any"
]
EntryKind = Literal["function", "module"]
MethodKind = Literal["method", "classmethod"]

TOPICS: tuple[Topic, ...] = get_args(Topic)
RETURNS: tuple[Returns, ...] = get_args(Returns)
ENTRY_KINDS: tuple[EntryKind, ...] = get_args(EntryKind)
METHOD_KINDS: tuple[MethodKind, ...] = get_args(MethodKind)


@dataclass(frozen=True, slots=True)
class Method:
    """One method of an entry of kind module; `signature` leaves out self and cls."""

    name: str
    kind: MethodKind
    signature: str
    returns: Returns


@dataclass(frozen=True, slots=True)
class Entry:
    """A name that the checks call. A module has the signature of its `__init__` without self, and returns 'module'."""

    name: str
    kind: EntryKind
    signature: str
    returns: Returns
    methods: tuple[Method, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """What one submission may use: seconds for one call, megabytes of memory."""

    call_seconds: float = 10.0
    memory_mb: int = 1024


@dataclass(frozen=True, slots=True)
class Exercise:
    """A coding task. `public` is what a candidate sees, `private` what only the grader sees."""

    id: str
    public: Path
    private: Path
    title: Text
    topic: Topic
    questions: tuple[str, ...]
    level: int
    minutes: int
    after: tuple[str, ...]
    entries: tuple[Entry, ...]
    bans: tuple[str, ...]
    rules: tuple[str, ...]
    checks: tuple[str, ...]
    limits: Limits

    @property
    def yaml_file(self) -> Path:
        return self.public / "exercise.yaml"

    @property
    def stub_file(self) -> Path:
        return self.public / "stub.py"

    @property
    def checks_file(self) -> Path:
        return self.private / "checks.py"

    @property
    def reference_file(self) -> Path:
        return self.private / "reference.py"

    @property
    def mistakes_file(self) -> Path:
        return self.private / "mistakes.py"

    @property
    def right_files(self) -> tuple[Path, ...]:
        """The right answers beside the reference, sorted by name."""
        return tuple(sorted((self.private / "right").glob("[!.]*.py")))

    def statement_file(self, language: Language) -> Path:
        return self.public / f"statement.{language}.md"
