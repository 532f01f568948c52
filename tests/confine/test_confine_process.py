"""Starting clean, ending with the parent, namespaces, and the probe."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import socket
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from confined_child import become_ordinary, in_child

from grader.confine import (
    Limits,
    Prepared,
    clean_environment,
    close_other_descriptors,
    die_with_parent,
    enter_namespaces,
    kernel,
    namespaces,
    prepare,
    probe,
    scrub_environment,
)
from grader.confine.isolation import LAYERS, REQUIRED

LIMITS = Limits(memory_bytes=64 << 20, cpu_seconds=20)
USER, PID, NET = 0x10000000, 0x20000000, 0x40000000

# --------------------------------------------------------------- environment


def test_nothing_of_the_users_environment_reaches_a_nursery(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_TOKEN", "secret")
    clean = clean_environment()
    assert "API_TOKEN" not in clean
    assert "PYTHONPATH" not in clean
    assert {clean[name] for name in clean if name.endswith(("_NUM_THREADS", "THREAD_LIMIT"))} == {"1"}
    assert {"OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_THREAD_LIMIT"} <= set(clean)
    assert (clean["HOME"], clean["LC_ALL"], clean["PYTHONHASHSEED"]) == ("/nonexistent", "C.UTF-8", "0")


def test_a_program_runs_in_it_and_sees_only_it() -> None:
    said = subprocess.run(["env"], capture_output=True, text=True, check=True, env=clean_environment())
    assert dict(line.split("=", 1) for line in said.stdout.splitlines()) == clean_environment()


def test_the_users_own_packages_are_found_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("site.getuserbase", lambda: "/home/ada/.local")
    monkeypatch.setattr("site.ENABLE_USER_SITE", True)
    assert clean_environment()["PYTHONUSERBASE"] == "/home/ada/.local"
    monkeypatch.setattr("site.ENABLE_USER_SITE", False)
    assert "PYTHONUSERBASE" not in clean_environment()


def test_scrubbing_reaches_the_environment_of_the_c_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_TOKEN", "secret")

    def scrubbed() -> list[object]:
        getenv = ctypes.CDLL(None).getenv
        getenv.restype = ctypes.c_char_p
        before = getenv(b"API_TOKEN") == b"secret"
        scrub_environment({"MORE": "this"})
        return [before, dict(os.environ), getenv(b"API_TOKEN"), getenv(b"MORE") == b"this"]

    assert in_child(scrubbed).value() == [True, {**clean_environment(), "MORE": "this"}, None, True]


# --------------------------------------------------------------- descriptors


def test_only_the_descriptors_named_stay_open() -> None:
    def closed(keep_beyond: bool) -> bool:
        # `in_child` answers through a pipe of its own, which has to live
        answer = {int(path.name) for path in Path("/proc/self/fd").iterdir() if "pipe:" in _target(path)}
        opened = [os.open("/dev/null", os.O_RDONLY) for _ in range(8)]
        keep = {*answer, opened[1], opened[4]} | ({4000} if keep_beyond else set())
        close_other_descriptors(keep)
        left = {descriptor for descriptor in range(256) if _is_open(descriptor)}
        return left == keep - {4000}

    assert in_child(lambda: closed(False)).value()
    assert in_child(lambda: closed(True)).value()


def _target(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


# ----------------------------------------------------------- end with the parent


def _ends_with_its_parent(prepare_child: Callable[[int], object], patience: int) -> bool:
    """Whether a grandchild ends when its parent is killed: it holds a pipe open as long as it lives."""
    life, held = os.pipe()
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:
        parent = os.getpid()
        if os.fork() == 0:
            signal.alarm(patience + 2)  # an orphan ends by itself, should nothing else end it
            prepare_child(parent)
            os.write(told, b"x")
        while True:
            select.select([], [], [])
    os.close(held)
    os.read(ready, 1)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    ended, _, _ = select.select([life], [], [], patience)
    for descriptor in (life, ready, told):
        os.close(descriptor)
    return bool(ended)


def test_a_child_ends_with_its_parent_even_after_confinement() -> None:
    prepared = prepare([])

    def confined(parent: int) -> None:
        die_with_parent(parent)
        prepared.apply(LIMITS)

    def in_a_namespace(parent: int) -> None:
        die_with_parent(parent)
        enter_namespaces()

    for start in (die_with_parent, confined, in_a_namespace):
        assert _ends_with_its_parent(start, patience=10), start
    prepared.close()


def test_a_child_that_asks_for_nothing_outlives_its_parent() -> None:
    """So that the test before this one has something to show."""
    assert not _ends_with_its_parent(lambda _: None, patience=1)


def test_a_child_whose_parent_is_gone_already_does_not_start() -> None:
    assert in_child(lambda: die_with_parent(os.getppid())).succeeded
    assert in_child(lambda: die_with_parent(1 if os.getppid() != 1 else 2)).ended == 128 + signal.SIGKILL


# ----------------------------------------------------------------- namespaces


def _namespaces_can_be_had() -> bool:
    """Asked of the kernel past our own code, so that no fault of ours can skip a test."""

    def ask() -> None:
        assert kernel.libc().unshare(USER | NET) == 0
        Path("/proc/self/setgroups").write_text("deny")

    return in_child(ask).succeeded


needs_namespaces = pytest.mark.skipif(not _namespaces_can_be_had(), reason="user namespaces are switched off here")


def _inside(look: Callable[[], object]) -> object:
    """What `look` returns in the first process of the new namespaces."""

    def enter() -> object:
        holds, told = enter_namespaces()
        assert holds, told
        return in_child(look).value()

    return in_child(enter).value()


@needs_namespaces
def test_the_namespaces_hold_nothing_of_the_host() -> None:
    kinds = ("user", "mnt", "net", "ipc", "uts", "pid", "cgroup")
    outside = {kind: os.readlink(f"/proc/self/ns/{kind}") for kind in kinds}  # noqa: PTH115 - as it stands

    def look() -> list[object]:
        same = [kind for kind in kinds if os.readlink(f"/proc/self/ns/{kind}") == outside[kind]]  # noqa: PTH115
        return [same, os.getpid(), os.getuid(), os.getgid(), [name for _, name in socket.if_nameindex()]]

    assert _inside(look) == [[], 1, os.getuid(), os.getgid(), ["lo"]]


@needs_namespaces
def test_what_is_abstract_and_local_outside_is_unreachable_inside() -> None:
    abstract = f"\0practice-namespace-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(abstract)
        server.listen(4)

        def reach() -> bool:
            with socket.socket(socket.AF_UNIX) as client:
                return client.connect_ex(abstract) == 0

        assert in_child(reach).value() is True
        assert _inside(reach) is False


@needs_namespaces
def test_several_workers_can_be_forked_and_confined_inside() -> None:
    def workers() -> list[str]:
        prepared = prepare([])
        return [str(in_child(lambda: prepared.apply(LIMITS).level).value()) for _ in range(3)]

    assert _inside(workers) == ["strict"] * 3


@needs_namespaces
def test_mounts_made_outside_and_inside_stay_where_they_are() -> None:
    def propagation() -> str:
        fields = Path("/proc/self/mountinfo").read_text().splitlines()
        return " ".join(line for line in fields if "shared:" in line or "master:" in line)

    assert _inside(propagation) == ""


@needs_namespaces
def test_an_ordinary_user_enters_them_too() -> None:
    def ordinary() -> object:
        become_ordinary()
        return enter_namespaces()

    holds, told = in_child(ordinary).value()
    assert holds, told
    assert told == "cgroup, ipc, mount, net, pid, user, uts"


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[int], bool]], list[int]]:
    """Replace the kernel's unshare by one that refuses what it is told to, and notes the rest."""

    def install(refuses: Callable[[int], bool]) -> list[int]:
        done: list[int] = []

        def unshare(flags: int) -> None:
            if refuses(flags):
                raise PermissionError(1, "Operation not permitted")
            done.append(flags)

        monkeypatch.setattr(kernel, "unshare", unshare)
        monkeypatch.setattr(kernel, "mount", lambda *_: None)
        monkeypatch.setattr(namespaces, "_map_ids", lambda *_: None)
        return done

    return install


