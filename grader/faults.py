"""Switches of the catalogued mistakes.

`solutions/<id>/mistakes.py` is the solution once more, with `if not faults("name"):` around each place that people
get wrong. Both sides of the wire need the switch (a mistake is proven as a submission in the worker, and compared
by behaviour in the examiner), so it stands at the bottom and imports nothing of torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from grader.errors import Text

_active: ContextVar[frozenset[str]] = ContextVar("active mistakes", default=frozenset())


def faults(name: str) -> bool:
    """Whether the mistake `name` is switched on."""
    return name in _active.get()


@contextmanager
def making(names: Iterable[str]) -> Iterator[None]:
    """Switch exactly these mistakes on."""
    token = _active.set(frozenset(names))
    try:
        yield
    finally:
        _active.reset(token)


@dataclass(frozen=True, slots=True)
class Mistake:
    """One catalogued mistake: `what` says what the submission does, `hint` the way out.

    `excludes` names mistakes that cannot be made together with this one (two answers to the same choice): such
    pairs are not proven.
    """

    name: str
    what: Text
    hint: Text
    excludes: tuple[str, ...] = ()
