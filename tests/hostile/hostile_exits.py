"""Early exits: ways to end a check without failing it, were the submission in the checks' own interpreter."""

from __future__ import annotations

from hostile_entry import NOTHING, RIGHT, SIGNATURE, Hostile, at_import, honest_but, in_call

_FORWARD = frozenset({"test_shape", "test_values", "test_inputs_unchanged"})


def _raising(kind: str, module: str = "") -> Hostile:
    return Hostile(in_call(f"raise {kind}", f"import {module}" if module else ""))


EXITS = {
    "sys.exit at import": Hostile(at_import("import sys; sys.exit(0)"), says="ended the program with SystemExit"),
    "sys.exit in a call": Hostile(in_call("import sys; sys.exit(0)"), says="ended the program with SystemExit"),
    "os._exit(0) at import": Hostile(at_import("import os; os._exit(0)"), says="ended the program (exit status 0)"),
    "os._exit(0) in a call": Hostile(in_call("import os; os._exit(0)"), says="ended the program (exit status 0)"),
    "os.abort in a call": Hostile(in_call("import os; os.abort()"), says="ended the program (crashed"),
    "a crash in a call": Hostile(in_call("import ctypes; ctypes.string_at(0)"), says="crashed"),
    "a signal to itself": Hostile(
        in_call("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"), says="PermissionError"
    ),
    "pytest.skip": Hostile(in_call("import pytest; pytest.skip('not today')"), says="Skipped"),
    "pytest.exit": Hostile(in_call("import pytest; pytest.exit('done', returncode=0)")),
    "pytest.xfail": Hostile(in_call("import pytest; pytest.xfail('known')")),
    "pytest.skip at import": Hostile(at_import("import pytest; pytest.skip('not today', allow_module_level=True)")),
    "unittest.SkipTest": _raising("unittest.SkipTest('no')", "unittest"),
    "hypothesis UnsatisfiedAssumption": _raising("hypothesis.errors.UnsatisfiedAssumption()", "hypothesis.errors"),
    "hypothesis.assume": Hostile(in_call("import hypothesis; hypothesis.assume(False)")),
    "hypothesis StopTest": _raising("hypothesis.errors.StopTest(0)", "hypothesis.errors"),
    "KeyboardInterrupt": _raising("KeyboardInterrupt"),
    "GeneratorExit": _raising("GeneratorExit"),
    "StopIteration": _raising("StopIteration"),
    "CancelledError": _raising("asyncio.CancelledError", "asyncio"),
    "a group of exits": _raising("BaseExceptionGroup('all', [SystemExit(0), KeyboardInterrupt()])"),
    "exit handlers": Hostile(
        at_import("import atexit, os; atexit.register(os._exit, 0)\nimport sys; sys.exit(0)"), says="SystemExit"
    ),
    "an exit in a destructor": Hostile(
        in_call("Ends()", "import os\nclass Ends:\n    def __del__(self):\n        os._exit(0)")
    ),
    "an exit in backward": Hostile(
        f"{RIGHT}\nimport os\n"
        "class Ends(torch.autograd.Function):\n"
        "    @staticmethod\n    def forward(ctx, y):\n        return y.clone()\n"
        "    @staticmethod\n    def backward(ctx, grad):\n        os._exit(0)\n"
        f"{SIGNATURE}    return Ends.apply(honest(x, w_q, w_k, w_v, causal=causal, key_padding_mask=key_padding_mask))\n",
        earns=_FORWARD,
    ),
    "an excepthook": Hostile(
        in_call("raise ValueError('x')", "import sys, os\nsys.excepthook = lambda *a: os._exit(0)")
    ),
    "a trace function": Hostile(in_call("", "import sys, os\nsys.settrace(lambda *a: os._exit(0))")),
    "a signal handler": Hostile(
        honest_but(
            "signal.raise_signal(signal.SIGTERM)", "import signal, os\nsignal.signal(15, lambda *a: os._exit(0))"
        )
    ),
    "an endless exception chain": Hostile(
        in_call(
            "raise Chained",
            "class Chained(Exception):\n    @property\n    def __cause__(self):\n        return self\n    __context__ = __cause__",
        )
    ),
    "an exception that exits when it is read": Hostile(
        in_call(
            "raise Evil",
            """
            import os
            class Meta(type):
                @property
                def __name__(cls):
                    os._exit(0)
                def __instancecheck__(cls, other):
                    os._exit(0)
            class Evil(Exception, metaclass=Meta):
                def __str__(self):
                    os._exit(0)
                __repr__ = __str__
                @property
                def __traceback__(self):
                    os._exit(0)
            """,
        ),
        says="raised",
    ),
}
assert all(one.earns == NOTHING or one.earns == _FORWARD for one in EXITS.values())
