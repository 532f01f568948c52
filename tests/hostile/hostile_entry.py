"""What an entry of the table is, and the pieces that submissions are written with.

Placeholders in a source: @SOLUTIONS@ and @EXERCISES@ the content's folders, @KIT@ the repository, @SCRATCH@ a folder
that anyone may write to, @EXAMINER@ the process id of the examiner, @VICTIM@ that of another process, @DAEMON@ a socket
that listens where a daemon's would, @JOURNAL@ a journal's inbox. A source that got what it was after raises
`AssertionError("EVIDENCE ...")`: that text must never be in a verdict.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Any

SIGNATURE = "def self_attention(x, w_q, w_k, w_v, *, causal=False, key_padding_mask=None):\n"
EVIDENCE = "EVIDENCE"

RIGHT = """
import math
import torch

def honest(x, w_q, w_k, w_v, *, causal=False, key_padding_mask=None):
    q, k, v = x @ w_q, x @ w_k, x @ w_v
    scores = q @ k.transpose(-1, -2) / math.sqrt(k.shape[-1])
    length = x.shape[1]
    hidden = torch.zeros(x.shape[0], length, length, dtype=torch.bool)
    if causal:
        hidden = hidden | torch.ones(length, length, dtype=torch.bool).triu(1)
    if key_padding_mask is not None:
        hidden = hidden | key_padding_mask[:, None, :]
    weights = scores.masked_fill(hidden, torch.finfo(scores.dtype).min).softmax(-1)
    return weights.masked_fill(hidden, 0.0) @ v
"""

ZEROS = "torch.zeros(*x.shape[:2], w_v.shape[1], dtype=x.dtype)"

# What returning zeros of the right shape and dtype earns: it has a shape, and leaves its inputs alone.
SHAPE = frozenset({"test_shape"})
UNCHANGED = frozenset({"test_inputs_unchanged"})
EMPTY = SHAPE | UNCHANGED
NOTHING: frozenset[str] = frozenset()

# The layers that a machine may lack while it has all others.
LANDLOCK, SECCOMP = frozenset({"landlock"}), frozenset({"seccomp"})
SPARABLE = LANDLOCK | SECCOMP


@dataclass(frozen=True)
class Hostile:
    """One submission. `earns` are the checks that it passes on its merits; all others must fail.

    `says` stands in the first failing check's message. `needs_confinement`: without it the source gets what it is
    after, which is shown first. `hangs`: graded with short limits; `whole`: by all checks, and diagnosed.

    `stopped_by` are the layers of `SPARABLE` that stop it without the other, Landlock from its version `abi` on.
    `needs_root`: only root gets anywhere to begin with; `optional`: a kernel or a container may refuse it to everybody.
    """

    source: str
    earns: frozenset[str] = NOTHING
    says: str = ""
    needs_confinement: bool = False
    hangs: bool = False
    whole: bool = False
    only: tuple[str, ...] = ()  # the checks to grade it by, where the usual ones do not show it
    shows: str = "test_values"  # of a banned way: the check that passes where nothing is banned
    stopped_by: frozenset[str] = SPARABLE
    abi: int = 1
    needs_root: bool = False
    optional: bool = False


def in_call(body: str, before: str = "", result: str = ZEROS) -> str:
    """A submission that does `body` in each call and returns zeros."""
    return f"import torch\n{textwrap.dedent(before)}\n{SIGNATURE}{_indented(body)}    return {result}\n"


def at_import(body: str, result: str = ZEROS) -> str:
    """A submission that does `body` when it is loaded, and returns zeros."""
    return f"import torch\n{textwrap.dedent(body)}\n{SIGNATURE}    return {result}\n"


def honest_but(body: str, before: str = "") -> str:
    """A right answer that does `body` first in each call."""
    call = "honest(x, w_q, w_k, w_v, causal=causal, key_padding_mask=key_padding_mask)"
    return f"{RIGHT}\n{textwrap.dedent(before)}\n{SIGNATURE}{_indented(body)}    return {call}\n"


def returning(expression: str, before: str = "") -> str:
    """A submission that returns something odd; `right` is the right answer."""
    call = "    right = honest(x, w_q, w_k, w_v, causal=causal, key_padding_mask=key_padding_mask)\n"
    return f"{RIGHT}\n{textwrap.dedent(before)}\n{SIGNATURE}{call}    return {expression}\n"


def probing(body: str, before: str = "", **how: Any) -> Hostile:
    """A submission that tries something only confinement stops; `body` sets `got` to what it got, or raises OSError."""
    attempt = textwrap.indent(textwrap.dedent(body).strip(), "        ")
    source = f"""
import torch
{textwrap.dedent(before)}
{SIGNATURE}    got = None
    try:
{attempt}
    except (OSError, RuntimeError, ImportError, ValueError, MemoryError) as error:
        print(repr(error))
    if got:
        raise AssertionError(f"{EVIDENCE} {{got!r}}")
    return {ZEROS}
"""
    return Hostile(source, earns=EMPTY, needs_confinement=True, **how)


def _indented(body: str) -> str:
    text = textwrap.indent(textwrap.dedent(body).strip("\n"), "    ")
    return f"{text}\n" if text.strip() else ""
