"""A scheduler of Dask with workers of its own: what is asked of each host, and what happens without one."""

from __future__ import annotations

import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from cohort_ground import hand_in_all, results_of, start
from course_ground import RIGHT, Ground

from grader.course import cluster, grading
from grader.course.cluster import carried_out, inspected
from grader.course.cohort import Done, Order, Wishes, Work, order_of
from grader.errors import Text


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def a_cluster(ground: Ground, workers: int = 2) -> Iterator[str]:
    """A scheduler and workers as an administrator starts them; the scheduler's address."""
    at = f"tcp://127.0.0.1:{free_port()}"
    port = at.rpartition(":")[2]
    common = {"env": ground.variables, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    module = {"scheduler": "distributed.cli.dask_scheduler", "worker": "distributed.cli.dask_worker"}
    own = ["--host", "127.0.0.1", "--port", port, "--no-dashboard"]
    processes = [subprocess.Popen([sys.executable, "-m", module["scheduler"], *own], **common)]
    for _ in range(workers):
        command = [sys.executable, "-m", module["worker"], at, "--nthreads", "1", "--no-dashboard", "--no-nanny"]
        processes.append(subprocess.Popen(command, cwd=ground.root, **common))
    try:
        wait_for_workers(at, workers)
        yield at
    finally:
        for process in reversed(processes):
            process.kill()
            process.wait(timeout=60)


def wait_for_workers(at: str, count: int) -> None:
    from distributed import Client

    with Client(at, timeout=60, set_as_default=False) as client:
        client.wait_for_workers(count, timeout=120)


def test_a_cohort_on_a_scheduler(course_ground: Ground) -> None:
    sources = hand_in_all(course_ground, 12)
    with a_cluster(course_ground) as at:
        out = start(course_ground, "--cluster", at).ended()
    assert "12 submissions; 24 parts graded" in out
    with results_of(course_ground) as results:
        found = {each.student: each.source.strip() for each in results.all("ps1") if each.part == "scale"}
    assert found == {student: source.strip() for student, source in sources.items()}


@pytest.mark.parametrize("at", ["tcp://127.0.0.1:{port}", "nonsense", "tcp://no.such.host.invalid:8786", "ftp://x:1"])
def test_no_scheduler_is_one_clear_line(course_ground: Ground, at: str) -> None:
    course_ground.hand_in("ada", RIGHT)
    address = at.format(port=free_port())
    out = course_ground.practice("course", "grade", "ps1", "--cluster", address, cwd=course_ground.folder, status=2)
    assert f"error: no scheduler answers at {address}" in out
    assert "dask scheduler" in out
    assert len(out.strip().splitlines()) == 2


class _Answers(socketserver.BaseRequestHandler):
    """What answers at a port that is no scheduler's: words of another protocol, or nothing."""

    words = b""

    def handle(self) -> None:
        self.request.sendall(self.words)
        self.request.recv(1 << 16)
        threading.Event().wait(120)


@pytest.mark.parametrize("words", [b"", b"HTTP/1.0 400 Bad request\r\n\r\n", b"SSH-2.0-x\r\n"])
def test_a_port_of_something_else_is_one_clear_line(course_ground: Ground, words: bytes) -> None:
    course_ground.hand_in("ada", RIGHT)
    answers = type("Answers", (_Answers,), {"words": words})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), answers) as server:
        server.daemon_threads, server.block_on_close = True, False
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"tcp://127.0.0.1:{server.server_address[1]}"
        began = time.monotonic()
        out = course_ground.practice("course", "grade", "ps1", "--cluster", address, cwd=course_ground.folder, status=2)
        server.shutdown()
    assert f"error: no scheduler answers at {address}" in out
    assert len(out.strip().splitlines()) == 2
    assert time.monotonic() - began < 60


class TestAHostThatDiffers:
    def order(self, ground: Ground) -> Order:
        ground.hand_in("ada", RIGHT)
        return order_of(ground.course, "ps1", Wishes())

    def test_may_grade_where_it_does_not(self, course_ground: Ground) -> None:
        assert inspected(self.order(course_ground), cluster.code_version()) is None

    def test_other_code(self, course_ground: Ground) -> None:
        order = self.order(course_ground)
        work = Work("ada", course_ground.submitted("ada"), {})
        refused = carried_out(order, "another", work)
        assert isinstance(refused, Text)
        assert f"{socket.gethostname()}: other code than here" in refused.en
        assert not (course_ground.folder / "autograded").exists(), "nothing was graded"

    def test_other_content(self, course_ground: Ground) -> None:
        order = self.order(course_ground)
        root = next(root for root in course_ground.course.roots if (root / "solutions/scale").is_dir())
        checks = root / "solutions/scale/checks.py"
        before = checks.read_text()
        try:
            checks.write_text(before + "# changed\n")
            refused = inspected(order, None)
        finally:
            checks.write_text(before)
        assert refused is not None
        assert "the content of 'scale' is another than here" in refused.en

    def test_no_course_there(self, course_ground: Ground, tmp_path: Path) -> None:
        order = replace(self.order(course_ground), folder=tmp_path / "elsewhere")
        refused = inspected(order, None)
        assert refused is not None
        assert "holds no course.yaml" in refused.en

    def test_a_worker_without_strict_confinement(self, course_ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(grading, "isolation_here", lambda: ("none", Text.same("")))
        refused = inspected(self.order(course_ground), None)
        assert refused is not None
        assert "confinement here is 'none'" in refused.en


def test_a_submission_that_outlives_no_worker_is_our_fault(course_ground: Ground) -> None:
    course_ground.hand_in("ada", RIGHT)
    order = order_of(course_ground.course, "ps1", Wishes())
    done = cluster.lost(order, Work("ada", course_ground.submitted("ada"), {}))
    assert isinstance(done, Done)
    assert [(each.part, each.outcome, each.max_points) for each in done.results] == [
        ("scale", "broken", 4.0),
        ("gan", "broken", 5.0),
    ]


LAUNCH = """
import sys
from dask_jobqueue.local import LocalCluster  # what SLURMCluster is, with a shell in place of sbatch
from distributed import Client

if __name__ == "__main__":
    with LocalCluster(cores=1, processes=1, memory="2GB", interface="lo", python=sys.executable) as jobs:
        jobs.scale(jobs=2)
        with Client(jobs) as client:
            client.wait_for_workers(2, timeout=120)
            print(jobs.scheduler_address, flush=True)
            sys.stdin.read()
"""


def test_jobs_of_a_batch_system(course_ground: Ground) -> None:
    pytest.importorskip("dask_jobqueue", reason="dask-jobqueue is not installed")
    hand_in_all(course_ground, 8)
    launcher = subprocess.Popen(
        [sys.executable, "-c", LAUNCH],
        cwd=course_ground.root,
        env=course_ground.variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert launcher.stdout is not None
        at = launcher.stdout.readline().strip()
        assert at.startswith("tcp://")
        assert "8 submissions; 16 parts graded" in start(course_ground, "--cluster", at).ended()
    finally:
        launcher.communicate("", timeout=120)
