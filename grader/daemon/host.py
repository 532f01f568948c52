"""The trusted process: imports torch, pytest and hypothesis once, forks an examiner for each submission.

    python -m grader.daemon.host --connection FD    for one client, until it hangs up
    python -m grader.daemon.host --listen FD        the daemon: for every client of this user, until it has been idle

One thread, one loop. The examiner writes to the client itself; the host only watches: a client that hangs up ends its
examiner, an examiner that dies without a verdict is reported. The nursery is started first, so that both import torch
at the same time.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import gc
import json
import os
import selectors
import signal
import socket
import sys
import time
import traceback
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from grader.confine.process import die_with_parent
from grader.daemon import address
from grader.daemon.clients import Client, after_death, overdue, until_overdue
from grader.daemon.grading import answer, error_event, load_content, start_supply
from grader.daemon.protocol import LINE_LIMIT, Event, code_version, send_line
from grader.daemon.record import Record
from grader.errors import GraderFault, PracticeError, out_of_means

if TYPE_CHECKING:
    from grader.content import Exercise

IDLE_SECONDS = 15 * 60.0
SEND_SECONDS = 30.0
DEAF_SECONDS = 0.5
UNTOLD = 71  # an examiner's exit status: what it had to say may stand half written


class Host:
    """The loop. `listening` is None for a host of one client."""

    def __init__(self, listening: socket.socket | None, connection: socket.socket | None) -> None:
        self.version = code_version()
        self.listening = listening
        self.began = time.monotonic()
        self.graded = 0
        self.clients: dict[int, Client] = {}
        self.examiners: dict[int, Client] = {}
        self.queue: collections.deque[Client] = collections.deque()
        self.most = os.cpu_count() or 1
        self.leaving = False
        self.deaf = False  # there was no descriptor left for a client: those who wait are taken later
        self.warmed_further = False
        self.to_rehearse: dict[str, Exercise] = {}
        self.asked: collections.Counter[str] = collections.Counter()  # since it was last rehearsed
        self.supply = start_supply()
        self.selector = selectors.DefaultSelector()
        self.wake, wake_writer = socket.socketpair()
        self.wake.setblocking(False)
        wake_writer.setblocking(False)
        self._wake_writer = wake_writer
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_writer.fileno(), warn_on_full_buffer=False)
        self.selector.register(self.wake, selectors.EVENT_READ, self.reap)
        if listening is not None:
            listening.setblocking(False)
            self.selector.register(listening, selectors.EVENT_READ, self.accept)
        if connection is not None:
            self.add(connection)

    def warm_up(self) -> None:
        """Import everything that an examiner needs, then freeze it, so that forks share the memory."""
        import torch

        torch.set_num_threads(1)
        from grader.exam import warmth

        warmth.warm_up()
        gc.collect()
        gc.freeze()

    # ------------------------------------------------------------------ loop

    def run(self) -> None:
        """Serve until told to leave, idle for long, or without the one client; examiners at work are waited for."""
        while not self.leaving or self.examiners or self.queue:
            idle = self.listening is not None and not self.clients and not self.leaving and not self.deaf
            wait = self.patience() if idle else DEAF_SECONDS if self.deaf else until_overdue(self.examiners.values())
            ready = self.selector.select(wait)
            self.hear_again()
            for pid in overdue(self.examiners):
                _kill(pid)
            if not ready and idle and not self.warm_further():
                self.leave()
            for key, _ in ready:
                key.data()
            if self.listening is None and not self.clients:
                break
        for pid in self.examiners:
            _kill(pid)
        self.supply.close()

    def patience(self) -> float:
        """Seconds to wait for a client: a moment as long as there is something to get ready, then the idle limit."""
        return IDLE_SECONDS if self.warmed_further and not self.to_rehearse else 0.5

    def warm_further(self) -> bool:
        """In an idle moment, do what makes the next verdict faster; False when there is nothing left to do.

        Each exercise that was asked for is rehearsed, step by step: forks then inherit what Hypothesis
        keeps of its checks. What torch imports on the first step of an optimizer, a second, comes last. Whatever goes
        wrong with it (its files have gone, the machine is out of memory) is told when it is graded by.
        """
        from grader.exam import warmth

        if self.to_rehearse:
            id, exercise = self.to_rehearse.popitem()
            with contextlib.suppress(Exception):
                self.rehearse(exercise)
                if not warmth.is_rehearsed(exercise):
                    self.to_rehearse[id] = exercise
        elif not self.warmed_further:
            self.warmed_further = True
            with contextlib.suppress(Exception):
                warmth.warm_further()
            gc.collect()
            gc.freeze()
        else:
            return False
        return True

    def accept(self) -> None:
        assert self.listening is not None
        try:
            sock, _ = self.listening.accept()
        except (BlockingIOError, ConnectionError):
            return
        except OSError:
            # No descriptor or no memory is left, and the socket stays ready: to look again at once would be to spin.
            self.deaf = True
            self.selector.unregister(self.listening)
            return
        if address.peer_uid(sock) == os.getuid():
            self.add(sock)
        else:
            sock.close()

    def hear_again(self) -> None:
        if self.deaf and self.listening is not None and not self.leaving:
            self.selector.register(self.listening, selectors.EVENT_READ, self.accept)
        self.deaf = False

    def add(self, sock: socket.socket) -> None:
        client = Client(sock)
        sock.setblocking(False)
        self.clients[sock.fileno()] = client
        self.selector.register(sock, selectors.EVENT_READ, lambda: self.hear(client))

    def drop(self, client: Client) -> None:
        """The client has gone, or is done with: so is its examiner, and with the examiner its worker."""
        if client.sock.fileno() < 0:
            return
        self.selector.unregister(client.sock)
        self.clients.pop(client.sock.fileno(), None)
        client.sock.close()
        if client in self.queue:
            self.queue.remove(client)
        if client.examiner:
            _kill(client.examiner)

    def hear(self, client: Client) -> None:
        try:
            data = client.sock.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data or len(client.buffer) > LINE_LIMIT:
            self.drop(client)
            return
        client.buffer += data
        line, newline, rest = client.buffer.partition(b"\n")
        if not newline or client.examiner or client.waiting is not None:
            return
        client.buffer = bytearray(rest)
        try:
            request = json.loads(line)
            self.obey(client, request)
        except (ValueError, KeyError, TypeError) as error:
            self.refuse(client, GraderFault(f"a request that the grader does not understand: {error}"))
        except (OSError, MemoryError) as error:
            self.refuse(client, out_of_means(error))

    def refuse(self, client: Client, why: PracticeError) -> None:
        """Nothing comes of this request; those of others go on."""
        self.tell(client, error_event(why))
        self.drop(client)

    def obey(self, client: Client, request: Event) -> None:
        if request["op"] not in ("run", "status", "stop"):
            raise KeyError(request["op"])
        if request["op"] == "stop":
            self.tell(client, {"event": "stopping"})
            self.leave()
        elif request["version"] != self.version or (self.listening is not None and code_version_now() != self.version):
            self.leave()  # first, or the client would come back to this one
            self.tell(client, {"event": "stale"})
            self.drop(client)
        elif request["op"] == "status":
            self.tell(client, {"event": "status", **self.status()})
        else:
            client.waiting = request
            self.queue.append(client)
            self.start_examiners()

    def status(self) -> dict[str, Any]:
        return {
            "pid": os.getpid(),
            "nursery": self.supply.process.pid,
            "version": self.version,
            "seconds": round(time.monotonic() - self.began, 1),
            "graded": self.graded,
            "examiners": len(self.examiners),
            "idle_seconds": IDLE_SECONDS,
        }

    def tell(self, client: Client, event: Event) -> None:
        try:
            client.sock.settimeout(SEND_SECONDS)
            send_line(client.sock, event)
            client.sock.setblocking(False)
        except OSError:
            self.drop(client)

    def leave(self) -> None:
        """Stop listening; the loop ends with the last examiner. A command that comes now starts another daemon."""
        if self.leaving:
            return
        self.leaving = True
        if self.listening is not None:
            with contextlib.suppress(OSError), address.locked():
                address.remove_own(self.listening)
            if not self.deaf:
                self.selector.unregister(self.listening)
            self.listening.close()

    # ------------------------------------------------------------- examiners

    def start_examiners(self) -> None:
        while self.queue and len(self.examiners) < self.most:
            client = self.queue.popleft()
            request, client.waiting = client.waiting, None
            if request is None:
                continue
            try:
                self.start_examiner(client, request)
            except PracticeError as error:
                self.refuse(client, error)
            except (OSError, MemoryError) as error:
                self.refuse(client, out_of_means(error))

    def start_examiner(self, client: Client, request: Event) -> None:
        if self.supply.process.poll() is not None:
            self.supply.close()
            self.supply = start_supply()
        exercise = load_content(request)
        if exercise is not None and self.listening is not None:
            self.prepare_for(exercise)
        if exercise is not None:
            from grader.exam.link import worker_limits

            self.supply.order_ahead(*worker_limits(exercise))  # the nursery forks while this process does
        client.processor = self.free_processor()
        client.record = Record()
        parent = os.getpid()
        try:
            pid = os.fork()
            if pid == 0:
                self.become_examiner(parent, client, request, exercise)
        finally:
            self.supply.leave_ahead()
        client.examiner = pid
        client.exercise, client.filename = exercise, str(request["filename"])
        client.began, client.overdue = time.monotonic(), False
        self.examiners[pid] = client

    def free_processor(self) -> int | None:
        """Where the next examiner is to work."""
        from grader.exam.pairing import free_processor

        return free_processor([one.processor for one in self.examiners.values() if one.processor is not None])

    def prepare_for(self, exercise: Exercise) -> None:
        """Rehearse what has been asked for, if not in idle moments then a step before it is graded for the third time,
        and for the sixth: a cohort leaves no idle moments.
        """
        from grader.exam import warmth

        if warmth.is_rehearsed(exercise):
            return
        self.to_rehearse[exercise.id] = exercise
        self.asked[exercise.id] += 1
        if self.asked[exercise.id] > 2:
            self.rehearse(self.to_rehearse.pop(exercise.id))

    def rehearse(self, exercise: Exercise) -> None:
        from grader.exam import warmth

        self.asked.pop(exercise.id, None)
        warmth.rehearse_a_step(exercise)
        gc.collect()
        gc.freeze()

    def become_examiner(self, parent: int, client: Client, request: Event, exercise: Exercise | None) -> NoReturn:
        """In the forked child: grade, write to the client, and never return."""
        status = 70
        try:
            die_with_parent(parent)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self.selector.close()
            for other in (self.wake, self._wake_writer, self.listening, *(c.sock for c in self.clients.values())):
                if other is not None and other is not client.sock:
                    other.close()
            client.sock.setblocking(True)
            client.sock.settimeout(SEND_SECONDS)
            tell = partial(send_line, client.sock)
            tell(answer(request, self.supply, tell, exercise, client.processor, client.record))
            status = 0
        except OSError:
            status = UNTOLD  # most likely the client has gone; one that is still there must not wait for ever
        except BaseException:  # noqa: BLE001 - the host reports a death without a verdict
            if os.environ.get("PRACTICE_DEBUG"):
                traceback.print_exc()
        finally:
            os._exit(status)

    def reap(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self.wake.recv(1024):
                pass
        for pid, client in list(self.examiners.items()):
            found, status = os.waitpid(pid, os.WNOHANG)
            if not found:
                continue
            del self.examiners[pid]
            client.examiner = 0
            self.graded += 1
            code = os.waitstatus_to_exitcode(status)
            if code == UNTOLD:
                self.drop(client)
            elif code != 0 and client.sock.fileno() >= 0:
                self.tell(client, after_death(client, code))
            if client.record is not None:
                client.record.close()
                client.record = None
        self.start_examiners()


def code_version_now() -> str:
    """The version on disk at this moment: a daemon that runs old code must not answer for new files."""
    code_version.cache_clear()
    return code_version()


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", type=int)
    parser.add_argument("--connection", type=int)
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    listening = socket.socket(fileno=options.listen) if options.listen is not None else None
    connection = socket.socket(fileno=options.connection) if options.connection is not None else None
    for sock in (listening, connection):
        if sock is not None:
            sock.set_inheritable(False)
    host = Host(listening, connection)
    host.warm_up()
    host.run()
    sys.exit(0)


if __name__ == "__main__":
    main()
