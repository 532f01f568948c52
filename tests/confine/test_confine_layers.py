"""Landlock, limits and privileges, each by itself: what it does, and what it says where it cannot be had."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import subprocess
import sysconfig
from pathlib import Path

import pytest
from confined_child import become_ordinary, in_child

from grader.confine import Limits, kernel, landlock, prepare, privileges, rlimits

LIMITS = Limits(memory_bytes=64 << 20, cpu_seconds=20)
ROOT = os.geteuid() == 0


# Linux's include/uapi/linux/landlock.h, each ABI written out: filesystem, network, scopes
ABI = {
    1: (0x1FFF,),
    2: (0x3FFF,),
    3: (0x7FFF,),
    4: (0x7FFF, 0x3),
    5: (0xFFFF, 0x3),
    6: (0xFFFF, 0x3, 0x3),
    7: (0xFFFF, 0x3, 0x3),
}


@pytest.mark.parametrize("version", ABI)
def test_all_rights_of_an_abi_are_handled(version: int) -> None:
    packed = landlock.attributes(version)
    assert tuple(memoryview(packed).cast("Q")) == ABI[version]
    if version <= landlock.abi():  # the running kernel takes it as it is
        os.close(kernel.syscall("landlock_create_ruleset", packed, len(packed), 0))


def test_a_newer_abi_is_used_as_far_as_it_is_known() -> None:
    assert landlock.attributes(99) == landlock.attributes(7)


@pytest.mark.parametrize(
    ("number", "remedy"), [(errno.ENOSYS, "Linux 5.13"), (errno.EOPNOTSUPP, "lsm="), (errno.EPERM, "container")]
)
def test_a_missing_landlock_is_told_with_its_remedy(monkeypatch: pytest.MonkeyPatch, number: int, remedy: str) -> None:
    def refuse(*_args: object) -> int:
        raise OSError(number, "no")

    monkeypatch.setattr(kernel, "syscall", refuse)
    prepared = prepare([])
    assert prepared.ruleset is None
    [(layer, why)] = prepared.missing
    assert layer == "landlock"
    assert remedy in why
    assert "\n" not in why


def test_a_kernel_that_claims_too_much_is_taken_at_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """RHEL 9 says ABI 6 and knows no scope for signals."""
    real = kernel.syscall

    def overstating(name: str, *args: int | bytes | None) -> int:
        if name == "landlock_create_ruleset" and isinstance(args[0], bytes) and len(args[0]) == 24:
            raise OSError(errno.EINVAL, "no")
        return real(name, *args)

    monkeypatch.setattr(kernel, "syscall", overstating)
    os.close(landlock.create([]))


def test_nothing_is_run_even_from_a_readable_path() -> None:
    program = Path(shutil.which("true") or "/bin/true").resolve()

    def run(readable: Path) -> bool:
        privileges.forbid_new_privileges()
        landlock.restrict(landlock.create([readable, Path("/usr/lib")]))
        read = len(program.read_bytes())
        try:
            os.execv(program, ["true"])
        except PermissionError:
            return read > 0

    for readable in (program, program.parent):
        assert in_child(lambda: run(readable)).value() is True  # noqa: B023 - run at once


def test_paths_out_of_this_users_reach_need_no_rule(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "file").touch()

    def create() -> bool:
        become_ordinary()
        missing = [tmp_path / "file", tmp_path / "absent", tmp_path / "file" / "below"]
        os.close(landlock.create([*missing, Path("/dev/null/below")]))
        return True

    assert in_child(create).value()


def test_a_ruleset_half_made_is_not_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    real = kernel.syscall

    def failing(name: str, *args: int | bytes | None) -> int:
        if name == "landlock_add_rule":
            raise OSError(errno.ENOMEM, "no")
        return real(name, *args)

    monkeypatch.setattr(kernel, "syscall", failing)
    before = sorted(path.name for path in Path("/proc/self/fd").iterdir())
    prepared = prepare([])
    assert [layer for layer, _ in prepared.missing] == ["landlock"]
    assert sorted(path.name for path in Path("/proc/self/fd").iterdir()) == before


def test_the_ruleset_serves_every_child_and_is_closed_in_each() -> None:
    prepared = prepare([Path("/usr/lib")])
    assert prepared.ruleset is not None
    assert prepared.descriptors == {prepared.ruleset}
    assert prepared.ruleset > 15  # out of the way of the numbers that callers give out themselves

    def confined() -> bool:
        assert prepared.ruleset is not None
        held = prepared.apply(LIMITS).layers
        try:
            os.fstat(prepared.ruleset)
        except OSError:
            return "landlock" in held
        return False

    assert in_child(confined).value()
    assert in_child(confined).value()
    os.close(prepared.ruleset)


def test_python_and_the_devices_can_still_be_read() -> None:
    def confined() -> list[object]:
        prepare().apply(LIMITS)
        with Path("/dev/urandom").open("rb", buffering=0) as random, Path("/dev/null").open("rb") as null:
            said: list[object] = [len(random.read(8)), len(null.read(8))]
        import colorsys  # not loaded yet

        return [*said, colorsys.__name__, len(list(Path(sysconfig.get_path("stdlib")).iterdir())) > 100]

    assert in_child(confined).value() == [8, 0, "colorsys", True]


def test_every_limit_is_set_soft_and_hard() -> None:
    def limited() -> dict[str, tuple[int, int]]:
        before = rlimits.address_space()
        rlimits.apply(Limits(memory_bytes=1 << 30, cpu_seconds=7, open_files=33))
        names = [name for name in dir(resource) if name.startswith("RLIMIT_")]
        found = {name: resource.getrlimit(getattr(resource, name)) for name in names}
        soft, hard = (value - before - (1 << 30) for value in found["RLIMIT_AS"])
        return {**found, "RLIMIT_AS": (abs(soft) >> 24, abs(hard) >> 24)}  # within 16 MB

    stack = list(resource.getrlimit(resource.RLIMIT_STACK))
    found = in_child(limited).value()
    zero = ("FSIZE", "CORE", "NPROC", "MEMLOCK", "MSGQUEUE", "SIGPENDING", "NICE", "RTPRIO")
    assert {name: found[f"RLIMIT_{name}"] for name in zero} == {name: [0, 0] for name in zero}
    assert found["RLIMIT_CPU"] == [7, 7]
    assert found["RLIMIT_NOFILE"] == [33, 33]
    assert found["RLIMIT_STACK"] == stack
    assert found["RLIMIT_AS"] == [0, 0]


def test_memory_counts_from_what_is_in_use() -> None:
    def use(size: int) -> int:
        rlimits.apply(LIMITS)
        return len(bytearray(size))

    assert in_child(lambda: use(32 << 20)).value() == 32 << 20
    assert in_child(lambda: use(128 << 20)).error == "MemoryError"


def test_an_ordinary_user_keeps_the_lower_limits_there_are() -> None:
    def limited() -> tuple[int, int]:
        become_ordinary()
        resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
        rlimits.apply(LIMITS)
        return resource.getrlimit(resource.RLIMIT_NOFILE)

    assert in_child(limited).value() == [32, 32]


def test_no_fork_is_left_to_an_ordinary_user() -> None:
    def fork() -> int:
        become_ordinary()
        rlimits.apply(LIMITS)
        child = os.fork()
        if child == 0:
            os._exit(0)
        return os.waitpid(child, 0)[1]

    assert in_child(fork).errno == errno.EAGAIN


def test_processor_time_ends_even_for_who_ignores_the_warning() -> None:
    def spin() -> None:
        signal.signal(signal.SIGXCPU, signal.SIG_IGN)
        rlimits.apply(Limits(memory_bytes=1 << 20, cpu_seconds=1))
        while True:
            pass

    assert in_child(spin).ended == -signal.SIGKILL


def test_a_write_beyond_the_limit_is_an_error_and_not_a_death(tmp_path: Path) -> None:
    def write() -> int:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        with (tmp_path / "file").open("wb", buffering=0) as file:
            rlimits.apply(LIMITS)
            return file.write(b"x")

    assert in_child(write).errno == errno.EFBIG


def test_without_proc_memory_is_told_to_be_unlimited_and_the_rest_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> int:
        raise FileNotFoundError(errno.ENOENT, "no /proc")

    monkeypatch.setattr(rlimits, "address_space", unknown)

    def confined() -> tuple[object, ...]:
        isolation = prepare([]).apply(LIMITS)
        return isolation.level, isolation.missing, resource.getrlimit(resource.RLIMIT_CORE)

    level, [(layer, why)], core = in_child(confined).value()
    assert (level, layer, core) == ("partial", "rlimits", [0, 0])
    assert "RLIMIT_AS" in why


@pytest.mark.skipif(not ROOT, reason="only root has capabilities to lose")
def test_every_set_of_capabilities_is_emptied() -> None:
    def dropped() -> dict[str, str]:
        privileges.drop_capabilities()
        lines = Path("/proc/self/status").read_text().splitlines()
        return {line[:6]: line.split()[1] for line in lines if line.startswith("Cap")}

    sets = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
    assert in_child(dropped).value() == dict.fromkeys(sets, "0" * 16)


def test_capabilities_that_remain_are_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privileges, "holds_no_capability", lambda: False)

    def confined() -> object:
        return prepare([]).apply(LIMITS).missing

    [(layer, why)] = in_child(confined).value()
    assert layer == "capabilities"
    assert "remain" in why


@pytest.mark.skipif(not ROOT, reason="makes a set-user-id program")
def test_a_set_user_id_program_gives_nothing_after_no_new_privs() -> None:
    with_root = Path(f"/tmp/practice-test-id-{os.getpid()}")
    shutil.copy(shutil.which("id") or "/usr/bin/id", with_root)
    with_root.chmod(0o4755)
    command = [str(with_root), "-u"]

    def run(*, restricted: bool) -> str:
        become_ordinary()
        if restricted:
            privileges.forbid_new_privileges()
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        assert in_child(lambda: run(restricted=False)).value() == "0"
        assert in_child(lambda: run(restricted=True)).value() == "65534"
    finally:
        with_root.unlink()


def test_no_process_of_the_same_user_looks_into_one_that_forbids_it() -> None:
    def look(*, forbidden: bool) -> int:
        become_ordinary()
        ready, told = os.pipe()
        child = os.fork()
        if child == 0:
            if forbidden:
                privileges.forbid_inspection()
            os.write(told, b"x")
            signal.pause()
        os.read(ready, 1)
        try:
            with Path(f"/proc/{child}/mem").open("rb"):
                return child
        finally:
            os.kill(child, signal.SIGKILL)

    assert in_child(lambda: look(forbidden=False)).succeeded
    assert in_child(lambda: look(forbidden=True)).error == "PermissionError"
