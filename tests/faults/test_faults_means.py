"""Descriptors, processes, memory run out: that costs one line, the daemon lives, and serves once they are back."""

from __future__ import annotations

import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from daemon_world import alive, children, command_of
from faults_enclosure import open_to_all
from faults_ground import RIGHT, Ground, kept_as, plain_words, settles, verdict_of

if not shutil.which("prlimit"):
    pytest.skip("takes the program prlimit", allow_module_level=True)

NOBODY = 54_321  # a user that no machine has: what processes it has are ours


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """One for all tests that leave its daemon alive: to start one costs seconds."""
    made = Ground(tmp_path_factory.mktemp("faults") / "ground")
    yield made
    made.close()


@contextmanager
def limited(ground: Ground, pid: int, what: str, most: int) -> Iterator[None]:
    """A process of the ground's user has no more of it for a while. By a program, which is of that user as well."""

    def to(soft: str) -> None:
        subprocess.run([*ground.before, "prlimit", "--pid", str(pid), f"--{what}={soft}:"], check=alive(pid))

    before = subprocess.run(
        [*ground.before, "prlimit", "--pid", str(pid), f"--{what}", "--output=SOFT", "--noheadings"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    to(str(most))
    try:
        yield
    finally:
        to(before.stdout.strip())


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Told in plain words that there is no verdict, and why."""
    assert done.returncode == 3, done.stdout
    assert not done.stdout
    plain_words(done.stderr, most=3)
    for word in words:
        assert word in done.stderr


def ended(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    """What a command that was started came to."""
    out, err = process.communicate(timeout=300)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def right_or_refused(done: subprocess.CompletedProcess[str]) -> str:
    if done.stdout:
        outcome: str = verdict_of(done)["outcome"]
        assert outcome in ("passed", "broken"), done.stdout
        plain_words(done.stderr, most=3)
        return outcome
    refused(done)
    return done.stderr


def socket_of(ground: Ground) -> Path:
    (found,) = (ground.runtime / "practice").glob("*.sock")
    return found


# --------------------------------------------------------------------- descriptors


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_more_connections_than_descriptors(warm: Ground) -> None:
    ground = warm
    ground.run(RIGHT)
    daemon = ground.told_daemon()
    with ExitStack() as held, limited(ground, daemon, "nofile", descriptors(daemon) + 10):
        for _ in range(30):
            connection = held.enter_context(socket.socket(socket.AF_UNIX))
            connection.connect(str(socket_of(ground)))
        waiting = ground.start("run", "double", "--json")
        time.sleep(1)
        before = processor_seconds(daemon)
        time.sleep(3)
        assert processor_seconds(daemon) - before < 0.3, "it waits, and does not spin"
        assert waiting.poll() is None
        held.close()
        out, err = waiting.communicate(timeout=120)
    done = subprocess.CompletedProcess(waiting.args, waiting.returncode, out, err)
    assert verdict_of(done)["outcome"] == "passed"
    assert ground.told_daemon() == daemon


def test_descriptors_that_are_just_not_enough(warm: Ground) -> None:
    """Each place that wants one meets the limit."""
    ground = warm
    ground.run(RIGHT)
    daemon = ground.told_daemon()
    said = set()
    for spare in range(1, 12):
        with limited(ground, daemon, "nofile", descriptors(daemon) + spare):
            said.add(right_or_refused(ground.practice("run", "double", "--json")))
    assert any("Too many open files" in one for one in said), said
    assert "passed" in said
    assert ground.told_daemon() == daemon
    assert ground.run(RIGHT)["outcome"] == "passed"


# ----------------------------------------------------------------------- processes


@pytest.fixture(scope="module")
def common_ground() -> Iterator[Ground]:
    """Of a user for whom the number of processes is limited, which it is not for root."""
    if not os.getuid() and not shutil.which("setpriv"):
        pytest.skip("takes the program setpriv")
    root = Path(tempfile.mkdtemp(prefix="practice-faults-"))  # pytest's own folders are of root alone
    root.chmod(0o755)
    ground = Ground(root / "ground")
    try:
        if os.getuid():
            yield ground
            return
        for above in (ground.root, ground.runtime):
            for folder, _, files in os.walk(above):
                for name in ("", *files):
                    os.chown(Path(folder, name), NOBODY, NOBODY)
        ground.before = ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"]
        with ground.within(*open_to_all(Path(sys.base_prefix), root / "python")):
            yield ground
    finally:
        ground.close()
        shutil.rmtree(root)


def nurseries(daemon: int) -> list[int]:
    """From the one that the daemon started to the one that forks workers."""
    outer = next(pid for pid in children(daemon) if "grader.worker.nursery" in command_of(pid))
    return [outer, *children(outer)]


@pytest.mark.parametrize(
    ("who", "words"),
    [
        ("daemon", ("Grading cannot begin: Resource temporarily unavailable", "Close other programs")),
        ("nursery", ("No process could be started for your code", "Close other programs")),
    ],
)
def test_no_further_process(common_ground: Ground, who: str, words: tuple[str, ...]) -> None:
    ground = common_ground
    kept = [*map(kept_as, ground.attempts()), ground.run(RIGHT)]
    daemon = ground.told_daemon()
    victim = daemon if who == "daemon" else nurseries(daemon)[-1]
    with limited(ground, victim, "nproc", 0):
        for language in ("en", "zh"):
            done = ground.practice("run", "double", "--json", "--lang", language)
            refused(done, *(words if language == "en" else ()))
            assert language == "en" or "进程" in done.stderr or "评分" in done.stderr
    kept.append(ground.run(RIGHT))
    assert ground.told_daemon() == daemon
    assert [kept_as(each) for each in ground.attempts()] == kept


LONG = """\
import time

slept = []

def scale(x, *, factor):
    if not slept:
        slept.append(time.sleep(6))
    return x * factor
"""


def test_no_process_for_one_who_has_waited(common_ground: Ground) -> None:
    """A turn that comes when another submission ends, and not with a request."""
    ground = common_ground
    ground.run(RIGHT)
    daemon = ground.told_daemon()
    ground.write(LONG)
    idle = descriptors(daemon)
    crowd = [ground.start("run", "double", "--json") for _ in range((os.cpu_count() or 1) + 1)]
    # all but one have an examiner, beside the nursery; that one is connected
    everybody_is_heard = settles(
        lambda: descriptors(daemon) < idle + len(crowd) or len(children(daemon)) < 1 + len(crowd) - 1
    )
    with limited(ground, daemon, "nproc", 0):
        done = [ended(each) for each in crowd]
    assert everybody_is_heard
    assert sum(bool(each.stdout) for each in done) == len(done) - 1
    for each in done:
        if each.stdout:
            assert verdict_of(each)["outcome"] == "passed"
        else:
            refused(each, "Grading cannot begin: Resource temporarily unavailable")
    assert ground.told_daemon() == daemon


def test_no_process_for_a_grader(common_ground: Ground) -> None:
    """Neither a daemon nor one for this command alone."""
    ground = common_ground
    ground.practice_daemon("stop")
    ground.before += ["prlimit", "--nproc=0"]
    refused(ground.practice("run", "double", "--json"), "Resource temporarily unavailable")
    assert not list((ground.runtime / "practice").glob("*.sock")), "no socket where nobody listens"
    del ground.before[-2:]
    assert ground.run(RIGHT)["outcome"] == "passed"


# -------------------------------------------------------------------------- memory


@pytest.mark.soak
def test_a_machine_with_little_memory(ground: Ground) -> None:
    """As the client starts, as torch is imported, as processes are forked."""
    for megabytes in range(60, 1600, 60) if os.environ.get("SOAK") else (120, 600):
        ground.before = ["prlimit", f"--as={megabytes << 20}"]
        right_or_refused(ground.practice("run", "double", "--json"))
        ground.before = []
        ground.practice_daemon("stop")
    kept = [kept_as(each) for each in ground.attempts()]
    kept.append(ground.run(RIGHT))
    assert kept[-1]["outcome"] == "passed"
    assert [kept_as(each) for each in ground.attempts()] == kept


def test_memory_that_runs_out(warm: Ground) -> None:
    """The daemon's, between two commands. It may die of that: the next command has another."""
    ground = warm
    ground.run(RIGHT)
    daemon = ground.told_daemon()
    in_use = int(Path(f"/proc/{daemon}/statm").read_text().split()[0]) * resource.getpagesize()
    for spare in (64 << 20, 16 << 20, 4 << 20, 1 << 20, 0):
        if ground.told_daemon() != daemon:
            break
        with limited(ground, daemon, "as", in_use + spare):
            right_or_refused(ground.practice("run", "double", "--json"))
    assert ground.run(RIGHT)["outcome"] == "passed"


# --------------------------------------------------------------------------- a crowd


def test_many_clients_at_once_of_whom_some_vanish(warm: Ground) -> None:
    ground = warm
    kept = [*map(kept_as, ground.attempts()), ground.run(RIGHT)]
    daemon = ground.told_daemon()
    crowd = [ground.start("run", "double", "--json") for _ in range(12)]
    vanished = crowd[1::3]
    for number, client in enumerate(vanished):
        time.sleep(0.3 * number)
        client.kill()
    for client in crowd:
        out, err = client.communicate(timeout=300)
        if client not in vanished:
            kept.append(verdict_of(subprocess.CompletedProcess(client.args, client.returncode, out, err)))
            assert kept[-1]["outcome"] == "passed"
        elif out:
            kept.append(verdict_of(subprocess.CompletedProcess(client.args, 0, out, err)))
    assert settles(lambda: (status := ground.status()) is None or status["examiners"]), "those of the vanished end"
    assert ground.told_daemon() == daemon
    found = [kept_as(each) for each in ground.attempts()]
    assert len([verdict for verdict in found if verdict in kept]) == len(kept)
    assert len(kept) <= len(found) <= len(kept) + len(vanished)
    assert all(verdict["outcome"] == "passed" for verdict in found[-len(crowd) :])
    assert ground.run(RIGHT)["outcome"] == "passed"
