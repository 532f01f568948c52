"""What a submission may try, and which single layer is enough to stop it.

Each attack works where nothing confines it: the tests show that first. It returns, or raises what the kernel said.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import mmap
import os
import resource
import signal
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyseccomp

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long


@dataclass(frozen=True)
class Scene:
    """What attacks act on: a directory of their own, a process and listeners outside of the confinement."""

    directory: Path
    victim: int
    abstract: str
    port: int


@dataclass(frozen=True)
class Attack:
    """One thing tried. `stopped_by` are exactly the layers that stop it alone."""

    act: Callable[[Scene], object]
    stopped_by: frozenset[str]
    needs_root: bool = False
    abi: int = 1  # the Landlock ABI from which on landlock is among the layers that stop it
    optional: bool = (
        False  # a kernel may be built or set up without it: then only the refusal in full confinement counts
    )


def number(name: str) -> int:
    """The native number of a system call."""
    found = pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name)
    assert isinstance(found, int)
    assert found >= 0, name
    return found


def raw(name: str, *args: object) -> int:
    """A system call past every wrapper."""
    passed = [ctypes.c_long(arg) if isinstance(arg, int) else arg for arg in args]
    result = int(LIBC.syscall(ctypes.c_long(number(name)), *passed))
    if result < 0:
        raise OSError(ctypes.get_errno(), name)
    return result


def reaches(name: str, *args: object) -> None:
    """The kernel looks at the call, whatever it thinks of its senseless arguments: only EPERM counts as stopped."""
    try:
        raw(name, *args)
    except PermissionError:
        raise
    except OSError:
        return


def _fork(_scene: Scene) -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def _thread(_scene: Scene) -> None:
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()


def _exec(_scene: Scene) -> None:
    os.execv("/bin/true", ["true"])


def _append(scene: Scene) -> None:
    with (scene.directory / "old").open("ab", buffering=0) as file:
        file.write(b"x")


def _abstract(scene: Scene) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(scene.abstract)


def _connect(scene: Scene) -> None:
    with socket.socket() as client:
        client.connect(("127.0.0.1", scene.port))


def _bind(_scene: Scene) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))


def _datagram(_scene: Scene) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sender:
        sender.sendto(b"x", ("127.0.0.1", 9))


def _ptrace(scene: Scene) -> None:
    attach, detach = 16, 17
    raw("ptrace", attach, scene.victim, 0, 0)
    os.waitpid(scene.victim, 0x40000000)
    raw("ptrace", detach, scene.victim, 0, 0)


def _read_victim(scene: Scene) -> None:
    buffer = ctypes.create_string_buffer(8)
    # the victim was forked from us: the same buffer is at the same place
    ours = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 8)
    theirs = (ctypes.c_void_p * 2)(id(None), 8)
    raw("process_vm_readv", scene.victim, ctypes.byref(ours), 1, ctypes.byref(theirs), 1, 0)


def _raise_limit(_scene: Scene) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard - 1, hard))
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _many_files(_scene: Scene) -> None:
    descriptors = [os.open("/dev/null", os.O_RDONLY) for _ in range(128)]
    for descriptor in descriptors:
        os.close(descriptor)


def _dumpable(_scene: Scene) -> None:
    raw("prctl", 4, 1, 0, 0, 0)


def _regain(_scene: Scene) -> None:
    """Ask for CAP_SYS_ADMIN."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    raw("capset", ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)(1 << 21, 1 << 21)))


def _named_queue(_scene: Scene) -> None:
    os.close(raw("mq_open", b"practice-test", os.O_CREAT | os.O_RDWR, 0o600, None))
    raw("mq_unlink", b"practice-test")


def _mount(scene: Scene) -> None:
    raw("mount", b"none", os.fsencode(scene.directory / "empty"), b"tmpfs", 0, None)
    raw("umount2", os.fsencode(scene.directory / "empty"), 0)


LANDLOCK, SECCOMP, RLIMITS, CAPABILITIES = "landlock", "seccomp", "rlimits", "capabilities"


def _by(*layers: str) -> frozenset[str]:
    return frozenset(layers)


