"""A classic BPF machine, as far as seccomp programs use one: what would the kernel answer to this system call?"""

from __future__ import annotations

import struct
from collections.abc import Callable

X86_64 = 0xC000003E
AARCH64 = 0xC00000B7
I386 = 0x40000003

ALLOW = 0x7FFF0000
KILL_PROCESS = 0x80000000
ERRNO = 0x00050000

_INSTRUCTION = struct.Struct("=HBBI")
_DATA = struct.Struct("=iIQ6Q")
_JUMPS: dict[int, Callable[[int, int], bool]] = {
    0x15: lambda a, k: a == k,
    0x25: lambda a, k: a > k,
    0x35: lambda a, k: a >= k,
    0x45: lambda a, k: bool(a & k),
}


def instructions(program: bytes) -> list[tuple[int, int, int, int]]:
    """(code, jump if true, jump if false, constant) for each instruction."""
    return list(_INSTRUCTION.iter_unpack(program))


def run(program: bytes, number: int, arguments: tuple[int, ...] = (), architecture: int = X86_64) -> int:
    """The filter's answer to one call: ALLOW, KILL_PROCESS or ERRNO + an error number."""
    words = [argument & 0xFFFF_FFFF_FFFF_FFFF for argument in (*arguments, 0, 0, 0, 0, 0, 0)[:6]]
    signed = number - (1 << 32) if number >= 1 << 31 else number
    data = _DATA.pack(signed, architecture, 0, *words)
    code = instructions(program)
    accumulator = at = 0
    while True:
        operation, if_true, if_false, constant = code[at]
        at += 1
        if operation == 0x20:  # load a word of the call's data
            (accumulator,) = struct.unpack_from("=I", data, constant)
        elif operation == 0x54:  # and
            accumulator &= constant
        elif operation == 0x05:  # jump
            at += constant
        elif operation in _JUMPS:
            at += if_true if _JUMPS[operation](accumulator, constant) else if_false
        elif operation == 0x06:  # return
            return constant
        else:
            raise AssertionError(f"instruction {at - 1}: unknown operation {operation:#x}")
