"""Workers for examiners: the nursery as its owner sees it, and one worker's channel and leash."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from grader.confine import clean_environment
from grader.errors import GraderFault
from grader.wire import Channel

START_SECONDS = 60.0


class Supply:
    """A nursery that runs beside this process. Forked examiners may share it: each request is one message.

    `forbidden` are folders that no worker may read, whatever else lies around them. `confined=False` is for
    measurements.
    """

    def __init__(self, forbidden: Sequence[Path] = (), *, confined: bool = True) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.requests = ours
        command = [sys.executable, "-P", "-m", "grader.worker.nursery", "--fd", str(theirs.fileno())]
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
        ours, theirs = socket.socketpair()
        leash, nursery_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        request = json.dumps({"memory_bytes": memory_bytes, "cpu_seconds": cpu_seconds}).encode()
        try:
            with theirs, nursery_end:
                socket.send_fds(self.requests, [request], [theirs.fileno(), nursery_end.fileno()])
            leash.settimeout(START_SECONDS)
            pid = _heard(leash)["pid"]
            return Worker(Channel(ours), leash, pid)
        except (OSError, KeyError) as error:
            ours.close()
            leash.close()
            raise GraderFault("the nursery, which starts workers, has died", "run the command again") from error

    def close(self) -> None:
        """End the nursery and with it every worker."""
        self.requests.close()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Worker:
    """One worker: `ask` sends a request and returns the reply; `kill` ends it.

    `isolation` is what confines it, said before the submission was loaded.
    """

    def __init__(self, channel: Channel, leash: socket.socket, pid: int) -> None:
        self.channel = channel
        self.leash = leash
        self.pid = pid
        self.isolation: dict[str, Any] = {}

    def cpu_seconds(self) -> float:
        """Processor time of the worker so far; 0.0 when it has gone."""
        try:
            self.leash.settimeout(5.0)
            self.leash.send(b"cpu")
            return float(_heard(self.leash).get("cpu", 0.0))
        except OSError:
            return 0.0

    def status(self) -> int | None:
        """How the worker ended (exit code, or minus the signal), waiting a moment for it; None when nobody knows."""
        deadline = time.monotonic() + 5.0
        try:
            while time.monotonic() < deadline:
                self.leash.settimeout(5.0)
                heard = _heard(self.leash)
                if "status" in heard:
                    return int(heard["status"])
        except OSError:
            return None
        return None

    def kill(self) -> None:
        """Let the leash go: the nursery kills the worker, whatever it is doing."""
        self.channel.close()
        self.leash.close()


def _heard(leash: socket.socket) -> dict[str, Any]:
    data = leash.recv(1024)
    if not data:
        raise OSError("the nursery closed the leash")
    found: dict[str, Any] = json.loads(data)
    return found
