"""A nursery as it is on a machine that lacks a layer, or whose user is not root:

    levelled_nursery.py [--without landlock] [--without seccomp] [--without namespaces] [--ordinary] OPTIONS OF A NURSERY

It is the real one: only what the machine would say is exchanged. What submissions import is imported before the user
changes, who may not be allowed to read Python.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib
import os
import sys
from dataclasses import replace
from typing import Any

from grader.confine import Prepared
from grader.confine.readable import default_readable
from grader.worker import nursery

NOBODY = 65534
IMPORTED = (
    "fcntl", "glob", "linecache", "mmap", "multiprocessing.shared_memory", "pwd", "pyseccomp", "resource", "socket",
    "subprocess",
)  # fmt: skip


def become_ordinary() -> None:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # dumpable, as after a login: the change of user has cleared it


def without(layers: list[str], prepare: Any) -> Any:
    """`prepare` on a machine that lacks these."""
    fields = {"landlock": "ruleset", "seccomp": "program"}
    lacking = [layer for layer in layers if layer in fields]
    readable = default_readable()

    def prepared(**options: Any) -> Prepared:
        made: Prepared = prepare(readable, **options)
        missing = tuple((layer, "not here") for layer in lacking)
        return replace(made, **dict.fromkeys([fields[layer] for layer in lacking]), missing=missing)

    return prepared


def main() -> None:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--without", action="append", default=[])
    parser.add_argument("--ordinary", action="store_true")
    options, sys.argv[1:] = parser.parse_known_args()
    for name in IMPORTED:
        importlib.import_module(name)
    warm_up = nursery.warm_up

    def warmed_up() -> None:
        warm_up()
        if options.ordinary:
            become_ordinary()

    nursery.warm_up = warmed_up
    if "namespaces" in options.without:
        nursery.enter_namespaces = lambda: (False, "not here")
    nursery.prepare = without(options.without, nursery.prepare)
    nursery.main()


if __name__ == "__main__":
    main()