# Nobody changes a file who is under Landlock or under seccomp.
_BOTH = _by(LANDLOCK, SECCOMP)

ATTACKS: dict[str, Attack] = {
    "read a secret": Attack(lambda s: (s.directory / "old").read_bytes(), _by(LANDLOCK)),
    "list /proc": Attack(lambda _: list(Path("/proc").iterdir()), _by(LANDLOCK)),
    "list the root": Attack(lambda _: list(Path("/").iterdir()), _by(LANDLOCK)),
    "open /proc/self/mem": Attack(lambda _: os.close(os.open("/proc/self/mem", os.O_RDONLY)), _by(LANDLOCK)),
    "open the memory of another": Attack(
        lambda s: os.close(os.open(f"/proc/{s.victim}/mem", os.O_RDONLY)), _by(LANDLOCK, CAPABILITIES), needs_root=True
    ),
    "follow the links of another": Attack(
        lambda s: Path(f"/proc/{s.victim}/cwd").readlink(), _by(LANDLOCK, CAPABILITIES), needs_root=True
    ),
    "open a name as a mere path": Attack(lambda _: os.close(os.open("/", os.O_PATH)), _by(SECCOMP)),
    "create an empty file": Attack(lambda s: (s.directory / "new").touch(), _BOTH),
    "create an unnamed file": Attack(lambda s: os.close(os.open(s.directory, os.O_TMPFILE | os.O_RDWR)), _BOTH),
    "write to a file": Attack(_append, _by(LANDLOCK, SECCOMP, RLIMITS)),
    "truncate a file": Attack(lambda s: os.truncate(s.directory / "old", 0), _BOTH, abi=3),
    "remove a file": Attack(lambda s: (s.directory / "old").unlink(), _BOTH),
    "rename a file": Attack(lambda s: (s.directory / "old").rename(s.directory / "other"), _BOTH),
    "make a directory": Attack(lambda s: (s.directory / "made").mkdir(), _BOTH),
    "remove a directory": Attack(lambda s: (s.directory / "empty").rmdir(), _BOTH),
    "make a symbolic link": Attack(lambda s: (s.directory / "link").symlink_to("/"), _BOTH),
    "make a hard link": Attack(lambda s: os.link(s.directory / "old", s.directory / "link"), _BOTH),
    "make a pipe with a name": Attack(lambda s: os.mkfifo(s.directory / "fifo"), _BOTH),
    "bind a socket to a name": Attack(lambda s: socket.socket(socket.AF_UNIX).bind(str(s.directory / "socket")), _BOTH),
    "change a mode": Attack(lambda s: (s.directory / "old").chmod(0o777), _by(SECCOMP)),
    "change an owner": Attack(
        lambda s: os.chown(s.directory / "old", 1, 1), _by(SECCOMP, CAPABILITIES), needs_root=True
    ),
    "change times": Attack(lambda s: os.utime(s.directory / "old", (0, 0)), _by(SECCOMP)),
    "change directory": Attack(lambda _: os.chdir("/"), _by(SECCOMP)),
    "change root": Attack(lambda _: os.chroot("/"), _by(SECCOMP, CAPABILITIES), needs_root=True),
    "mount": Attack(_mount, _by(LANDLOCK, SECCOMP, CAPABILITIES), needs_root=True),
    "make an internet socket": Attack(lambda _: socket.socket().close(), _by(SECCOMP)),
    "make a unix socket": Attack(lambda _: socket.socket(socket.AF_UNIX).close(), _by(SECCOMP)),
    "make a netlink socket": Attack(lambda _: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close(), _by(SECCOMP)),
    "make a pair of sockets": Attack(lambda _: socket.socketpair(), _by(SECCOMP)),
    "reach an abstract socket": Attack(_abstract, _BOTH, abi=6),
    "connect to a port": Attack(_connect, _BOTH, abi=4),
    "bind a port": Attack(_bind, _BOTH, abi=4),
    "send a datagram": Attack(_datagram, _by(SECCOMP)),
    "fork": Attack(_fork, _by(SECCOMP)),  # and rlimits, for all but root
    "start a thread": Attack(_thread, _by(SECCOMP)),
    "run a program": Attack(_exec, _BOTH),
    "look for another process": Attack(lambda s: os.kill(s.victim, 0), _BOTH, abi=6),
    "stop another process": Attack(lambda s: os.kill(s.victim, signal.SIGCONT), _BOTH, abi=6),
    "signal a thread of another": Attack(lambda s: raw("tgkill", s.victim, s.victim, 0), _BOTH, abi=6),
    "open another process": Attack(lambda s: os.close(os.pidfd_open(s.victim)), _by(SECCOMP)),
    "trace another process": Attack(_ptrace, _by(LANDLOCK, SECCOMP, CAPABILITIES), needs_root=True),
    "read another's memory": Attack(_read_victim, _by(LANDLOCK, SECCOMP, CAPABILITIES), needs_root=True),
    "file in memory": Attack(lambda _: os.close(os.memfd_create("x")), _by(SECCOMP)),
    "shared memory by name": Attack(
        lambda s: os.close(os.open(f"/dev/shm/{s.abstract[1:]}", os.O_CREAT | os.O_RDWR)), _BOTH
    ),
    "shared memory by key": Attack(lambda _: raw("shmctl", raw("shmget", 0, 4096, 0o600), 0, 0), _by(SECCOMP)),
    "semaphores": Attack(lambda _: raw("semctl", raw("semget", 0, 1, 0o600), 0, 0), _by(SECCOMP)),
    "message queue": Attack(lambda _: raw("msgctl", raw("msgget", 0, 0o600), 0, 0), _by(SECCOMP)),
    "message queue by name": Attack(
        _named_queue,
        _by(SECCOMP, RLIMITS),
        optional=True,
    ),
    "take much memory": Attack(lambda _: mmap.mmap(-1, 1 << 32).close(), _by(RLIMITS)),
    "open many files": Attack(_many_files, _by(RLIMITS)),
    "raise a limit": Attack(_raise_limit, _by(SECCOMP)),
    "become inspectable": Attack(_dumpable, _by(SECCOMP)),
    "ask for capabilities": Attack(_regain, _by(SECCOMP, CAPABILITIES), needs_root=True),
    "become another user": Attack(lambda _: os.setuid(1), _by(SECCOMP, CAPABILITIES), needs_root=True),
    "leave a group": Attack(lambda _: os.setgroups([]), _by(SECCOMP, CAPABILITIES), needs_root=True),
    "name the machine": Attack(
        lambda _: socket.sethostname(socket.gethostname()), _by(SECCOMP, CAPABILITIES), needs_root=True
    ),
    "gain priority": Attack(lambda _: os.nice(-1), _by(SECCOMP, CAPABILITIES), needs_root=True),
    "choose a processor": Attack(lambda _: os.sched_setaffinity(0, os.sched_getaffinity(0)), _by(SECCOMP)),
    "leave the session": Attack(lambda _: os.setsid(), _by(SECCOMP)),
    "set a timer": Attack(lambda _: raw("setitimer", 0, None, None), _by(SECCOMP)),
    "change personality": Attack(lambda _: raw("personality", 0xFFFFFFFF), _by(SECCOMP)),
    "make a user namespace": Attack(lambda _: raw("unshare", 0x10000000), _by(SECCOMP), optional=True),
    "filter again": Attack(lambda _: reaches("seccomp", 1, 0, None), _by(SECCOMP)),
    "use a key ring": Attack(lambda _: reaches("keyctl", 0, -3, 0), _by(SECCOMP), optional=True),
    "queue kernel work": Attack(lambda _: reaches("io_uring_setup", 1, None), _by(SECCOMP), optional=True),
    "load a kernel program": Attack(lambda _: reaches("bpf", 0, None, 0), _by(SECCOMP), optional=True),
    "handle page faults": Attack(lambda _: reaches("userfaultfd", 0), _by(SECCOMP), optional=True),
    "count events": Attack(lambda _: reaches("perf_event_open", None, 0, -1, -1, 0), _by(SECCOMP), optional=True),
    "watch files": Attack(lambda _: reaches("inotify_init1", 0), _by(SECCOMP)),
}
