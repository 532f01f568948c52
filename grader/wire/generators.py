"""Random number generators of the CPU <-> their state's bytes."""

from __future__ import annotations

import struct

import torch

from grader.errors import WireError
from grader.wire.frames import Buffer

# torch's legacy layout: seed u64, left i32, seeded i32, next u64, 624 words of 64 bits, three doubles of cached
# normals with an int that says whether they are valid, a cached float, and a bool that says whether it is.
_HEAD = struct.Struct("<QiiQ")
_SIZE = 5056
_WORDS = 624
_DOUBLE_IS_VALID = 5040
_FLOAT_IS_VALID = 5052


def pack(generator: torch.Generator) -> Buffer:
    """The generator's state; WireError if it does not live on the CPU."""
    if generator.device.type != "cpu":
        raise WireError(f"a generator of {generator.device.type} cannot be sent")
    return generator.get_state().numpy().tobytes()


def unpack(state: memoryview) -> torch.Generator:
    """A fresh generator in that state; WireError if no generator could be in it."""
    if state.nbytes != _SIZE:
        raise WireError("a generator's state has the wrong size")
    _, left, seeded, following = _HEAD.unpack_from(state)
    # torch checks each of the two alone, and reads beyond its array if they do not belong together.
    if seeded != 1 or not 1 <= left <= _WORDS or left + following > _WORDS + 1:
        raise WireError("a generator's state is impossible")
    if state[_DOUBLE_IS_VALID] > 1 or state[_FLOAT_IS_VALID] > 1:
        raise WireError("a generator's state is impossible")
    generator = torch.Generator(device="cpu")
    generator.set_state(torch.frombuffer(bytearray(state), dtype=torch.uint8))
    return generator
