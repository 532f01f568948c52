"""The table on machines that lack a layer, and as another user: what stops an attack is what the table says stops it.

The suite takes each attack on the levels that differ most, and some of them on the others; SOAK=1 takes all on all.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filter_machine import AARCH64, ALLOW, X86_64, run
from ground import Ground, got_it
from hostile_entry import SPARABLE, Hostile
from hostile_reach import CALLS
from test_hostile import CONFINED, TABLE

from grader.confine import compile_filter, landlock
from grader.content import builtin_root
from grader.exam.supply import Supply

ROOT = os.geteuid() == 0
WHOLE = bool(os.environ.get("SOAK"))
SAMPLE = 7  # of so many, the suite takes one where it does not take all


def nursery(*options: str, confined: bool = True) -> Supply:
    """A nursery as it is on another machine."""

    class Levelled(Supply):
        program = (str(Path(__file__).parent / "levelled_nursery.py"), *options)

    root = builtin_root()
    return Levelled(forbidden=[root / "exercises", root / "solutions"], confined=confined)


def lacking(*layers: str) -> tuple[str, ...]:
    return tuple(word for layer in layers for word in ("--without", layer))


# Where a layer lacks, so do the namespaces: they stop some of the same.
LEVELS: dict[str, tuple[str, ...]] = {
    "without namespaces": lacking("namespaces"),
    "without landlock": lacking("landlock", "namespaces"),
    "without seccomp": lacking("seccomp", "namespaces"),
}
WHOLLY = ("without landlock", "without seccomp", "strict, ordinary user")
if ROOT:
    LEVELS |= {f"{level}, ordinary user": (*options, "--ordinary") for level, options in LEVELS.items()}
    LEVELS["strict, ordinary user"] = ("--ordinary",)


@pytest.fixture(scope="module")
def at() -> Iterator[Callable[[str], Ground]]:
    """The ground of a level, kept until another is asked for: a nursery takes seconds to start."""
    standing: dict[str, Ground] = {}

    def ground(level: str) -> Ground:
        if level not in standing:
            clear()
            standing[level] = Ground.lay(nursery(*LEVELS[level]))
        return standing[level]

    def clear() -> None:
        while standing:
            standing.popitem()[1].close()

    yield ground
    clear()


def held(level: str) -> frozenset[str]:
    return SPARABLE - {layer for layer in SPARABLE if f"without {layer}" in level}


def stopped(entry: Hostile, level: str) -> bool:
    """Whether a layer that is there stops it by itself."""
    known = entry.stopped_by - ({"landlock"} if landlock.abi() < entry.abi else set())
    return bool(known & held(level))


CASES = [
    (level, name)
    for level in LEVELS
    for number, name in enumerate(CONFINED)
    if WHOLE or level in WHOLLY or number % SAMPLE == 0
]


@pytest.mark.soak
@pytest.mark.parametrize(("level", "name"), CASES)
def test_what_stops_it_is_what_the_table_says(level: str, name: str, at: Callable[[str], Ground]) -> None:
    entry = CONFINED[name]
    if stopped(entry, level):
        assert not got_it(at(level), entry)
    elif ROOT and "ordinary" not in level and not entry.optional:
        assert got_it(at(level), entry), "another layer stops it, too: the table should say so"


@pytest.fixture(scope="module")
def unconfined_ordinary() -> Iterator[Ground]:
    ground = Ground.lay(nursery("--ordinary", confined=False))
    yield ground
    ground.close()


@pytest.mark.skipif(not ROOT, reason="test_hostile ran as an ordinary user already")
@pytest.mark.parametrize("name", [name for name, entry in CONFINED.items() if not entry.needs_root])
def test_what_confinement_stops_works_without_it_for_an_ordinary_user(name: str, unconfined_ordinary: Ground) -> None:
    if not got_it(unconfined_ordinary, CONFINED[name]):
        assert CONFINED[name].optional, "it does not get what it is after"
        pytest.skip("this machine refuses it to everybody")


@pytest.mark.parametrize("level", LEVELS)
def test_a_level_says_what_it_is(level: str, at: Callable[[str], Ground]) -> None:
    verdict = at(level).good()
    assert verdict.passed
    assert verdict.isolation == ("strict" if held(level) == SPARABLE else "partial")
    assert SPARABLE & set(verdict.layers) == held(level)


# What needs no layer: two interpreters, a wire that believes nothing, operations withdrawn. Not those that would take
# the machine's memory, or wait for a limit.
ALWAYS = [
    name
    for name, entry in TABLE.items()
    if not entry.needs_confinement and not entry.hangs and not name.startswith("resources")
]


@pytest.fixture(scope="module")
def bare() -> Iterator[Ground]:
    ground = Ground.lay(nursery(confined=False))
    yield ground
    ground.close()


@pytest.mark.soak
@pytest.mark.parametrize("name", ALWAYS if WHOLE else ALWAYS[::SAMPLE])
def test_what_needs_no_confinement_gains_nothing_without_it(name: str, bare: Ground) -> None:
    verdict = bare.verdict(TABLE[name])
    assert verdict.isolation == "none"
    assert verdict.outcome == "failed"
    assert {check.id for check in verdict.checks if check.outcome == "passed"} <= TABLE[name].earns


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(("machine", "architecture"), [("x86_64", X86_64), ("aarch64", AARCH64)])
def test_the_filters_of_both_architectures_refuse_the_calls(name: str, machine: str, architecture: int) -> None:
    import pyseccomp

    number = pyseccomp.resolve_syscall(architecture, name)
    if number < 0:
        pytest.skip(f"{machine} has no {name}")
    arguments = tuple(one if isinstance(one, int) else 0 if one is None else 0x1000 for one in CALLS[name])
    assert run(filter_of(machine), number, arguments, architecture) != ALLOW


def filter_of(machine: str) -> bytes:
    if machine not in _filters:
        _filters[machine] = compile_filter(machine)
    return _filters[machine]


_filters: dict[str, bytes] = {}
