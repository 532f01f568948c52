"""Reach and persistence: ways out of the sandbox, and ways to be there still when the verdict is written.

Each works where nothing confines it. What it makes, it takes away again, so that this can be shown.
"""

from __future__ import annotations

import pyseccomp
from hostile_entry import LANDLOCK, SECCOMP, Hostile, probing

_RAW = """
import ctypes, os, errno
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def raw(number, *arguments):
    result = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) if type(a) is int else a for a in arguments])
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return result
def reaches(number, *arguments):
    # The kernel looks at the call, whatever it thinks of its senseless arguments.
    try:
        return "call %d" % raw(number, *arguments)
    except OSError as error:
        if error.errno in (errno.EPERM, errno.ENOSYS):
            raise
        return errno.errorcode[error.errno]
"""

# System calls that nothing else here makes, with arguments that harm nobody. On either architecture the filter must
# refuse them: test_hostile_levels asks both.
CALLS: dict[str, tuple[object, ...]] = {
    "io_uring_setup": (1, None),
    "io_uring_enter": (-1, 0, 0, 0, None, 0),
    "keyctl": (0, -3, 0),
    "add_key": (b"user", b"practice", b"x", 1, -2),
    "request_key": (b"user", b"practice-hostile", None, -2),
    "bpf": (0, None, 0),
    "userfaultfd": (0,),
    "perf_event_open": (None, 0, -1, -1, 0),
    "memfd_secret": (0,),
    "inotify_init1": (0,),
    "fanotify_init": (0, 0),
    "eventfd2": (0, 0),
    "timerfd_create": (1, 0),
    "epoll_create1": (0,),
    "signalfd4": (-1, None, 8, 0),
    "mq_open": (b"practice-hostile", 0, 0, None),
    "semget": (0x50726163, 0, 0),
    "msgget": (0x50726163, 0),
    "shmget": (0x50726163, 0, 0),
    "setns": (-1, 0),
    "clone3": (None, 0),
    "mount_setattr": (-1, None, 0, None, 0),
    "fsopen": (None, 0),
    "open_tree": (-1, None, 0),
    "name_to_handle_at": (-1, None, None, None, 0),
    "process_madvise": (-1, None, 0, 0, 0),
    "process_mrelease": (-1, 0),
    "kcmp": (0, 0, 0, 0, 0),
    "vmsplice": (-1, None, 0, 0),
    "seccomp": (1, 0, None),
    "landlock_create_ruleset": (None, 0, 0),
    "personality": (0xFFFFFFFF,),
    "rt_sigqueueinfo": (0, 0, None),
    "setpgid": (-1, 0),
}


def _number(name: str) -> int:
    found: int = pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name)
    return found


UNSHARE, CLONE, TGKILL, PTRACE = (_number(name) for name in ("unshare", "clone", "tgkill", "ptrace"))


def _call(name: str) -> Hostile:
    arguments = "".join(f", {argument!r}" for argument in CALLS[name])
    return probing(f"got = reaches({_number(name)}{arguments})", _RAW, stopped_by=SECCOMP, optional=True)


def _prctl(option: int, value: int) -> Hostile:
    body = f"if libc.prctl({option}, {value}, 0, 0, 0):\n    raise OSError('refused')\ngot = 'done'"
    return probing(body, _RAW, stopped_by=SECCOMP)


def _socket(family: str, kind: str = "SOCK_DGRAM", **how: bool) -> Hostile:
    return probing(
        f"got = socket.socket(socket.{family}, socket.{kind}).fileno()", "import socket", stopped_by=SECCOMP, **how
    )


def _planted(folder: str, **how: bool) -> Hostile:
    """A file left where something may read it later."""
    body = f"path = os.path.join({folder}, 'practice-hostile-planted.pth')\nopen(path, 'w').close()\nos.unlink(path)\ngot = path"
    return probing(body, "import os, pwd, sysconfig", **how)


