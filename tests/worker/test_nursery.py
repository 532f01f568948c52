"""The nursery by its leash: what it starts, ends and tells, and that nothing ends it but its owner."""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from grader.errors import GraderFault, WireClosed
from grader.exam.supply import Supply, Worker
from grader.wire import Channel, receive_message, send_message

MEMORY = 256 << 20
LOAD = {"op": "load", "name": "a", "filename": "a.py", "switches": [], "bans": [], "entries": [], "seq": 1}


@pytest.fixture(scope="module")
def supply() -> Iterator[Supply]:
    made = Supply()
    yield made
    made.close()


def greeted(worker: Worker) -> dict[str, Any]:
    return receive_message(worker.channel, timeout=60)[0]


def loaded(supply: Supply, source: str) -> Worker:
    """A worker that has been told to load the source; it may not have answered."""
    worker = supply.worker(MEMORY, 60)
    worker.process = greeted(worker)["process"]
    send_message(worker.channel, {**LOAD, "source": source}, timeout=30)
    return worker


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.01)


def alive(process: str) -> bool:
    try:
        return Path("/proc", process, "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_worker_says_what_confines_it_and_who_it_is(supply: Supply) -> None:
    worker = supply.worker(MEMORY, 60)
    greeting = greeted(worker)
    assert greeting["isolation"]["level"] == "strict"
    assert alive(greeting["process"])
    worker.kill()
    until(lambda: not alive(greeting["process"]))


def test_letting_the_leash_go_ends_the_worker_whatever_it_does(supply: Supply) -> None:
    busy = loaded(supply, "while True:\n    pass\n")
    asleep = loaded(supply, "import time\ntime.sleep(1000)\n")
    for worker in (busy, asleep):
        assert alive(worker.process)
        worker.leash.close()
        until(lambda process=worker.process: not alive(process))


def test_the_end_of_the_channel_ends_an_idle_worker(supply: Supply) -> None:
    worker = supply.worker(MEMORY, 60)
    greeted(worker)
    worker.channel.close()
    assert worker.status() == 0
    worker.kill()


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("import os\nos._exit(0)", 0),
        ("import os\nos._exit(7)", 7),
        ("import ctypes\nctypes.string_at(0)", -signal.SIGSEGV),
    ],
)
def test_how_a_worker_ended_is_told(supply: Supply, source: str, status: int) -> None:
    worker = loaded(supply, source)
    with pytest.raises(WireClosed):
        receive_message(worker.channel, timeout=60)
    assert worker.status() == status
    worker.kill()


def test_a_kill_from_outside_is_told_from_the_kernels(supply: Supply) -> None:
    """What uses up its processor time is killed with the same signal, and has itself to blame."""
    spinning = supply.worker(MEMORY, 2)
    greeted(spinning)
    send_message(spinning.channel, {**LOAD, "source": "while True:\n    pass\n"}, timeout=30)
    killed = loaded(supply, "import time\ntime.sleep(3600)\n")
    os.kill(int(killed.process), signal.SIGKILL)
    for worker, outside in ((killed, True), (spinning, False)):
        with pytest.raises(WireClosed):
            receive_message(worker.channel, timeout=120)
        assert worker.status() == -signal.SIGKILL
        assert worker.killed_from_outside == outside
        worker.kill()


def test_of_a_worker_that_lives_no_end_is_told(supply: Supply) -> None:
    worker = loaded(supply, "while True:\n    pass\n")
    assert worker.status() is None
    worker.kill()


def test_waiting_for_a_processor_is_told_from_sleeping_and_from_computing(supply: Supply) -> None:
    asleep = loaded(supply, "import time\ntime.sleep(1000)\n")
    before = asleep.waited()
    time.sleep(0.5)
    assert asleep.waited() - before < 0.25, "asleep it does not wait"
    asleep.process = "no such process"
    before = asleep.waited()
    time.sleep(0.2)
    assert asleep.waited() - before >= 0.2, "where the kernel does not say, it may have waited"
    asleep.kill()


def test_requests_of_several_examiners_do_not_mix(supply: Supply) -> None:
    workers = [supply.worker(MEMORY, 60) for _ in range(4)]
    numbers = {greeted(worker)["process"] for worker in workers}
    assert len(numbers) == 4
    for worker in workers:
        worker.kill()


