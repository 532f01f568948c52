"""Values <-> frames between the trusted examiner and the untrusted worker; never pickle.

`send_message` and `receive_message` are the ordinary way in. Every hostile frame ends in a `WireError`.
"""

from grader.wire.decoding import Decoder
from grader.wire.encoding import Encoder
from grader.wire.frames import Buffer, Channel
from grader.wire.messages import receive_message, send_message
from grader.wire.values import Encoded, Tree, tagged

__all__ = [
    "Buffer",
    "Channel",
    "Decoder",
    "Encoded",
    "Encoder",
    "Tree",
    "receive_message",
    "send_message",
    "tagged",
]
