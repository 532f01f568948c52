"""Tampering in the interpreter that the submission has: comparators, builtins, and the worker's own objects."""

from __future__ import annotations

from hostile_entry import EMPTY, ZEROS, Hostile, at_import, in_call

_ALWAYS = "lambda *arguments, **named: True"

TAMPERING = {
    "torch's comparators": Hostile(
        at_import(
            f"""
            for name in ("allclose", "equal", "isclose", "eq", "all"):
                setattr(torch, name, {_ALWAYS})
            torch.testing.assert_close = lambda *arguments, **named: None
            """
        ),
        earns=EMPTY,
        whole=True,
    ),
    "tensor methods": Hostile(
        at_import(
            f"""
            for name in ("__eq__", "__ne__", "__le__", "__gt__", "equal", "allclose", "isclose", "all", "any", "double", "abs"):
                setattr(torch.Tensor, name, {_ALWAYS})
            """
        ),
        earns=EMPTY,
    ),
    "builtins": Hostile(
        at_import(
            f"""
            import builtins
            for name in ("isinstance", "all", "any", "bool", "type", "abs"):
                setattr(builtins, name, {_ALWAYS})
            """
        )
    ),
    "builtins in a call": Hostile(
        in_call(
            "import builtins\nbuiltins.AssertionError = builtins.ValueError = builtins.Exception = type('E', (BaseException,), {})"
        ),
        earns=EMPTY,
    ),
    "modules of the grader by name": Hostile(
        at_import(
            """
            import sys, types
            fake = types.ModuleType("grader.exam")
            fake.assert_close = fake.require = lambda *arguments, **named: None
            for name in ("grader.exam", "grader.exam.comparisons", "grader.exam.outcome", "pytest", "hypothesis"):
                sys.modules[name] = fake
            """
        ),
        earns=EMPTY,
    ),
    "the modules table emptied": Hostile(in_call("import sys\nsys.modules.clear()"), earns=EMPTY),
    "the server, by its frame": Hostile(
        in_call(
            f"""
            import sys
            frame = sys._getframe()
            while frame is not None:
                server = frame.f_locals.get("self")
                if type(server).__name__ == "Server":
                    server.answer = lambda request, decoder: ({{"value": "passed", "outcome": "passed"}}, None)
                    server.operations = dict.fromkeys(server.operations, lambda request, decoder: ({{"value": {ZEROS}}}, None))
                frame = frame.f_back
            """
        )
    ),
    "the server, by the collector": Hostile(
        at_import(
            """
            import gc
            for thing in gc.get_objects():
                if type(thing).__name__ == "Server":
                    thing.operations["call"] = lambda request, decoder: ({"value": torch.zeros(request["args"][0].shape)}, None)
            """
        ),
        earns=EMPTY,
    ),
    "the server's replies": Hostile(
        in_call(
            """
            from grader.worker import serve
            send = serve.send_message
            serve.send_message = lambda channel, message, **named: send(channel, {**message, "passed": True, "points": 20}, **named)
            """
        ),
        says="broke the connection",
    ),
    "the wire's functions": Hostile(
        in_call(
            """
            import grader.wire.encoding, grader.wire.tensors
            grader.wire.tensors.pack = lambda tensors, first, limit=0: ([], [], [])
            grader.wire.encoding.Encoder.encode = lambda self, value, path=None: None
            """
        )
    ),
    "code of the worker's functions": Hostile(
        at_import(
            """
            from grader.worker import serve
            serve.Server.call.__code__ = (lambda self, request, decoder: ({"value": True, "graph": 0}, None)).__code__
            """
        )
    ),
    "a claim that all is well": Hostile(
        in_call("raise Fine", "class Fine(Exception):\n    pass\nFine.__name__ = Fine.__qualname__ = 'passed'"),
        says="passed",
    ),
    "the catalogue's switches": Hostile(
        at_import("import grader.faults\ngrader.faults.faults = lambda name: False"), earns=EMPTY
    ),
    "memory of small integers": Hostile(
        at_import(
            """
            import ctypes
            zero = ctypes.c_long.from_address(id(0) + 24)
            ctypes.memset(id(False) + 16, 255, 4)
            """
        )
    ),
}
