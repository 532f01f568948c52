"""When a row of figures counts as flat."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

Middle = Callable[[Sequence[float]], float]


@dataclass(frozen=True)
class Slack:
    """What a figure may grow by: a share of itself, an amount, and an amount for each hundred submissions."""

    share: float = 0.0
    amount: float = 0.0
    each_hundred: float = 0.0


@dataclass(frozen=True)
class Row:
    """One figure over the whole run: the median of the second tenth, by which everything is warm, and of the last."""

    name: str
    early: float
    late: float
    most: float
    allowed: float

    @property
    def flat(self) -> bool:
        return self.late <= self.allowed

    def shown(self) -> tuple[float, ...]:
        """The figures, in the order in which they are read."""
        return self.early, self.late, self.most, self.allowed

    @classmethod
    def of(cls, name: str, figures: Sequence[float], slack: Slack, submissions: int) -> Row:
        """`figures` were taken at equal distances over so many submissions."""
        tenth = max(1, len(figures) // 10)
        early, late = median(figures[tenth : 2 * tenth]), median(figures[-tenth:])
        allowed = early * (1 + slack.share) + slack.amount + slack.each_hundred * submissions / 100
        return cls(name, early, late, max(figures), allowed)


@dataclass(frozen=True)
class Latency:
    """The first probes against the last, and the ratio."""

    first: float
    last: float

    @property
    def ratio(self) -> float:
        return self.last / self.first

    def over(self, other: Latency) -> Latency:
        """In units of what was timed beside it."""
        return Latency(self.first / other.first, self.last / other.last)

    @classmethod
    def of(cls, figures: Sequence[float], middle: Middle = median, most: int = 100) -> Latency:
        """The middle of as many as there are of the first and the last hundred."""
        count = min(most, len(figures) // 2)
        return cls(middle(figures[:count]), middle(figures[-count:]))


def quick(figures: Sequence[float]) -> float:
    """The middle of the quickest tenth: what it takes where nothing else of the machine is in the way."""
    return median(sorted(figures)[: max(1, len(figures) // 10)])
