"""Forks workers on request. A fresh interpreter of its own: torch and this package's worker side, never any hidden
content.

Requests come as single messages over a SEQPACKET socket that all examiners share: JSON `{"memory_bytes",
"cpu_seconds"}` with two descriptors, the worker's end of its channel and the nursery's end of the *leash*. On the
leash the nursery answers

    {"pid": ..}          forked
    {"cpu": seconds}     asked by b"cpu": processor time of the worker so far
    {"status": ..}       it ended: exit code, or minus the signal; with {"outside": true}, by somebody else's SIGKILL

and the end of the leash is the end of the worker: whoever held it let go, or died. SIGKILL comes from here, outside
of the sandbox.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import json
import os
import selectors
import signal
import socket
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy
import torch

from grader.confine import (
    Isolation,
    Limits,
    Prepared,
    close_other_descriptors,
    die_with_parent,
    enter_namespaces,
    prepare,
)
from grader.wire import Channel
from grader.worker import bans
from grader.worker.serve import Server

REQUEST_LIMIT = 64 * 1024
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # options of mallopt(3)


@dataclass(slots=True)
class _Child:
    pid: int
    leash: socket.socket
    cpu_seconds: int


def warm_up() -> None:
    """Run each kind of operation once: kernels are chosen by reading /proc and /sys, which a worker may not."""
    x = torch.randn(2, 3, 8, 8, requires_grad=True)
    layers = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.GELU(), torch.nn.BatchNorm2d(4), torch.nn.Flatten())
    hidden = torch.nn.functional.layer_norm(torch.nn.Linear(144, 8)(layers(x)), (8,)).softmax(-1)
    loss = torch.nn.functional.cross_entropy(hidden @ hidden.mT, torch.zeros(2, dtype=torch.long))
    # With grad_outputs, torch imports its symbolic shapes: 40 MB and a third of a second, for each worker if not here.
    torch.autograd.grad(loss, x, torch.ones(()))
    doubled = x.detach().double()
    torch.einsum("bchw,bdhw->bcd", doubled, doubled).logsumexp(-1).sum()
    torch.multinomial(hidden.detach(), 2), torch.randperm(8), torch.topk(hidden, 2), torch.linalg.norm(doubled)
    torch.nn.functional.embedding(torch.zeros(2, dtype=torch.long), torch.zeros(3, 4)).bernoulli_(0.5)
    numpy.random.seed(0)  # numpy imports its generators only when they are wanted: 15 ms of each worker's start


class Nursery:
    """The loop: requests, leashes, and the deaths of children."""

    def __init__(self, requests: socket.socket, prepared: Prepared | None, namespaces: tuple[bool, str]) -> None:
        self.requests = requests
        self.prepared = prepared
        self.namespaces = namespaces
        self.children: dict[int, _Child] = {}
        self.selector = selectors.DefaultSelector()
        self.selector.register(requests, selectors.EVENT_READ, self.serve)
        wake_reader, wake_writer = socket.socketpair()
        wake_reader.setblocking(False)
        wake_writer.setblocking(False)
        self.wake = (wake_reader, wake_writer)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_writer.fileno(), warn_on_full_buffer=False)
        self.selector.register(wake_reader, selectors.EVENT_READ, self.reap)
        self.open = True

    def run(self) -> None:
        while self.open:
            for key, _ in self.selector.select():
                key.data(key.fileobj)
        for child in list(self.children.values()):
            os.kill(child.pid, signal.SIGKILL)

    # ------------------------------------------------------------ requests

    def serve(self, _socket: Any) -> None:
        try:
            data, descriptors, _flags, _address = socket.recv_fds(self.requests, REQUEST_LIMIT, 2)
        except OSError:
            self.open = False
            return
        if not data:
            self.open = False  # the last examiner and the host are gone
            return
        if len(descriptors) != 2:
            for descriptor in descriptors:
                os.close(descriptor)
            return
        worker_end, leash_end = descriptors
        leash = socket.socket(fileno=leash_end)
        leash.setblocking(False)
        limits = json.loads(data)
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:  # out of memory or processes: this submission's worker, not all of them
            _tell(leash, {"fault": error.strerror})
            leash.close()
            os.close(worker_end)
            return
        if pid == 0:
            self.become_worker(parent, worker_end, Limits(**limits))
        os.close(worker_end)
        child = self.children[pid] = _Child(pid, leash, limits["cpu_seconds"])
        self.selector.register(leash, selectors.EVENT_READ, lambda _socket: self.hear(child))
        _tell(leash, {"pid": pid})

    def hear(self, child: _Child) -> None:
        if child.pid not in self.children:
            return  # buried a moment ago, by an earlier event of the same round
        try:
            asked = child.leash.recv(64)
        except BlockingIOError:
            return
        except OSError:
            asked = b""
        if asked == b"cpu":
            with contextlib.suppress(OSError):
                _tell(child.leash, {"cpu": time.clock_gettime(_cpu_clock(child.pid))})
            return
        # The leash was let go. The child is ours and not yet reaped, so the number is still its own.
        os.kill(child.pid, signal.SIGKILL)
        self.selector.unregister(child.leash)

    def reap(self, _socket: Any) -> None:
        with contextlib.suppress(BlockingIOError):
            while self.wake[0].recv(1024):
                pass
        while True:
            try:
                pid, status, used = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            child = self.children.pop(pid, None)
            if child is None:
                continue
            with contextlib.suppress(KeyError):
                self.selector.unregister(child.leash)
            code = os.waitstatus_to_exitcode(status)
            # A worker may send no signal, and its own end by SIGKILL is the kernel's when its processor time is up.
            time_left = used.ru_utime + used.ru_stime < child.cpu_seconds - 1
            _tell(child.leash, {"status": code, "outside": code == -signal.SIGKILL and time_left})
            child.leash.close()

    # -------------------------------------------------------------- worker

    def become_worker(self, parent: int, worker_end: int, limits: Limits) -> NoReturn:
        """In the forked child: leave everything behind but the one socket, confine, serve, and never return."""
        status, server = 70, None
        try:
            die_with_parent(parent)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            null = os.open(os.devnull, os.O_RDWR)
            for standard in (0, 1, 2):
                os.dup2(null, standard)
            os.set_inheritable(worker_end, False)
            close_other_descriptors({0, 1, 2, worker_end, *(self.prepared.descriptors if self.prepared else ())})
            process = _own_number()
            # Made before the confinement: looking at a socket's family takes a system call that a worker does not have.
            server = Server(Channel(socket.socket(fileno=worker_end)))
            isolation = Isolation("none", ())
            if self.prepared is not None:
                isolation = self.prepared.apply(limits).with_namespaces(*self.namespaces)
            server.greet({"level": isolation.level, "layers": list(isolation.layers)}, process)
            server.run()
            status = 0
        except Exception as error:  # noqa: BLE001 - told to the examiner, who knows what to do with it
            if server is not None:
                server.give_up(error)
        finally:
            os._exit(status)


def _own_number() -> str:
    """This process as /proc numbers it, which is not the number that a namespace gives it; empty without /proc."""
    try:
        return os.readlink("/proc/self")  # noqa: PTH115 - pathlib takes longer than the rest of a worker's start
    except OSError:
        return ""


def _cpu_clock(pid: int) -> int:
    """The kernel's clock id of a process's processor time, as clock_getcpuclockid(3) makes it."""
    return (~pid << 3) | 2


def _tell(leash: socket.socket, message: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):
        leash.send(json.dumps(message).encode())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--forbidden", action="append", default=[])
    parser.add_argument("--unconfined", action="store_true", help="for measurements only")
    options = parser.parse_args()
    die_with_parent(options.parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    warm_up()
    _give_memory_back()
    bans.prepare()
    requests = socket.socket(fileno=options.fd)
    namespaces = (False, "not asked for") if options.unconfined else enter_namespaces()
    if namespaces[0]:
        _leave_child_in_namespace()
    prepared = None if options.unconfined else prepare(forbidden=[Path(path) for path in options.forbidden])
    gc.collect()
    gc.freeze()
    Nursery(requests, prepared, namespaces).run()


def _give_memory_back() -> None:
    """Have the C library return what was freed. Left to itself it learns from the first large tensor to keep tens of
    megabytes, in every worker.
    """
    with contextlib.suppress(AttributeError):  # a C library that has no such setting
        for option, limit in ((M_TRIM_THRESHOLD, 4 << 20), (M_MMAP_THRESHOLD, 1 << 20)):
            ctypes.CDLL(None).mallopt(option, limit)


def _leave_child_in_namespace() -> None:
    """After unshare(PID) only a child is inside: go on as that child, the first of the namespace, and only wait
    here.
    """
    pid = os.fork()
    if pid == 0:
        die_with_parent(0)  # a parent outside of the namespace has no number in it
        return
    close_other_descriptors({0, 1, 2})
    _, status = os.waitpid(pid, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


if __name__ == "__main__":
    main()