def test_a_request_without_its_descriptors_harms_nobody(supply: Supply) -> None:
    supply.requests.send(json.dumps({"memory_bytes": MEMORY, "cpu_seconds": 1}).encode())
    one, other = socket.socketpair()
    with one, other:
        socket.send_fds(supply.requests, [b"{}"], [one.fileno()])
    worker = supply.worker(MEMORY, 60)
    assert greeted(worker)["isolation"]["level"] == "strict"
    worker.kill()


def test_workers_that_die_while_they_are_asked_about_do_not_end_the_nursery(supply: Supply) -> None:
    """Death, question and letting go may all reach the nursery in one round."""
    for _ in range(30):
        worker = loaded(supply, "import os\nos._exit(0)")
        worker.leash.send(b"cpu")
        worker.kill()
    worker = supply.worker(MEMORY, 60)
    assert greeted(worker)["isolation"]["level"] == "strict"
    worker.kill()


def test_a_round_with_a_death_and_a_question_about_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same in the order that happens once in a thousand times: buried first, asked about then."""
    from grader.worker.nursery import Nursery, _Child

    requests, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    handler, wakeup = signal.getsignal(signal.SIGCHLD), signal.set_wakeup_fd(-1)
    try:
        nursery = Nursery(requests, None, (False, ""))
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        child = nursery.children[12345] = _Child(12345, theirs, 600)
        nursery.selector.register(theirs, 1, lambda _socket: nursery.hear(child))
        used = resource.getrusage(resource.RUSAGE_SELF)
        monkeypatch.setattr(os, "wait4", lambda *_: (12345 if 12345 in nursery.children else 0, 0, used))
        ours.send(b"cpu")
        nursery.reap(None)
        nursery.hear(child)
        assert Worker(Channel(far), ours, 12345).status() == 0, "told, though a question was left unread"
        ours.close()
    finally:
        signal.signal(signal.SIGCHLD, handler)
        signal.set_wakeup_fd(wakeup)
        requests.close()
        far.close()


def test_a_fork_that_fails_costs_one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    from grader.worker.nursery import Nursery

    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    handler, wakeup = signal.getsignal(signal.SIGCHLD), signal.set_wakeup_fd(-1)

    def fail() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    try:
        nursery = Nursery(theirs, None, (False, ""))
        channel, worker_end = socket.socketpair()
        leash, nursery_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with channel, worker_end, leash, nursery_end:
            monkeypatch.setattr(os, "fork", fail)
            socket.send_fds(
                ours, [b'{"memory_bytes": 1, "cpu_seconds": 1}'], [worker_end.fileno(), nursery_end.fileno()]
            )
            nursery.serve(None)
            assert nursery.open
            assert "Resource temporarily unavailable" in json.loads(leash.recv(200))["fault"]
    finally:
        signal.signal(signal.SIGCHLD, handler)
        signal.set_wakeup_fd(wakeup)
        ours.close()
        theirs.close()


class TestTheEndOfTheNursery:
    def test_its_owner_letting_go_ends_it_and_every_worker(self) -> None:
        supply = Supply()
        worker = loaded(supply, "while True:\n    pass\n")
        supply.close()
        until(lambda: not alive(worker.process))
        assert supply.process.returncode is not None
        worker.kill()

    def test_killed_it_takes_every_worker_along_and_is_told_as_our_fault(self) -> None:
        supply = Supply()
        worker = loaded(supply, "while True:\n    pass\n")
        supply.process.kill()
        until(lambda: not alive(worker.process))
        with pytest.raises(GraderFault, match="nursery"):
            worker.status()
        with pytest.raises(GraderFault, match="nursery"):
            supply.worker(MEMORY, 60)
        worker.kill()
        supply.close()


def test_a_channel_that_is_no_worker_is_not_believed() -> None:
    """What the other end says is read by the wire, which believes nothing."""
    one, other = socket.socketpair()
    with other:
        other.send(b"isolation: strict")
        other.shutdown(socket.SHUT_WR)
        with pytest.raises(Exception, match="not a frame"):
            receive_message(Channel(one), timeout=1)
    one.close()