Refusing = Callable[[Callable[[int], bool]], list[int]]


def test_root_does_without_a_user_namespace(refusing: Refusing) -> None:
    done = refusing(lambda flags: bool(flags & USER))
    assert enter_namespaces() == (True, "cgroup, ipc, mount, net, pid, uts")
    assert done[-1] == PID


def test_an_old_kernel_without_cgroup_namespaces_is_no_hindrance(refusing: Refusing) -> None:
    refusing(lambda flags: bool(flags & 0x02000000))
    assert enter_namespaces() == (True, "ipc, mount, net, pid, user")


@pytest.mark.parametrize("refused", [NET, PID, 0xFFFFFFFF])
def test_no_namespace_of_processes_without_the_rest(refusing: Refusing, refused: int) -> None:
    """The caller forks after True only: a namespace of processes entered with False would end with its first worker."""
    done = refusing(lambda flags: bool(flags & refused))
    holds, told = enter_namespaces()
    assert not holds
    assert not any(flags & PID for flags in done)
    assert "Operation not permitted" in told
    assert "user.max_user_namespaces" in told


def test_a_refused_mount_is_not_fatal(refusing: Refusing, monkeypatch: pytest.MonkeyPatch) -> None:
    done = refusing(lambda _: False)

    def refuse(*_args: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(kernel, "mount", refuse)
    assert enter_namespaces()[0] is False
    assert not any(flags & PID for flags in done)


def test_namespaces_are_not_entered_with_threads_or_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "threads", lambda: 2)
    assert enter_namespaces() == (False, "the process has threads: call this before any starts")
    monkeypatch.setattr(kernel, "supported", lambda: False)
    assert enter_namespaces()[0] is False


# ---------------------------------------------------------------------- probe


@needs_namespaces
def test_everything_holds_on_this_machine() -> None:
    before = sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names
    isolation = probe()
    assert (isolation.level, isolation.layers, isolation.missing) == ("strict", LAYERS, ())
    assert sorted(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - names


@needs_namespaces
def test_layers_without_effect_are_found_out() -> None:
    """A filter that allows everything and a ruleset that opens the root: the kernel takes both."""
    allow_everything = struct.pack("=HBBI", 0x06, 0, 0, 0x7FFF0000)
    whole = prepare([Path("/")])
    isolation = probe(Prepared(allow_everything, whole.ruleset, (), whole.readable, whole.dropped))
    whole.close()
    assert isolation.level == "partial"
    assert dict(isolation.missing).keys() == {"landlock", "seccomp"}
    assert set(isolation.layers) == set(LAYERS) - {"landlock", "seccomp"}


def test_the_probe_reports_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grader.confine.trial.enter_namespaces", lambda: (False, "not here"))
    whole = prepare([])
    isolation = probe(Prepared(None, whole.ruleset, (("seccomp", "gone"),), whole.readable, whole.dropped))
    whole.close()
    assert isolation.layers == tuple(layer for layer in REQUIRED if layer != "seccomp")
    assert isolation.missing == (("seccomp", "gone"), ("namespaces", "not here"))
