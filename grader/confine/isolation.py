"""What confinement holds, as plain data: light enough for the client, which only prints it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Level = Literal["strict", "partial", "none"]

# Each stops what the others let through (docs/architecture.md), so `strict` asks for all of them.
REQUIRED = ("rlimits", "capabilities", "dumpable", "no_new_privs", "landlock", "seccomp")
LAYERS = (*REQUIRED, "namespaces")


@dataclass(frozen=True, slots=True)
class Isolation:
    """The layers that hold, and for each that does not, one line with the reason and the remedy."""

    level: Level
    layers: tuple[str, ...]
    missing: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, layers: Iterable[str], missing: Iterable[tuple[str, str]] = ()) -> Isolation:
        """The isolation that these layers amount to; layers in their canonical order."""
        held = set(layers)
        if unknown := held.difference(LAYERS):
            raise ValueError(f"not a layer of confinement: {', '.join(sorted(unknown))}")
        level: Level = "strict" if held.issuperset(REQUIRED) else "partial" if held else "none"
        return cls(level, tuple(layer for layer in LAYERS if layer in held), tuple(missing))

    def with_namespaces(self, holds: bool, told: str) -> Isolation:
        """This isolation and the answer of `enter_namespaces`, which the nursery asked before the worker existed."""
        if holds:
            return Isolation.of((*self.layers, "namespaces"), self.missing)
        return Isolation.of(self.layers, (*self.missing, ("namespaces", told)))


@dataclass(frozen=True, slots=True)
class Limits:
    """What one worker may use: memory beyond what it has when it confines itself, processor time, descriptors."""

    memory_bytes: int
    cpu_seconds: int
    open_files: int = 64

    def __post_init__(self) -> None:
        if self.memory_bytes < 0 or self.cpu_seconds < 1 or self.open_files < 0:
            raise ValueError(f"limits must be positive: {self}")
