"""Reading what is hidden, and reaching out: files, memory, descriptors, other processes. Without confinement each gets what it is after."""

from __future__ import annotations

from dataclasses import replace

from hostile_entry import EMPTY, LANDLOCK, SECCOMP, SIGNATURE, Hostile, at_import, in_call, probing

READING = {
    "opens the reference": probing("got = open('@SOLUTIONS@/self_attention/reference.py').read(40)"),
    "opens the kit's own reference": probing("got = open('@KIT@/solutions/self_attention/reference.py').read(40)"),
    "lists the repository": probing("got = os.listdir('@KIT@')", "import os"),
    "becomes the reference": Hostile(
        "exec(open('@SOLUTIONS@/self_attention/reference.py').read())\n", needs_confinement=True, says="PermissionError"
    ),
    "imports the reference": Hostile(
        f"import sys\nsys.path.insert(0, '@SOLUTIONS@/self_attention')\nimport reference\n{SIGNATURE}"
        "    return reference.self_attention(x, w_q, w_k, w_v, causal=causal, key_padding_mask=key_padding_mask)\n",
        needs_confinement=True,
        says="imports reference",
    ),
    "lists the checks": probing("got = os.listdir('@SOLUTIONS@/self_attention')", "import os"),
    "walks the disk": probing(
        """
        found = []
        for here, folders, files in os.walk("@SOLUTIONS@/.."):
            found += [name for name in files if name == "checks.py"]
        got = found
        """,
        "import os",
    ),
    "opens it by way of /proc": probing("got = open('/proc/self/root@SOLUTIONS@/self_attention/checks.py').read(40)"),
    "reads the public half": probing("got = open('@EXERCISES@/self_attention/exercise.yaml').read(40)"),
    "maps a hidden file": probing(
        """
        descriptor = os.open("@SOLUTIONS@/self_attention/checks.py", os.O_RDONLY)
        got = mmap.mmap(descriptor, 40, prot=mmap.PROT_READ)[:40]
        """,
        "import os, mmap",
    ),
    "loads it with torch": probing(
        "got = torch.from_file('@SOLUTIONS@/self_attention/checks.py', shared=False, size=40, dtype=torch.uint8).sum().item()"
    ),
    "asks linecache": probing("got = linecache.getlines('@SOLUTIONS@/self_attention/checks.py')", "import linecache"),
    "runs a program": probing(
        "got = subprocess.run(['cat', '/etc/hostname'], capture_output=True).stdout", "import subprocess"
    ),
    "reads accounts": probing("got = open('/etc/passwd').read(20)"),
    "memory of the examiner": probing("got = open('/proc/@EXAMINER@/mem', 'rb') and 'open'"),
    "memory of its parent": probing("got = open(f'/proc/{os.getppid() or 1}/mem', 'rb') and 'open'", "import os"),
    "its own memory as a file": probing("got = open('/proc/self/mem', 'rb') and 'open'"),
    "the examiner's command line": probing("got = open('/proc/@EXAMINER@/cmdline').read(20)"),
    "every process": probing("got = [name for name in os.listdir('/proc') if name.isdigit()]", "import os"),
    "process_vm_readv": probing(
        """
        libc = ctypes.CDLL(None, use_errno=True)
        buffer = ctypes.create_string_buffer(8)
        vector = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 8)
        got = libc.process_vm_readv(os.getpid(), vector, 1, vector, 1, 0) > 0
        """,
        "import ctypes, os",
    ),
    "a socket to the network": probing(
        "got = socket.socket(socket.AF_INET, socket.SOCK_DGRAM).fileno()", "import socket"
    ),
    "a socket to a daemon": probing("got = socket.socket(socket.AF_UNIX).fileno()", "import socket"),
    "a signal to the nursery": probing("os.kill(os.getppid(), 0)\ngot = 'reached'", "import os"),
    "a signal to everyone": probing("os.kill(-1, 0)\ngot = 'reached'", "import os"),
    "a file in the scratch folder": probing("open('@SCRATCH@/planted', 'w').write('x')\ngot = 'written'"),
    "a file removed": probing("os.unlink('@SCRATCH@/keep-0')\ngot = 'removed'", "import os"),
    "a file made longer": probing("open('@SCRATCH@/keep', 'a').write('x')\ngot = 'written'"),
    "a file made executable": probing("os.chmod('@SCRATCH@/keep', 0o777)\ngot = 'changed'", "import os"),
    "a name in shared memory": probing(
        "got = shared_memory.SharedMemory('practice-hostile', create=True, size=8).name\n"
        "shared_memory.SharedMemory('practice-hostile').unlink()",
        "from multiprocessing import shared_memory",
    ),
    "a child that answers later": probing(
        "got = os.fork()\nif got == 0:\n    os._exit(0)\nos.waitpid(got, 0)", "import os"
    ),
    "a thread": probing("thread = threading.Thread(target=int)\nthread.start()\ngot = 'started'", "import threading"),
}

