"""Resources: endless loops, memory, processes, descriptors, output. Graded with short limits."""

from __future__ import annotations

from hostile_entry import EMPTY, RIGHT, SECCOMP, SHAPE, SIGNATURE, Hostile, at_import, honest_but, in_call, probing

RESOURCES = {
    "an endless loop": Hostile(in_call("while True:\n    pass"), hangs=True, says="did not come back within"),
    "an endless loop at import": Hostile(
        at_import("while True:\n    pass"), hangs=True, says="did not come back within"
    ),
    "a sleep": Hostile(in_call("import time\ntime.sleep(10_000)"), hangs=True, says="did not come back within"),
    "a lock": Hostile(
        in_call("import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()"),
        hangs=True,
        says="did not come back",
    ),
    "a regular expression": Hostile(
        in_call("import re\nre.match('(a+)+$', 'a' * 64 + 'b')"), hangs=True, says="did not come back"
    ),
    "an endless power": Hostile(in_call("10 ** 10 ** 10"), hangs=True),
    "a deaf loop": Hostile(
        in_call(
            "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass",
            "import signal\nfor number in range(1, 65):\n    try:\n        signal.signal(number, signal.SIG_IGN)\n"
            "    except (OSError, ValueError):\n        pass",
        ),
        hangs=True,
        says="did not come back",
    ),
    "an endless backward": Hostile(
        f"{RIGHT}\n"
        "class Endless(torch.autograd.Function):\n"
        "    @staticmethod\n    def forward(ctx, y):\n        return y.clone()\n"
        "    @staticmethod\n    def backward(ctx, grad):\n        while True: pass\n"
        f"{SIGNATURE}    return Endless.apply(honest(x, w_q, w_k, w_v, causal=causal, key_padding_mask=key_padding_mask))\n",
        earns=frozenset({"test_shape", "test_values", "test_inputs_unchanged"}),
        hangs=True,
        only=("test_gradients",),
    ),
    "a text that never ends": Hostile(
        in_call("raise Slow", "class Slow(Exception):\n    def __str__(self):\n        while True:\n            pass"),
        hangs=True,
    ),
    "100 GB of bytes": Hostile(in_call("bytearray(100 << 30)"), says="memory"),
    "100 GB of tensor": Hostile(in_call("torch.zeros(100 << 28)"), says="memory"),
    "memory bit by bit": Hostile(
        in_call("held = []\nwhile True:\n    held.append(bytearray(256 << 20))"), says="memory"
    ),
    "memory kept from call to call": Hostile(
        honest_but("HELD.append(torch.ones(80 << 18))", "HELD = []"), earns=SHAPE, says="memory"
    ),
    "answers that fill the examiner": Hostile(
        in_call("", result="torch.ones(()).expand(80 << 20)"), says="gives back too much", only=("test_shape",)
    ),
    "deep recursion": Hostile(in_call("def deep():\n    return deep()\ndeep()"), says="RecursionError"),
    "recursion without a limit": Hostile(
        in_call("import sys\nsys.setrecursionlimit(1 << 30)\ndef deep():\n    return deep()\ndeep()"), hangs=True
    ),
    "recursion in C": Hostile(in_call("deep = []\nfor _ in range(100_000):\n    deep = [deep]\nrepr(deep)")),
    "a huge print": Hostile(in_call("print('x' * 50_000_000)"), earns=EMPTY),
    "many prints": Hostile(in_call("for line in range(20_000):\n    print(line)"), earns=EMPTY),
    "bytes to standard output": Hostile(
        in_call("import os\nfor _ in range(100):\n    os.write(1, b'x' * 65536)"), earns=EMPTY
    ),
    "source of brackets": Hostile("x = " + "(" * 5000 + ")" * 5000 + "\n"),
    "source of blocks": Hostile(
        "".join("    " * depth + "if True:\n" for depth in range(120)) + "    " * 120 + "pass\n", says="line"
    ),
    "a fork bomb": probing(
        "while True:\n    got = os.fork()\n    if got == 0:\n        os._exit(0)\n    break",
        "import os",
        stopped_by=SECCOMP,
    ),
    "processes by the library": probing(
        "process = multiprocessing.get_context('fork').Process(target=int)\nprocess.start()\ngot = 'started'",
        "import multiprocessing",
        stopped_by=SECCOMP,
        needs_root=True,
    ),
    "a disk filled": probing("open('@SCRATCH@/full', 'wb').write(b'x' * 1_000_000)\ngot = 'written'"),
    "a file that exists nowhere": probing("got = os.memfd_create('full')", "import os", stopped_by=SECCOMP),
    "many descriptors": probing("got = len([os.dup(0) for _ in range(300)])", "import os"),
    "more limits": probing(
        "resource.setrlimit(resource.RLIMIT_CPU, (2, 2))\ngot = 'set'", "import resource", stopped_by=SECCOMP
    ),
    "its own priority": probing("got = os.nice(5)", "import os", stopped_by=SECCOMP),
}
