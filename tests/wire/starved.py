"""Receives hostile frames with little memory left, and says on one line each how that ended."""

from __future__ import annotations

import resource
import struct
from pathlib import Path

import torch
from wire_ends import message_frame, receive_bytes

ALLOWANCE = 300 << 20


def frames() -> list[bytes]:
    claim = struct.Struct("<4sIQ").pack
    return [
        claim(b"PRK1", 2, 512 << 20) + b"{}",
        claim(b"PRK1", 4 << 20, 0) + b"{}",
        claim(b"PRK1", 2**32 - 1, 2**64 - 1) + b"{}",
        claim(b"PRK1", 4_000_000, 0) + b"[" * 4_000_000,
        claim(b"PRK1", 4_000_000, 0) + b"[" + b"{}," * 1_333_332 + b"{}]",
        message_frame({"x": {"tensor": 0}}, [[["float64", 0, 1 << 30]], [], []]),
        message_frame({"x": {"tensor": 0}}, [[["float64", 4, 0, 0, 1 << 39, 0]], [], [8]], bytes(64)),
        message_frame({"x": {"tensor": 0}}, [[["uint8", 4, 0, 0, 1 << 28, 0]] * 9, [], [8]], bytes(64)),
        message_frame({"x": [[0]] * 100_001}),
        message_frame({"x": 1}, [[["int8", 0, 0]] * 200_000, [], []]),
        message_frame({"x": 1}, [[], [0] * 100_000, [5056]], bytes(5056)),
        message_frame({"x": [{"bytes": 0}] * 90_000}, [[], [], [1 << 20]], bytes(1 << 20)),
    ]


def main() -> None:
    hostile = frames()
    receive_bytes(message_frame({"x": {"tensor": 0}}, [[["float32", 0, 4]], [], []], bytes(64)))
    torch.ones(2).clone()
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + ALLOWANCE
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for content in hostile:
        try:
            receive_bytes(content)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what this script reports
            print(type(error).__name__.replace("Closed", "Error"), str(error)[:100])  # noqa: T201 - read by the test
        else:
            print("accepted")  # noqa: T201 - read by the test


if __name__ == "__main__":
    main()
