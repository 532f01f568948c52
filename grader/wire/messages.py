"""One message, a dict of values by name, for each frame: the header is `[{name: tree}, table]`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from grader.errors import WireError
from grader.wire.decoding import Decoder, Unspecial
from grader.wire.encoding import Encoder
from grader.wire.frames import Channel
from grader.wire.values import AS_IS, HOSTILE, reason

_MAX_NAMES = 64

# json.dumps and json.loads would build these again on every call.
_to_json = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
_from_json = json.JSONDecoder().decode


def send_message(
    channel: Channel, message: Mapping[str, object], *, encoder: Encoder | None = None, timeout: float
) -> None:
    """Sends a message within `timeout` seconds.

    With an `encoder` that has encoded some of the values beforehand, those stand in the message as `Encoded` trees.
    """
    encoder = encoder or Encoder()
    trees = {name: value if type(value) in AS_IS else encoder.encode(value, name) for name, value in message.items()}
    try:
        header = _to_json([trees, encoder.table]).encode("ascii")
    except HOSTILE as error:
        raise WireError(f"a message cannot be written as JSON: {reason(error)}") from error
    channel.send(header, encoder.buffers, timeout=timeout)


def receive_message(
    channel: Channel, *, special: Unspecial | None = None, timeout: float
) -> tuple[dict[str, Any], Decoder]:
    """The next message, and the decoder that read it, which knows its tensors and generators."""
    header, body = channel.receive(timeout=timeout)
    try:
        parsed = _from_json(header.decode("ascii"))
    except HOSTILE as error:
        raise WireError(f"a frame's header is not JSON: {reason(error)}") from error
    if type(parsed) is not list or len(parsed) != 2 or type(parsed[0]) is not dict or len(parsed[0]) > _MAX_NAMES:
        raise WireError("a frame's header has the wrong form")
    trees, table = parsed
    decoder = Decoder(body, table, special)
    values = {name: tree if type(tree) in AS_IS else decoder.decode(tree, name) for name, tree in trees.items()}
    return values, decoder
