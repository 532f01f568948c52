"""The layers put on together, and what remains where one is missing."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest
from confined_child import become_ordinary, in_child

from grader.confine import Limits, Prepared, kernel, prepare, privileges
from grader.confine.isolation import REQUIRED

LIMITS = Limits(memory_bytes=64 << 20, cpu_seconds=20)


def test_everything_holds_here_for_root_and_for_an_ordinary_user() -> None:
    def confined() -> tuple[object, ...]:
        isolation = prepare([Path("/usr/lib")]).apply(LIMITS)
        return isolation.level, isolation.layers, isolation.missing

    def ordinary() -> tuple[object, ...]:
        become_ordinary()
        return confined()

    everything = ["strict", list(REQUIRED), []]
    assert in_child(confined).value() == everything
    assert in_child(ordinary).value() == everything


@pytest.mark.parametrize("absent", ["landlock", "seccomp"])
def test_the_rest_is_put_on_where_one_layer_is_missing(absent: str) -> None:
    whole = prepare([])
    without = Prepared(
        None if absent == "seccomp" else whole.program,
        None if absent == "landlock" else whole.ruleset,
        ((absent, "not here"),),
        whole.readable,
        whole.dropped,
    )

    def confined() -> list[object]:
        isolation = without.apply(LIMITS)
        refused = []
        for attempt in (lambda: list(Path("/proc").iterdir()), lambda: socket.socket().close()):
            try:
                attempt()
            except PermissionError:
                refused.append(True)
            else:
                refused.append(False)
        return [isolation.level, sorted(set(REQUIRED) - set(isolation.layers)), isolation.missing, refused]

    still = [absent != "landlock", absent != "seccomp"]
    assert in_child(confined).value() == ["partial", [absent], [[absent, "not here"]], still]


def test_a_process_with_threads_is_not_confined_in_part() -> None:
    def threaded() -> None:
        stop = threading.Event()
        thread = threading.Thread(target=stop.wait)
        thread.start()
        try:
            prepare([]).apply(LIMITS)
        finally:
            stop.set()
            thread.join()

    fate = in_child(threaded)
    assert fate.error == "ConfinementError"
    assert "2 threads" in fate.told


def test_an_unsupported_platform_is_told_and_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "supported", lambda: False)
    prepared = prepare()
    assert [layer for layer, _ in prepared.missing] == list(REQUIRED)
    assert prepared.descriptors == frozenset()
    isolation = prepared.apply(LIMITS)
    assert (isolation.level, isolation.layers, len(isolation.missing)) == ("none", (), len(REQUIRED))


def test_a_filter_that_the_kernel_refuses_is_told() -> None:
    whole = prepare([])
    broken = Prepared(b"\xff" * 16, whole.ruleset, (), whole.readable, whole.dropped)

    def confined() -> object:
        return broken.apply(LIMITS).missing

    [(layer, why)] = in_child(confined).value()
    assert layer == "seccomp"
    assert "the kernel takes no filter" in why


def test_confinement_cannot_be_put_on_again_or_off() -> None:
    prepared = prepare([])

    def twice() -> None:
        prepared.apply(LIMITS)
        privileges.drop_capabilities()

    assert in_child(twice).error == "PermissionError"