# What no layer is needed for: it is not there to be found.
ABSENT = {
    "descriptors it inherited": Hostile(
        in_call(
            """
            open_ones = []
            for descriptor in range(3, 256):
                try:
                    open_ones.append((descriptor, stat.S_IFMT(os.fstat(descriptor).st_mode)))
                except OSError:
                    pass
            others = [one for one in open_ones if one[1] != stat.S_IFSOCK]
            assert len(open_ones) == 1 and not others, f"EVIDENCE {open_ones}"
            for standard in (0, 1, 2):
                assert not os.get_blocking(standard) or os.read(0, 1) == b"", "EVIDENCE standard input"
            """,
            "import os, stat",
        ),
        earns=EMPTY,
    ),
    "objects of the other side": Hostile(
        in_call(
            """
            names = set()
            for thing in gc.get_objects():
                if isinstance(thing, types.FunctionType):
                    names.add(thing.__code__.co_filename)
                    assert not thing.__name__.startswith("test_"), f"EVIDENCE {thing}"
            hidden = [name for name in names if "reference" in name or "checks.py" in name or "/exam/" in name]
            assert not hidden, f"EVIDENCE {hidden}"
            """,
            "import gc, types",
        ),
        earns=EMPTY,
    ),
    "modules of the other side": Hostile(
        at_import(
            """
            import sys
            hidden = [name for name in sys.modules if name.startswith(("grader.exam", "grader.content", "grader.daemon", "practice_"))]
            assert not hidden, f"EVIDENCE {hidden}"
            """
        ),
        earns=EMPTY,
    ),
    "imports the examiner": Hostile(
        at_import("import grader.exam.comparisons as c\nraise AssertionError('EVIDENCE')"), says="import"
    ),
    "imports the loader": Hostile(at_import("from grader.content import Catalogue\nraise AssertionError('EVIDENCE')")),
    "words in its memory": Hostile(
        in_call(
            """
            for thing in gc.get_objects():
                if type(thing) is dict:
                    for value in list(thing.values()):
                        assert not (type(value) is str and len(value) > 40 and MARK in value and value is not SOURCE), "EVIDENCE"
            """,
            "import gc, linecache\nMARK = 'masked_fill' + '(hidden, torch.finfo'\nSOURCE = None",
        ),
        earns=EMPTY,
    ),
    "secrets in the environment": Hostile(
        in_call(
            "import os\nleaked = {k: v for k, v in os.environ.items() if 'TOKEN' in k or 'SECRET' in k or v.startswith('/root')}\n"
            "assert not leaked, f'EVIDENCE {leaked}'"
        ),
        earns=EMPTY,
    ),
}

# What only one of the two layers stops that a machine may lack; the other stops it, too, everywhere else.
_FILES = (
    "opens the reference", "opens the kit's own reference", "lists the repository", "becomes the reference",
    "imports the reference", "lists the checks", "walks the disk", "opens it by way of /proc", "reads the public half",
    "maps a hidden file", "loads it with torch", "asks linecache", "reads accounts", "its own memory as a file",
    "the examiner's command line", "every process",
)  # fmt: skip
_CALLS = (
    "process_vm_readv", "a socket to the network", "a socket to a daemon", "a file made executable",
    "a child that answers later", "a thread", "a signal to everyone",
)  # fmt: skip
READING |= {name: replace(READING[name], stopped_by=LANDLOCK) for name in _FILES}
READING |= {name: replace(READING[name], stopped_by=SECCOMP) for name in _CALLS}
# On what belongs to the one who runs the tests, or by a part of Python that another user may not read.
for _name in ("memory of the examiner", "a file made executable", "a name in shared memory"):
    READING[_name] = replace(READING[_name], needs_root=True)
