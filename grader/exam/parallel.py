"""Work spread over forked processes: each item in a process of its own, results as they come.

For trusted work (proofs) from a process of one thread. A process per item keeps memory flat and lets an item take
the process down with it.
"""

from __future__ import annotations

import json
import os
import select
import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from grader.errors import GraderFault

Item = TypeVar("Item")
Result = TypeVar("Result")  # what JSON can carry


def spread(function: Callable[[Item], Result], items: Iterable[Item], jobs: int) -> Iterator[tuple[Item, Result]]:
    """Pairs of item and result, in the order in which they finish. An exception in `function` is raised here as
    GraderFault.
    """
    waiting = list(items)
    running: dict[int, tuple[int, Item, bytearray]] = {}
    poll = select.poll()
    try:
        while waiting or running:
            while waiting and len(running) < max(1, jobs):
                item = waiting.pop(0)
                descriptor, pid = _fork(function, item)
                running[descriptor] = (pid, item, bytearray())
                poll.register(descriptor, select.POLLIN | select.POLLHUP)
            for descriptor, _event in poll.poll():
                pid, item, received = running[descriptor]
                data = os.read(descriptor, 1 << 20)
                received += data
                if data:
                    continue
                poll.unregister(descriptor)
                os.close(descriptor)
                del running[descriptor]
                os.waitpid(pid, 0)
                if not received:
                    raise GraderFault(f"a process that worked on {item} died")
                failed, result = json.loads(received)
                if failed:
                    raise GraderFault(f"{item}: {result}")
                yield item, result
    finally:
        for pid, _item, _received in running.values():
            os.kill(pid, 9)
            os.waitpid(pid, 0)


def _fork(function: Callable[[Item], Result], item: Item) -> tuple[int, int]:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writer)
        return reader, pid
    try:
        os.close(reader)
        try:
            answer = json.dumps((False, function(item)))
        except BaseException:  # noqa: BLE001 - raised again in the parent
            answer = json.dumps((True, traceback.format_exc(limit=-3)))
        with os.fdopen(writer, "w") as pipe:
            pipe.write(answer)
    finally:
        os._exit(0)
