"""The socket in a submission's hands: bytes of its own, replies before they are asked for, claims without end."""

from __future__ import annotations

from typing import Any

from hostile_entry import Hostile, at_import, in_call

_FIND = """
import gc, os, struct
from grader.wire import Channel, send_message
CHANNEL = next(thing for thing in gc.get_objects() if type(thing) is Channel)
SOCKET = CHANNEL._socket
SERVER = next(thing for thing in gc.get_objects() if type(thing).__name__ == "Server")
def say(**message):
    send_message(CHANNEL, message, timeout=5)
def raw(data):
    SOCKET.setblocking(True)
    SOCKET.sendall(data)
    SOCKET.setblocking(False)
# Sequence numbers go up by one: the load is 1, a seed follows it.
import sys
def sequence():
    frame = sys._getframe()
    while frame is not None:
        if "request" in frame.f_locals and "seq" in frame.f_locals["request"]:
            return frame.f_locals["request"]["seq"]
        frame = frame.f_back
"""
_ZEROS = "torch.zeros(*x.shape[:2], w_v.shape[1], dtype=x.dtype)"


def _sending(body: str, **kind: Any) -> Hostile:
    return Hostile(in_call(body, _FIND), **kind)


PROTOCOL = {
    "bytes that are no frame": _sending("raw(b'passed' * 100)"),
    "the end of the socket": _sending("SOCKET.close()"),
    "the end of the socket, and on it goes": _sending(
        "SOCKET.close()\nwhile True:\n    pass", hangs=True, says="broke the connection"
    ),
    "half of a shutdown": _sending("SOCKET.shutdown(1)"),
    "descriptors for the examiner": _sending(
        "import socket\nSOCKET.setblocking(True)\nfor _ in range(20):\n"
        "    SOCKET.sendmsg([b''.join([b'PRK1', bytes(12)])], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack('i', 0))])"
    ),
    "the descriptor closed below": _sending("os.close(SOCKET.fileno())"),
    "a reply before the reply": _sending(f"say(seq=sequence(), value={_ZEROS})"),
    "a reply to the next question": _sending(f"say(seq=sequence() + 1, value={_ZEROS}, graph=1)"),
    "replies to the next thousand": _sending(
        f"for more in range(1000):\n    say(seq=sequence() + more, value={_ZEROS}, graph=1)",
        earns=frozenset({"test_shape", "test_inputs_unchanged"}),
    ),
    "two replies in one": _sending("say(seq=sequence(), value=None)\nsay(seq=sequence(), value=None)"),
    "another's number": _sending("SERVER.channel = None\nsay(seq=-1, value=None)\nsay(seq=True, value=None)"),
    "a claim of a huge header": _sending("raw(struct.pack('<4sIQ', b'PRK1', 0xFFFFFFFF, 0))"),
    "a claim of a huge body": _sending("raw(struct.pack('<4sIQ', b'PRK1', 2, 1 << 62) + b'{}')"),
    "a claim within the limits that is not kept": _sending(
        "raw(struct.pack('<4sIQ', b'PRK1', 16, 500 << 20) + b'x' * 64)\nwhile True:\n    pass", hangs=True
    ),
    "one byte at a time": _sending(
        "import time\nfor byte in b'PRK1' * 100:\n    raw(bytes([byte]))\n    time.sleep(0.3)", hangs=True
    ),
    "a header that is no JSON": _sending("raw(struct.pack('<4sIQ', b'PRK1', 8, 0) + b'{\"a\": 1,')"),
    "a header of brackets": _sending("raw(struct.pack('<4sIQ', b'PRK1', 1 << 20, 0) + b'[' * (1 << 20))"),
    "a fault of the grader": _sending("say(fault='the grader is broken', seq=sequence())"),
    "a second greeting": _sending("say(isolation={'level': 'strict', 'layers': ['trust me']})"),
    "a verdict": _sending("say(seq=sequence(), outcome='passed', points=20, checks=[])"),
    "no value": _sending("say(seq=sequence())"),
    "a value and no graph": _sending(f"say(seq=sequence(), value=({_ZEROS}).requires_grad_())"),
    "a graph that is not there": _sending(f"say(seq=sequence(), value=({_ZEROS}).requires_grad_(), graph=10 ** 9)"),
    "a report that is none": _sending("say(seq=sequence(), raised=5)"),
    "a report of odd parts": _sending(
        "say(seq=sequence(), raised={'type': [1], 'kinds': [[1], {}], 'message': 7, 'frames': [5], 'banned': [1], 'missing_module': {}})"
    ),
    "a report that skips": _sending(
        "say(seq=sequence(), raised={'type': 'Skipped', 'kinds': ['BaseException', 'Skipped']})"
    ),
    "changes that are none": _sending("say(seq=sequence(), value=None, changed=5)"),
    "changes of odd arguments": _sending(f"say(seq=sequence(), value={_ZEROS}, changed=['args[x]', 'args[99999]', 5])"),
    "generators that are none": _sending(f"say(seq=sequence(), value={_ZEROS}, generators=[1, None])"),
    "modules that are not linked": _sending(f"say(seq=sequence(), value={_ZEROS}, linked=[{{'module': -1}}, 5])"),
    "parameters that changed": _sending(f"say(seq=sequence(), value={_ZEROS}, parameters_changed=True, linked=5)"),
    "output that is none": _sending(f"say(seq=sequence(), value={_ZEROS}, output=[1] * 1000)"),
    "output without end": _sending(
        "for more in range(40):\n    say(seq=sequence(), output='x' * (64 << 20))", hangs=True
    ),
    "problems that are none": Hostile(at_import(_FIND + "say(seq=1, problems=[5, {'kind': 'signature'}])")),
    "a load that is no load": Hostile(at_import(_FIND + "say(seq=1, value=True)")),
    "an early load, and nothing": Hostile("import torch\n" + _FIND + "say(seq=1, problems=[])\nraise SystemExit(0)\n"),
    "gradients that do not fit": Hostile(
        in_call(
            "SERVER.operations['backward'] = lambda request, decoder: ({'value': 'all'}, None)",
            _FIND,
            "(x.sum() * 0 + torch.zeros(*x.shape[:2], w_v.shape[1], dtype=x.dtype))",
        ),
        earns=frozenset({"test_shape", "test_inputs_unchanged"}),
    ),
}
