"""Workers for examiners: the nursery as its owner sees it, and one worker's channel and leash."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from grader.confine import clean_environment
from grader.errors import FREE_SOME, TRY_AGAIN, GraderFault, Text
from grader.wire import Channel

START_SECONDS = 60.0
END_SECONDS = 1.0  # from a closed socket to the news of the death


class Supply:
    """A nursery that runs beside this process. Forked examiners may share it: each request is one message.

    `forbidden` are folders that no worker may read, whatever else lies around them. `confined=False` is for
    measurements.
    """

    # What the interpreter runs. Tests have a nursery that goes without a layer, as on a machine that lacks it.
    program: ClassVar[tuple[str, ...]] = ("-m", "grader.worker.nursery")

    def __init__(self, forbidden: Sequence[Path] = (), *, confined: bool = True) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.requests = ours
        self._ahead: _Order | None = None
        command = [sys.executable, "-P", *self.program, "--fd", str(theirs.fileno())]
        command += ["--parent", str(os.getpid())]
        if not confined:
            command.append("--unconfined")
        for path in forbidden:
            command += ["--forbidden", str(path)]
        with theirs:
            self.process = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=clean_environment(),
                cwd="/",
            )

    def worker(self, memory_bytes: int, cpu_seconds: int) -> Worker:
        """A freshly forked, confined worker. Raises GraderFault when the nursery is gone."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead.limits != (memory_bytes, cpu_seconds):
            ahead.close()
            ahead = None
        order = ahead or _made((memory_bytes, cpu_seconds))
        try:
            if order is not ahead:
                order.send(self.requests)
            order.leash.settimeout(START_SECONDS)
            heard = _heard(order.leash)
        except OSError as error:
            order.close()
            raise _no_nursery() from error
        if "pid" not in heard:
            order.close()
            raise _refused(str(heard.get("fault")))
        return Worker(Channel(order.ours), order.leash, heard["pid"])

    def order_ahead(self, memory_bytes: int, cpu_seconds: int) -> None:
        """Have the nursery fork a worker at once, for whoever calls `worker` first: an examiner about to be forked."""
        self.leave_ahead()
        with suppress(GraderFault):  # told to the one who needs the worker
            order = _made((memory_bytes, cpu_seconds))
            try:
                order.send(self.requests)
            except OSError:
                order.close()
            else:
                self._ahead = order

    def leave_ahead(self) -> None:
        """Leave the worker that was ordered ahead to the process that was forked meanwhile."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            ahead.close()

    def close(self) -> None:
        """End the nursery and with it every worker."""
        self.leave_ahead()
        self.requests.close()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class _Order:
    """A worker that the nursery has been asked for: the examiner's ends of its channel and of its leash."""

    def __init__(self, limits: tuple[int, int]) -> None:
        self.limits = limits
        self.ours, self._theirs = socket.socketpair()
        try:
            self.leash, self._nursery_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except OSError:
            self.ours.close()
            self._theirs.close()
            raise

    def send(self, requests: socket.socket) -> None:
        memory_bytes, cpu_seconds = self.limits
        request = json.dumps({"memory_bytes": memory_bytes, "cpu_seconds": cpu_seconds}).encode()
        with self._theirs, self._nursery_end:
            socket.send_fds(requests, [request], [self._theirs.fileno(), self._nursery_end.fileno()])

    def close(self) -> None:
        self.ours.close()
        self.leash.close()


def _made(limits: tuple[int, int]) -> _Order:
    try:
        return _Order(limits)
    except OSError as error:
        raise _refused(str(error.strerror)) from error


class Worker:
    """One worker, seen from outside: its channel, how it ended, how long it had to wait; `kill` ends it.

    `process` is its number in /proc, said before the submission was loaded; empty where there is no /proc.
    `killed_from_outside`, once its status is known: neither by us nor for what it did.
    """

    def __init__(self, channel: Channel, leash: socket.socket, pid: int) -> None:
        self.channel = channel
        self.leash = leash
        self.pid = pid
        self.process = ""
        self.killed_from_outside = False

    def waited(self) -> float:
        """Seconds that it was ready to run and had to wait for a processor, counted from some moment on.

        Where the kernel does not say, all the time that it did not run.
        """
        try:
            return int(Path("/proc", self.process, "schedstat").read_text().split()[1]) / 1e9
        except (OSError, ValueError, IndexError):
            return time.monotonic() - self._ran()

    def _ran(self) -> float:
        """Processor time so far, as the nursery sees it; 0.0 when the worker has gone."""
        try:
            self.leash.settimeout(5.0)
            self.leash.send(b"cpu")
            return float(_heard(self.leash).get("cpu", 0.0))
        except OSError:
            return 0.0

    def status(self) -> int | None:
        """How it ended: exit code, or minus the signal. Waits a moment for it; None when it has not ended.

        Raises GraderFault when the nursery is gone, and every worker with it.
        """
        deadline = time.monotonic() + END_SECONDS
        while (left := deadline - time.monotonic()) > 0:
            self.leash.settimeout(left)
            try:
                heard = _heard(self.leash)
            except TimeoutError:
                break
            except ConnectionResetError:
                continue  # it closed the leash with a question of ours unread; what it had said before comes next
            except OSError as error:
                raise _no_nursery() from error
            if "status" in heard:
                self.killed_from_outside = bool(heard.get("outside"))
                return int(heard["status"])
        return None

    def kill(self) -> None:
        """Let the leash go: the nursery kills the worker, whatever it is doing."""
        self.channel.close()
        self.leash.close()


def _no_nursery() -> GraderFault:
    return GraderFault(
        Text("The nursery, which starts workers, has died.", "负责启动工作进程的 nursery 已中断。"),
        TRY_AGAIN,
    )


def _refused(why: str) -> GraderFault:
    return GraderFault(
        Text(f"No process could be started for your code: {why}.", f"无法为你的代码启动进程：{why}。"), FREE_SOME
    )


def _heard(leash: socket.socket) -> dict[str, Any]:
    data = leash.recv(1024)
    if not data:
        raise OSError("the nursery closed the leash")
    found: dict[str, Any] = json.loads(data)
    return found
