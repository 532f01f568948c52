"""Confinement of the process that runs untrusted code: what holds it, and what of that this machine can do.

The names are loaded on first use: `Isolation` must cost the client nothing, the rest needs ctypes.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from grader.confine.isolation import Isolation, Limits

if TYPE_CHECKING:
    from grader.confine.namespaces import enter_namespaces
    from grader.confine.prepared import Prepared, prepare
    from grader.confine.process import clean_environment, close_other_descriptors, die_with_parent, scrub_environment
    from grader.confine.seccomp import compile_filter
    from grader.confine.trial import probe

__all__ = [
    "Isolation",
    "Limits",
    "Prepared",
    "clean_environment",
    "close_other_descriptors",
    "compile_filter",
    "die_with_parent",
    "enter_namespaces",
    "prepare",
    "probe",
    "scrub_environment",
]

_HOMES = {
    "Prepared": "prepared",
    "clean_environment": "process",
    "close_other_descriptors": "process",
    "compile_filter": "seccomp",
    "die_with_parent": "process",
    "enter_namespaces": "namespaces",
    "prepare": "prepared",
    "probe": "trial",
    "scrub_environment": "process",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
