"""A cohort over many processes and hosts, by Dask: a cluster of this machine's own, or a scheduler's address.

Each worker does one student's submission at a time and asks the daemon of its own host for verdicts. It must see the
course's folder at the same path, hold the same code and the same content, and be able to confine strictly: every
worker is asked before the first submission goes out, and one that joins later is asked before its first. A worker
that is lost takes nothing with it: Dask gives its submissions to another, and only what comes back is committed.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from hashlib import sha256
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from grader.course.cohort import Done, Order, Work, grade_student
from grader.course.course import Course
from grader.course.grading import require_strict_isolation, standard_of
from grader.errors import GraderFault, PracticeError, Text, UsageError

CONNECT_SECONDS = 10
STARTS = 2
LOST_WORKERS = 10  # that one submission may outlive before it is called a fault
AHEAD = 2  # pieces of work for each thread of a worker: one at work, one that waits for it
_DECIDES = ("torch", "hypothesis", "pytest", "numpy")  # what a verdict depends on beside our own code
_RECOUNT = 50
_ADDRESS = re.compile(r"((tcp|tls|wss?|ucxx?)://)?[^/\s]+:\d{1,5}")

# Of the scheduler in this process: by default it remembers a hundred thousand steps, which a cohort fills.
_SETTINGS = {
    "distributed.admin.low-level-log-length": 100,
    "distributed.admin.log-length": 100,
    "distributed.admin.event-loop-monitor-interval": "10s",
    "distributed.scheduler.allowed-failures": LOST_WORKERS,
    "distributed.scheduler.events-cleanup-delay": "10s",
    "distributed.worker.profile.enabled": False,
    "distributed.worker.daemon": False,
}


class Cluster:
    """The workers behind a client of Dask. `code` is what they must run; None where they run this very installation."""

    def __init__(self, client: Any, where: str, code: str | None) -> None:
        self._client = client
        self._where = where
        self._code = code

    def carry_out(self, order: Order, works: Iterator[Work]) -> Iterator[Done]:
        """As `Workforce` has it. UsageError for a host that may not grade, or when the scheduler has gone."""
        with self._telling():
            self._inspect(order)
            yield from self._streamed(order, works)

    def _inspect(self, order: Order) -> None:
        """Ask every worker that is there now, so that a host that differs is told of at once."""
        complaints: dict[str, Text | BaseException | None] = self._client.run(
            inspected, order, code_version(), on_error="return"
        )
        for worker, complaint in complaints.items():
            if type(complaint).__name__ == "CommClosedError":
                continue  # lost while it was asked: who comes in its place is asked before its first submission
            if isinstance(complaint, BaseException):
                why = " ".join(f"{type(complaint).__name__}: {complaint}".split())[:200]
                raise _refused(Text(f"the worker {worker}: {why}", f"工作进程 {worker}：{why}"))
            if complaint is not None:
                raise _refused(complaint)

    def _streamed(self, order: Order, works: Iterator[Work]) -> Iterator[Done]:
        under_way: dict[Any, Work] = {}
        finished = _distributed().as_completed(loop=self._client.loop, with_results=True, raise_errors=False)
        room, count = self._room(), 0
        while True:
            while len(under_way) < room and (work := next(works, None)) is not None:
                future = self._client.submit(
                    carried_out, order, self._code, work, pure=False, key=f"grade-{order.run}-{work.student}"
                )
                under_way[future] = work
                finished.add(future)
            if not under_way:
                return
            future, found = next(finished)
            work = under_way.pop(future)
            yield self._done(future, found, work, order)
            count += 1
            if count % _RECOUNT == 0:
                room = self._room()  # workers come and go

    def _done(self, future: Any, found: Any, work: Work, order: Order) -> Done:
        if isinstance(found, Done):
            return found
        if isinstance(found, Text):
            raise _refused(found)
        error = found[1] if isinstance(found, tuple) else found
        if future.status == "cancelled" or not isinstance(error, BaseException):
            raise self._gone()
        if type(error).__name__ == "KilledWorker":
            return lost(order, work)
        raise GraderFault(f"{work.student}: " + " ".join(f"{type(error).__name__}: {error}".split())[:300])

    def _room(self) -> int:
        threads: dict[str, int] = self._client.nthreads()
        return max(4, AHEAD * sum(threads.values()))

    def _gone(self) -> UsageError:
        return UsageError(
            Text(f"the scheduler {self._where} has gone", f"调度器 {self._where} 已断开"),
            Text(
                "start it again; the same command with --resume goes on",
                "请重新启动它；加上 --resume 再运行即可继续",
            ),
        )

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except (OSError, TimeoutError):  # Dask's CommClosedError is an OSError
            raise self._gone() from None


def lost(order: Order, work: Work) -> Done:
    """What is said of a submission with which every worker was lost: our fault, in each of its parts."""
    from datetime import UTC, datetime

    from grader.course.result import Result

    fault = Text(
        f"{LOST_WORKERS} workers were lost while they graded it: is there enough memory?",
        f"评分时先后有 {LOST_WORKERS} 个工作进程中断：内存是否足够？",
    )
    now = datetime.now(UTC)
    return Done(
        work.student,
        tuple(
            Result(
                order.assignment,
                work.student,
                part,
                standard.kind,
                "broken",
                0.0,
                standard.max_points,
                "",
                standard.content_version,
                now,
                fault=fault,
            )
            for part, standard in order.standards.items()
        ),
    )


# ------------------------------------------------------------------------- on a worker


def carried_out(order: Order, code: str | None, work: Work) -> Done | Text:
    """One piece of work on a worker; why this worker may not do any, where it may not."""
    complaint = inspected(order, code)
    return complaint if complaint is not None else grade_student(order, work)


def inspected(order: Order, code: str | None) -> Text | None:
    """Why this host may not grade; None where it may. Found out once for each run."""
    return _inspected(order.run, code, _Held(order))


class _Held:
    """An order as an argument that a cache does not look at: its run tells it."""

    def __init__(self, order: Order) -> None:
        self.order = order

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held) and other.order.run == self.order.run

    def __hash__(self) -> int:
        return hash(self.order.run)


@lru_cache(maxsize=4)
def _inspected(run: str, code: str | None, held: _Held) -> Text | None:  # noqa: ARG001 - one answer for each run
    order, host = held.order, socket.gethostname()
    try:
        if code is not None and code_version() != code:
            return Text(
                f"{host}: other code than here, or another version of {', '.join(_DECIDES)}",
                f"{host}：代码与本机不同，或 {'、'.join(_DECIDES)} 的版本不同",
            )
        if order.require_strict:
            require_strict_isolation()
        course = Course.open(order.folder, order.roots)
        for part, standard in order.standards.items():
            if standard_of(part, standard.kind, course).content_version != standard.content_version:
                return Text(
                    f"{host}: the content of '{part}' is another than here", f"{host}：'{part}' 的内容与本机不同"
                )
    except PracticeError as error:
        return Text(f"{host}: {error.message.en}", f"{host}：{error.message.zh}")
    return None


@cache
def code_version() -> str:
    """A digest of the package's files and of what a verdict depends on, the same on every host that holds the same:
    `grader.daemon.protocol.code_version` is of one installation.
    """
    package = Path(__file__).resolve().parent.parent
    digest = sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(f"{path.relative_to(package).as_posix()}\0".encode())
        digest.update(path.read_bytes())
    for name in _DECIDES:
        digest.update(f"{name} {metadata.version(name)}\0".encode())
    return digest.hexdigest()[:16]


def _refused(complaint: Text) -> UsageError:
    return UsageError(
        complaint,
        Text(
            "install the same practice and content on every host, and mount the course at the same path",
            "请在每台主机上安装相同的 practice 和题库，并把课程挂载到相同路径",
        ),
    )


# ---------------------------------------------------------------------------- clusters


@contextmanager
def local(workers: int) -> Iterator[Cluster]:
    """Worker processes of this machine, which end with this process, however it ends."""
    dask = _distributed()
    with (
        _settings(),
        _started(dask, workers) as cluster,
        dask.Client(cluster, set_as_default=False) as client,
    ):
        yield Cluster(client, cluster.scheduler_address, None)


def _started(dask: Any, workers: int) -> Any:
    """A cluster of Dask with all its workers. One that dies before it has begun ends the whole: then once more."""
    why = ""
    for _ in range(STARTS):
        try:
            # Whoever can reach a scheduler can run code as its user; on a shared machine that is everybody.
            return dask.LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                protocol="tls://",
                security=dask.Security.temporary(),
                dashboard_address=None,
                memory_limit=0,
                silence_logs=logging.CRITICAL,
            )
        except (RuntimeError, OSError, TimeoutError) as error:
            why = " ".join(str(error).split())[:160]
    raise GraderFault(
        Text(f"the workers do not start: {why}", f"工作进程无法启动：{why}"),
        Text("close other programs, or ask for fewer workers", "请关闭其他程序，或减少工作进程数"),
    )


@contextmanager
def remote(address: str) -> Iterator[Cluster]:
    """The workers of a scheduler that runs already. UsageError where none answers."""
    dask = _distributed()
    try:
        # A client that cannot read its address waits twenty seconds for itself at its end.
        if not _ADDRESS.fullmatch(address):
            raise ValueError("is no address")
        kind = asyncio.run(_answering(address))
        if not kind.endswith("Scheduler"):
            raise ValueError(f"it is a {kind or 'program'} of another kind")
        client = dask.Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except Exception as error:  # noqa: BLE001 - whatever it is that answers there
        why = " ".join(str(error).split())[:160] or type(error).__name__
        raise UsageError(
            Text(f"no scheduler answers at {address}: {why}", f"{address} 没有调度器应答：{why}"),
            Text(
                "start one: `dask scheduler`, and name its address, such as tcp://HOST:8786",
                "请先启动：`dask scheduler`，并写出它的地址，如 tcp://HOST:8786",
            ),
        ) from None
    with client:
        yield Cluster(client, address, code_version())


async def _answering(address: str) -> str:
    """What answers at an address, by its own word. Dask's client has a deadline for connecting, and none for what
    comes then: it waits for a server of another kind for ever.
    """
    core = import_module("distributed.core")
    security = import_module("distributed").Security()

    async def ask() -> str:
        comm = await core.connect(address, timeout=CONNECT_SECONDS, **security.get_connection_args("client"))
        try:
            said = await core.send_recv(comm, op="identity", reply=True)
        finally:
            comm.abort()
        return str(said.get("type", "")) if isinstance(said, dict) else ""

    return await asyncio.wait_for(ask(), CONNECT_SECONDS)


def _distributed() -> Any:
    """Dask, which has no types. What it says itself is for its developers. UsageError where it is missing."""
    if find_spec("distributed") is None:
        raise UsageError(
            Text("Dask is not installed", "没有安装 Dask"), Text.same("pip install 'practice-llm[course]'")
        )
    if not os.environ.get("PRACTICE_DEBUG"):
        for name in ("distributed", "tornado", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
    return import_module("distributed")


def _settings() -> Any:
    return import_module("dask.config").set(_SETTINGS)