REACH = {
    **{f"the call {name}": _call(name) for name in CALLS if _number(name) >= 0},
    # ------------------------------------------------------------ processes
    "a child that is nobody's": probing(
        """
        child = os.fork()
        if child == 0:
            os.setsid()
            os.fork()
            os._exit(0)
        os.waitpid(child, 0)
        got = "forked"
        """,
        "import os",
        stopped_by=SECCOMP,
    ),
    "a program spawned": probing(
        "os.waitpid(os.posix_spawn('/bin/true', ['true'], {}), 0)\ngot = 'spawned'", "import os"
    ),
    "a shell": probing("got = os.system('true') == 0", "import os"),
    "a session of its own": probing("os.setsid()\ngot = 'left'", "import os", stopped_by=SECCOMP),
    "life without its parent": _prctl(1, 0),
    "children of others": _prctl(36, 1),
    "to be inspected": _prctl(4, 1),
    "a timer": probing(
        "got = signal.setitimer(signal.ITIMER_REAL, 300) == (0, 0)", "import signal", stopped_by=SECCOMP
    ),
    "another processor": probing(
        "os.sched_setaffinity(0, os.sched_getaffinity(0))\ngot = 'moved'", "import os", stopped_by=SECCOMP
    ),
    "another schedule": probing(
        "os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))\ngot = 'batch'", "import os", stopped_by=SECCOMP
    ),
    "another user": probing("os.setuid(1)\ngot = os.getuid()", "import os", needs_root=True),
    "a user namespace": probing(f"raw({UNSHARE}, 0x10000000)\ngot = 'new'", _RAW, stopped_by=SECCOMP, optional=True),
    "a network of its own": probing(f"raw({UNSHARE}, 0x40000000)\ngot = 'new'", _RAW, needs_root=True),
    "a child in a user namespace": probing(
        f"got = raw({CLONE}, 0x10000011, 0, 0, 0, 0)\nif got == 0:\n    os._exit(0)\nos.waitpid(got, 0)",
        _RAW,
        stopped_by=SECCOMP,
        optional=True,
    ),
    "another root": probing("os.chroot('/')\ngot = 'changed'", "import os", needs_root=True),
    "another folder": probing("os.chdir('/')\ngot = os.getcwd()", "import os", stopped_by=SECCOMP),
    # ------------------------------------------------------ other processes
    "a signal to another": probing("os.kill(@VICTIM@, 0)\ngot = 'reached'", "import os", needs_root=True, abi=6),
    "a signal to a thread of another": probing(
        f"raw({TGKILL}, @VICTIM@, @VICTIM@, 0)\ngot = 'reached'", _RAW, needs_root=True, abi=6
    ),
    "a handle on another": probing("got = os.pidfd_open(@VICTIM@)", "import os", stopped_by=SECCOMP),
    "signals for another by way of a file": probing(
        "fcntl.fcntl(0, fcntl.F_SETOWN, @VICTIM@)\ngot = 'set'", "import fcntl", stopped_by=SECCOMP
    ),
    "the trace of another": probing(
        f"raw({PTRACE}, 16, @VICTIM@, 0, 0)\nos.waitpid(@VICTIM@, 0x40000000)\nraw({PTRACE}, 17, @VICTIM@, 0, 0)\ngot = 'traced'",
        _RAW,
        needs_root=True,
        optional=True,
    ),
    "the environment of another": probing("got = open('/proc/@VICTIM@/environ').read()", needs_root=True),
    "the files of another": probing(
        "got = os.listdir('/proc/@VICTIM@/fd')", "import os", stopped_by=LANDLOCK, needs_root=True
    ),
    "the priority of another": probing(
        "os.setpriority(os.PRIO_PROCESS, @VICTIM@, os.getpriority(os.PRIO_PROCESS, @VICTIM@))\ngot = 'set'",
        "import os",
        needs_root=True,
    ),
    # -------------------------------------------------------------- sockets
    "a socket to the internet": _socket("AF_INET", "SOCK_STREAM"),
    "a socket of the next internet": _socket("AF_INET6", optional=True),
    "a socket below the internet": probing(
        "got = socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).fileno()",
        "import socket",
        needs_root=True,
    ),
    "a socket to the kernel": probing(
        "got = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).fileno()", "import socket", stopped_by=SECCOMP
    ),
    "a socket to the wire": _socket("AF_PACKET", "SOCK_RAW", needs_root=True, optional=True),
    "a socket to the host of a virtual machine": _socket("AF_VSOCK", "SOCK_STREAM", optional=True),
    "a socket for ciphers": _socket("AF_ALG", "SOCK_SEQPACKET", optional=True),
    "a pair of sockets": probing("got = len(socket.socketpair())", "import socket", stopped_by=SECCOMP),
    "a pipe": probing("got = os.pipe()", "import os", stopped_by=SECCOMP),
    "the daemon's own socket": probing(
        "client = socket.socket(socket.AF_UNIX)\nclient.connect('@DAEMON@')\ngot = 'connected'",
        "import socket",
        stopped_by=SECCOMP,
        needs_root=True,
    ),
    "an order to the nursery": probing(
        "client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\nclient.bind('\\0practice-hostile')\ngot = 'bound'",
        "import socket",
        stopped_by=SECCOMP,
    ),
    # ---------------------------------------------------------------- files
    "the journal read": probing(
        "got = open(glob.glob('@JOURNAL@/*.json')[0]).read()", "import glob", stopped_by=LANDLOCK, needs_root=True
    ),
    "the journal listed": probing("got = os.listdir('@JOURNAL@')", "import os", stopped_by=LANDLOCK, needs_root=True),
    "a pass written to the journal": probing(
        """
        path = "@JOURNAL@/0000000000000000001.attempt.self_attention.passed.00000000-0000-4000-8000-000000000000.json"
        open(path, "w").close()
        os.unlink(path)
        got = path
        """,
        "import os",
        needs_root=True,
    ),
    "a file of its own among temporary ones": _planted("'/tmp'"),
    "a file in shared memory": _planted("'/dev/shm'", optional=True),
    "a file that Python runs at every start": _planted("sysconfig.get_path('purelib')", needs_root=True),
    "a file at home": _planted("pwd.getpwuid(os.getuid()).pw_dir", needs_root=True),
    "a folder": probing("os.mkdir('@SCRATCH@/made')\ngot = 'made'", "import os"),
    "a symbolic link": probing("os.symlink('@SOLUTIONS@', '@SCRATCH@/link')\ngot = 'linked'", "import os"),
    "a hard link": probing("os.link('@SCRATCH@/keep', '@SCRATCH@/link')\ngot = 'linked'", "import os"),
    "another name": probing("os.rename('@SCRATCH@/keep-0', '@SCRATCH@/other')\ngot = 'renamed'", "import os"),
    "a pipe with a name": probing("os.mkfifo('@SCRATCH@/pipe')\ngot = 'made'", "import os"),
    "a socket with a name": probing(
        "socket.socket(socket.AF_UNIX).bind('@SCRATCH@/socket')\ngot = 'bound'", "import socket"
    ),
    "a file without a name": probing(
        "got = os.open('@SCRATCH@', os.O_TMPFILE | os.O_RDWR, 0o600)", "import os", optional=True
    ),
    "a file cut short": probing("os.truncate('@SCRATCH@/keep', 0)\ngot = 'empty'", "import os", abi=3),
    "other times": probing("os.utime('@SCRATCH@/keep-0')\ngot = 'touched'", "import os", stopped_by=SECCOMP),
    "a mark on a file": probing(
        "os.setxattr('@SCRATCH@/keep', 'user.practice', b'x')\ngot = 'marked'",
        "import os",
        stopped_by=SECCOMP,
        optional=True,
    ),
    "a lock that others wait for": probing(
        "fcntl.flock(os.open('@SCRATCH@/keep', os.O_RDONLY), fcntl.LOCK_EX)\ngot = 'locked'", "import fcntl, os"
    ),
}
