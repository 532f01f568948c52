"""What both candidates share, the one behind the wire and the local one: the log of calls and what the last one did."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Call:
    """One call as a check made it: of an entry (`on` is None), or of `method` on the object `on`."""

    label: str
    arguments: tuple[Any, ...]
    named: dict[str, Any]
    signature: str = ""
    on: Any = None
    method: str = ""
    result: Any = None


@dataclass(slots=True)
class Last:
    """What the last call did beside returning."""

    changed_inputs: tuple[str, ...] = ()
    used_global_rng: bool = False


@dataclass(slots=True)
class Log:
    """Calls since the example began, for the counterexample; `drawn` are the values that Hypothesis drew for it.

    `output` is what the submission has printed since then: of the smallest failing example, and not of hundreds.
    """

    calls: list[Call] = field(default_factory=list)
    drawn: dict[str, Any] = field(default_factory=dict)
    output: list[str] = field(default_factory=list)
    failed: tuple[Exception, list[Call], dict[str, Any], list[str]] | None = None
    told: set[Any] = field(default_factory=set)  # what the submission raised in earlier checks

    def begin(self, drawn: dict[str, Any]) -> None:
        self.calls.clear()
        self.output.clear()
        self.drawn = drawn

    def keep(self, failure: Exception) -> None:
        """This example has failed: the last that did is the smallest so far."""
        self.failed = failure, list(self.calls), self.drawn, list(self.output)

    def recall(self) -> Exception | None:
        """Back to the last example that failed: its failure, None where none did."""
        if self.failed is None:
            return None
        failure, calls, self.drawn, output = self.failed
        self.calls[:] = calls
        self.output[:] = output
        return failure


def name_paths(paths: list[str], signature_names: list[str]) -> tuple[str, ...]:
    """Wire paths (`args[0]`, `kwargs["mask"]`) as the argument names that the candidate knows."""
    return tuple(dict.fromkeys(_name_path(path, signature_names) for path in paths))


def _name_path(path: str, names: list[str]) -> str:
    if path.startswith("args["):
        number, _, rest = path.removeprefix("args[").partition("]")
        index = int(number)
        return (names[index] if index < len(names) else f"argument {index + 1}") + rest
    if path.startswith("kwargs["):
        name, _, rest = path.removeprefix("kwargs[").partition("]")
        return name.strip("\"'") + rest
    return path or "a list among the arguments"
