"""The system call filter: the programs of both architectures on a machine of our own, and one on the kernel."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import signal
import socket
import sys
from pathlib import Path

import pyseccomp
import pytest
from confined_child import in_child
from filter_machine import AARCH64, ALLOW, ERRNO, I386, KILL_PROCESS, X86_64, instructions, run

from grader.confine import compile_filter, kernel, prepare, privileges, seccomp
from grader.confine.policy import ALLOWED, CONDITIONAL, UNKNOWN_TO_THE_CALLER
from grader.errors import ConfinementError

ARCHITECTURES = {"x86_64": X86_64, "aarch64": AARCH64}
REFUSED = ERRNO + errno.EPERM
UNKNOWN = ERRNO + errno.ENOSYS

# Written out and not derived from the policy: what must never be reachable, whatever is added there.
DANGEROUS = (
    "fork", "vfork", "clone", "execve", "execveat", "ptrace", "process_vm_readv", "process_vm_writev", "kcmp",
    "process_madvise", "socket", "socketpair", "connect", "bind", "listen", "accept", "accept4", "setsockopt",
    "sendmmsg", "recvmsg", "recvmmsg", "kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_open",
    "pidfd_send_signal", "pidfd_getfd", "unshare", "setns", "mount", "umount2", "pivot_root", "chroot",
    "move_mount", "open_tree", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "setuid", "setgid",
    "setreuid", "setregid", "setresuid", "setresgid", "setgroups", "setfsuid", "setfsgid", "capset",
    "io_uring_setup", "io_uring_enter", "io_uring_register", "bpf", "keyctl", "add_key", "request_key",
    "userfaultfd", "perf_event_open", "memfd_create", "memfd_secret", "shmget", "shmat", "shmctl", "semget",
    "semop", "msgget", "msgsnd", "mq_open", "mq_unlink", "creat", "unlink", "unlinkat", "rename", "renameat",
    "renameat2", "mkdir", "mkdirat", "rmdir", "link", "linkat", "symlink", "symlinkat", "mknod", "mknodat", "chmod",
    "fchmod", "fchmodat", "chown", "fchown", "lchown", "fchownat", "utime", "utimes", "utimensat", "futimesat",
    "truncate", "ftruncate", "fallocate", "setxattr", "lsetxattr", "fsetxattr", "removexattr", "chdir", "fchdir",
    "umask", "name_to_handle_at", "open_by_handle_at", "setrlimit", "setpriority", "sched_setaffinity",
    "sched_setscheduler", "sched_setparam", "sched_setattr", "ioprio_set", "personality", "seccomp", "reboot",
    "kexec_load", "init_module", "finit_module", "delete_module", "swapon", "swapoff", "acct", "quotactl", "syslog",
    "settimeofday", "clock_settime", "adjtimex", "clock_adjtime", "sethostname", "setdomainname", "vhangup", "iopl",
    "ioperm", "modify_ldt", "inotify_init", "inotify_init1", "fanotify_init", "eventfd", "eventfd2", "signalfd",
    "signalfd4", "timerfd_create", "timer_create", "setitimer", "alarm", "epoll_create", "epoll_create1", "pipe",
    "pipe2", "splice", "tee", "vmsplice", "sendfile", "copy_file_range", "flock", "setsid", "setpgid",
    "remap_file_pages", "mbind", "migrate_pages", "move_pages", "set_mempolicy", "mlock", "mlockall", "pkey_alloc",
    "pkey_mprotect", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self", "lookup_dcookie",
    "nfsservctl",
)  # fmt: skip

NEEDED = (
    "read", "write", "readv", "writev", "pread64", "lseek", "close", "dup", "fstat", "newfstatat", "statx",
    "getdents64", "getcwd", "faccessat", "readlinkat", "ppoll", "pselect6", "munmap", "mremap", "mprotect",
    "madvise", "brk", "futex", "rseq", "exit", "exit_group", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn",
    "sigaltstack", "restart_syscall", "clock_gettime", "clock_nanosleep", "nanosleep", "getpid", "gettid", "getuid",
    "getrandom", "uname", "sched_getaffinity", "getrusage",
)  # fmt: skip


def _number(name: str, machine: str) -> int:
    """Negative where the architecture has no such call."""
    found = pyseccomp.resolve_syscall(ARCHITECTURES[machine], name)
    assert isinstance(found, int)
    return found


@pytest.fixture(scope="module", params=sorted(ARCHITECTURES))
def machine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def program(machine: str) -> bytes:
    return compile_filter(machine)


def _ask(program: bytes, machine: str, name: str, *arguments: int) -> int:
    number = _number(name, machine)
    assert number >= 0, f"{machine} has no {name}"
    return run(program, number, arguments, ARCHITECTURES[machine])


def test_the_program_asks_for_the_architecture_first(machine: str, program: bytes) -> None:
    assert len(program) % 8 == 0
    assert len(program) // 8 < 4096  # the kernel's limit
    load, compare = instructions(program)[:2]
    assert load == (0x20, 0, 0, 4)  # seccomp_data.arch
    assert compare[0] == 0x15
    assert compare[3] == ARCHITECTURES[machine]


def test_calls_of_every_other_architecture_end_the_process(machine: str, program: bytes) -> None:
    for other in {X86_64, AARCH64, I386} - {ARCHITECTURES[machine]}:
        assert run(program, _number("getpid", machine), (), other) == KILL_PROCESS


def test_the_x32_way_into_the_kernel_ends_the_process() -> None:
    program = compile_filter("x86_64")
    for number in (0, 1, 39, 57, 257, 512, 547):
        assert run(program, number | 0x4000_0000) == KILL_PROCESS
    assert run(program, 39) == ALLOW


def test_nothing_dangerous_is_reachable_with_any_arguments(machine: str, program: bytes) -> None:
    # negative: not a call of this architecture, or unknown to this libseccomp; the test of all numbers covers it
    numbers = {name: number for name in DANGEROUS if (number := _number(name, machine)) >= 0}
    assert len(numbers) > 140
    for value in (0, 1, 0x5401, 0xFFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF):
        answers = {name: run(program, it, (value,) * 6, ARCHITECTURES[machine]) for name, it in numbers.items()}
        assert {name for name, answer in answers.items() if answer != REFUSED} == set()


def test_what_every_program_needs_is_allowed(machine: str, program: bytes) -> None:
    assert {name for name in NEEDED if _ask(program, machine, name) != ALLOW} == set()


def test_every_number_outside_of_the_policy_is_refused(machine: str, program: bytes) -> None:
    named = {_number(name, machine) for name in (*ALLOWED, *CONDITIONAL, *UNKNOWN_TO_THE_CALLER)}
    for number in (*range(1024), 0x3FFF_FFFF):
        if number not in named:
            assert run(program, number, (), ARCHITECTURES[machine]) == REFUSED, number


@pytest.mark.parametrize("name", ["clone3", "openat2", "epoll_pwait2", "fchmodat2"])
def test_the_c_library_is_told_to_go_another_way(name: str, machine: str, program: bytes) -> None:
    assert _ask(program, machine, name) == UNKNOWN


# call, arguments that pass, arguments that do not; the high halves of int arguments mean nothing to the kernel
READ, WRITE, BOTH, ODD = 0, 1, 2, 3
CLOEXEC, DIRECTORY = 0o2000000, 0o200000
HIGH = 0xDEAD_BEEF_0000_0000
ARGUMENTS = [
    ("openat", (0, 0, READ | CLOEXEC), (0, 0, WRITE)),
    ("openat", (0, 0, HIGH | READ | DIRECTORY), (0, 0, HIGH | BOTH)),
    ("openat", (0, 0, READ), (0, 0, ODD)),
    ("openat", (0, 0, READ), (0, 0, READ | os.O_CREAT)),
    ("openat", (0, 0, READ), (0, 0, READ | os.O_TRUNC)),
    ("openat", (0, 0, READ), (0, 0, os.O_TMPFILE | BOTH)),
    ("openat", (0, 0, READ), (0, 0, os.O_TMPFILE)),
    ("openat", (0, 0, READ), (0, 0, os.O_PATH)),
    ("mmap", (0, 4096, 3, 0x22), (0, 4096, 3, 0x22 | 0x40000)),
    ("futex", (0, 0x80), (0, 6)),  # FUTEX_LOCK_PI
    ("futex", (0, 0x189), (0, 0x8B)),  # FUTEX_WAIT_REQUEUE_PI
    ("fcntl", (3, 1030), (3, 8)),  # F_SETOWN
    ("fcntl", (3, HIGH | 3), (3, 1024)),  # F_SETLEASE
    ("fcntl", (3, 4), (3, 1031)),  # F_SETPIPE_SZ
    ("ioctl", (0, 0x5401), (0, 0x5412)),  # TIOCSTI
    ("ioctl", (0, HIGH | 0x5421), (0, 0x5452)),  # FIOASYNC
    ("ioctl", (0, 0x541B), (0, 0x541C)),  # TIOCLINUX
    ("prctl", (15,), (4, 1)),  # PR_SET_DUMPABLE
    ("prctl", (HIGH | 3,), (22, 0)),  # PR_SET_SECCOMP
    ("prctl", (39,), (1, 0)),  # PR_SET_PDEATHSIG
    ("prlimit64", (0, 7, 0, 1), (0, 7, 1, 0)),
    ("prlimit64", (0, 7, 0, 1), (0, 7, 0x1_0000_0000, 0)),
    ("prlimit64", (0, 7, 0, 1), (1, 7, 0, 1)),
    ("sendto", (3, 0, 0, 0x4000, 0, 0), (3, 0, 0, 1, 0, 0)),  # MSG_OOB
    ("sendto", (3, 0, 0, 0x40, 0, 0), (3, 0, 0, 0, 1, 16)),  # an address
    ("sendmsg", (3, 0, 0x4000), (3, 0, 1)),
    ("recvfrom", (3, 0, 0, 0x100, 0, 0), (3, 0, 0, 1)),
]


@pytest.mark.parametrize(("name", "passing", "failing"), ARGUMENTS)
def test_arguments_decide(
    name: str, passing: tuple[int, ...], failing: tuple[int, ...], machine: str, program: bytes
) -> None:
    assert _ask(program, machine, name, *passing) == ALLOW
    assert _ask(program, machine, name, *failing) == REFUSED


def test_the_old_open_is_judged_like_the_new_one() -> None:
    program = compile_filter("x86_64")
    number = _number("open", "x86_64")
    assert run(program, number, (0, READ)) == ALLOW
    for flags in (WRITE, BOTH, ODD, os.O_CREAT, os.O_TRUNC, os.O_PATH, os.O_TMPFILE):
        assert run(program, number, (0, flags)) == REFUSED
    assert _number("open", "aarch64") < 0


def test_every_conditional_call_is_refused_with_all_bits_set(machine: str, program: bytes) -> None:
    for name in CONDITIONAL:
        if _number(name, machine) >= 0:
            assert _ask(program, machine, name, *[0xFFFF_FFFF_FFFF_FFFF] * 6) == REFUSED, name


def test_the_policy_names_no_call_that_does_not_exist() -> None:
    for name in (*ALLOWED, *CONDITIONAL, *UNKNOWN_TO_THE_CALLER):
        assert pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name) != -1, name


def test_the_default_is_the_filter_of_this_machine() -> None:
    assert compile_filter() == compile_filter(kernel.machine())


def test_an_architecture_without_a_filter_is_named() -> None:
    with pytest.raises(ConfinementError, match="riscv64"):
        compile_filter("riscv64")


def _filtered() -> None:
    privileges.forbid_new_privileges()
    seccomp.install(compile_filter())


@pytest.mark.skipif(kernel.machine() != "x86_64", reason="x32 and int 0x80 are ways into an x86-64 kernel")
def test_the_kernel_too_ends_a_process_that_comes_another_way() -> None:
    # mov eax, 20 (getpid to i386); int 0x80; ret
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
    call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))

    def through_32_bits() -> int:
        _filtered()
        return int(call())

    def through_x32() -> int:
        _filtered()
        return int(kernel.libc().syscall(ctypes.c_long(0x4000_0000 | 39)))

    assert in_child(through_x32).ended == -signal.SIGSYS
    if in_child(call).ended != 0:
        pytest.skip("this kernel takes no 32-bit calls from anybody")
    assert in_child(through_32_bits).ended == -signal.SIGSYS


def test_a_socket_that_is_open_goes_on_working_with_timeouts() -> None:
    ours, theirs = socket.socketpair()

    def talk() -> str:
        _filtered()
        theirs.settimeout(5.0)
        theirs.sendmsg([b"a", b"b"])
        theirs.sendall(b"c")
        buffer = bytearray(2)
        assert theirs.recv_into(buffer, 2, socket.MSG_WAITALL) == 2
        return socket.socket(fileno=os.dup(theirs.fileno())).family.name + buffer.decode()

    with ours, theirs:
        ours.sendall(b"xy")
        assert in_child(talk).value() == "AF_UNIXxy"
        assert ours.recv(3, socket.MSG_WAITALL) == b"abc"


def test_a_missing_libseccomp_costs_one_layer_and_is_told_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "pyseccomp.py").write_text('raise RuntimeError("Unable to find libseccomp")\n')
    monkeypatch.delitem(sys.modules, "pyseccomp", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    prepared = prepare([])
    assert prepared.program is None
    [(layer, why)] = prepared.missing
    assert layer == "seccomp"
    assert why.startswith("libseccomp is not installed: apt install libseccomp2")
    assert prepared.ruleset is not None
    os.close(prepared.ruleset)


def test_a_missing_pyseccomp_is_told_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyseccomp", None)
    with pytest.raises(ConfinementError, match="pip install pyseccomp"):
        compile_filter()
