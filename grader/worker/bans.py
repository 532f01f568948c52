"""Withdraws the operations that an exercise forbids, before the submission loads.

Withdrawn where they live, so that every alias is met: an operator at torch's dispatcher (an implementation that
raises, for the keys that a CPU tensor meets), with the kernels that it is made of; a Python function by exchanging
its code; a class by its constructor; a module by all that it defines. torch's own Python decompositions of a
withdrawn operator go with it.
"""

from __future__ import annotations

import ctypes
import importlib
import inspect
import re
import sys
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from types import CodeType, FunctionType, ModuleType
from typing import Any

import torch

from grader.errors import GraderFault
from grader.worker.report import BannedOperation

# What a ban means at the dispatcher: the operators that compute it, as patterns over torch's schema names. They
# take the kernels below an operator too: calling `_scaled_dot_product_attention_math` is calling attention.
_ATTENTION = (
    r"_?scaled_dot_product_\w+|_\w*flash_attention\w*|_efficient_attention\w*|_cudnn_attention\w*"
    r"|_triton_\w*attention\w*|_native_multi_head_attention|_transformer_encoder_layer_fwd"
)
_CROSS_ENTROPY = r"cross_entropy_loss|nll_loss\w*"
_FAKE_QUANTIZE = r"_?fake_quantize_\w+|_?fused_moving_avg_obs\w+"
OPERATORS = {
    "torch.nn.functional.scaled_dot_product_attention": _ATTENTION,
    "torch.nn.functional.multi_head_attention_forward": _ATTENTION,
    "torch.nn.MultiheadAttention": _ATTENTION,
    "torch.nn.TransformerEncoderLayer": _ATTENTION,
    "torch.nn.functional.cross_entropy": _CROSS_ENTROPY,
    "torch.nn.CrossEntropyLoss": _CROSS_ENTROPY,
    "torch.nn.functional.nll_loss": _CROSS_ENTROPY,
    "torch.nn.NLLLoss": _CROSS_ENTROPY,
    "torch.fake_quantize_per_tensor_affine": _FAKE_QUANTIZE,
    "torch.fake_quantize_per_channel_affine": _FAKE_QUANTIZE,
}
# The name to say when an operator is met: the one that people call it by.
PUBLIC_NAMES = {
    "cross_entropy_loss": "torch.nn.functional.cross_entropy",
    "nll_loss_nd": "torch.nn.functional.nll_loss",
}
# Other ways to the same computation that are modules of their own and costly to import: importing one meets the ban.
COMPANIONS = {_ATTENTION: ("torch.nn.attention.flex_attention",)}
# vmap has kernels of its own, which compute without asking the CPU's.
ALWAYS = ("CPU", "AutogradCPU", "FuncTorchBatched")
WHERE_PRESENT = ("CompositeImplicitAutograd", "CompositeExplicitAutograd", "FuncTorchVmapMode", "NestedTensorCPU")


@dataclass(frozen=True, slots=True)
class _Operator:
    """One overload: its name for registration, the keys to take, and torch's own Python versions of it."""

    base: str
    overload: str
    keys: tuple[str, ...]
    decompositions: tuple[Any, ...]


@cache
def _operators(pattern: str) -> tuple[_Operator, ...]:
    """All operators that a pattern names. Looking through torch's schemas costs tens of milliseconds: `prepare` has
    it done early.
    """
    found = []
    wanted = re.compile(rf"aten::({pattern})")
    for schema in _schemas():
        if wanted.fullmatch(schema.name):
            base = schema.name.removeprefix("aten::")
            qualified = schema.name + (f".{schema.overload_name}" if schema.overload_name else "")
            has = torch._C._dispatch_has_kernel_for_dispatch_key
            keys = (*ALWAYS, *(key for key in WHERE_PRESENT if has(qualified, key)))
            found.append(_Operator(base, qualified.removeprefix("aten::"), keys, _decompositions(base)))
    return tuple(found)


@cache
def _schemas() -> list[Any]:
    return list(torch._C._jit_get_all_schemas())


@cache
def _decompositions(base: str) -> tuple[Any, ...]:
    """torch's own Python versions of an operator, which would run without it."""
    from torch import _refs
    from torch._decomp import global_decomposition_table

    found = []
    for table in global_decomposition_table.values():
        for overload, function in table.items():
            schema = getattr(overload, "_schema", None)
            if schema is not None and schema.name == f"aten::{base}":
                found.append(function)
    found += [place.__dict__[base] for place in (_refs, _refs.nn.functional) if base in place.__dict__]
    return tuple(found)


def prepare() -> None:
    """Look everything up once, in the nursery: a worker then withdraws in a millisecond."""
    for pattern in OPERATORS.values():
        _operators(pattern)


def withdraw(names: Iterable[str]) -> None:
    """Make every operation of `names` (dotted public names) raise `BannedOperation`.

    Raises GraderFault for a name that torch does not have or that cannot be withdrawn.
    """
    names = tuple(names)
    patterns = {OPERATORS[name] for name in names if name in OPERATORS}
    for pattern in patterns:
        _withdraw_operators(_operators(pattern), names)
        for companion in COMPANIONS.get(pattern, ()):
            sys.modules[companion] = _BannedModule(companion)
    for name in names:
        if not _withdraw_python(name, _resolve(name)) and name not in OPERATORS:
            raise GraderFault(f"{name} cannot be withdrawn", "list its operators in grader.worker.bans.OPERATORS")


def _resolve(name: str) -> Any:
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:cut]))
            for part in parts[cut:]:
                found = getattr(found, part)
        except (ImportError, AttributeError):
            continue
        return found
    raise GraderFault(f"cannot ban {name}: torch {torch.__version__} has no such name")


def _raiser(name: str) -> Callable[..., Any]:
    def banned(*_arguments: Any, **_named: Any) -> Any:
        raise BannedOperation(name)

    return banned


def _withdraw_operators(operators: Iterable[_Operator], names: tuple[str, ...]) -> None:
    # The binding below `torch.library.Library`: the Python class could be found through the garbage collector and
    # asked to undo its work.
    library = torch._C._dispatch_library("IMPL", "aten", "")
    by_last_part = {name.rpartition(".")[2]: name for name in names}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns that a kernel is overridden: that is the point
        for operator in operators:
            name = PUBLIC_NAMES.get(operator.base) or by_last_part.get(operator.base) or operator.base
            raiser = _raiser(name)
            for key in operator.keys:
                library.impl(operator.overload, key, raiser)
            for function in operator.decompositions:
                _withdraw_python(name, function)
    # Keep it for the life of the process, where no Python reference leads to it.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(library))


# --------------------------------------------------------------------- Python


class _BannedModule(ModuleType):
    """Stands in for a module that must not be used: whatever is asked of it raises."""

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):  # the import system's own questions
            raise AttributeError(attribute)
        raise BannedOperation(self.__name__)


def _withdraw_python(name: str, target: Any) -> bool:
    """Withdraw a Python function, class or module in place; False where `target` is none of these."""
    if isinstance(target, ModuleType):
        for member in list(vars(target).values()):
            if getattr(member, "__module__", "").startswith(target.__name__):
                _withdraw_python(name, member)
        for loaded in _submodules(target):
            _withdraw_python(name, loaded)
        return True
    if inspect.isclass(target):
        for method in ("__init__", "__new__", "forward", "__call__"):
            if method in vars(target) or method in ("__init__", "__new__"):
                setattr(target, method, _raiser(name))
        return True
    function = inspect.unwrap(target) if callable(target) else target
    done = False
    for one in (target, function):
        if isinstance(one, FunctionType):
            _exchange_code(name, one)
            done = True
    return done


def _submodules(package: ModuleType) -> list[ModuleType]:
    inside = f"{package.__name__}."
    return [module for key, module in list(sys.modules.items()) if key.startswith(inside) and module is not None]


def _exchange_code(name: str, function: FunctionType) -> None:
    """Give `function` a body that raises. The object stays: whoever imported it earlier meets the ban too."""
    function.__code__ = _raising(name, len(function.__code__.co_freevars))
    function.__defaults__ = None
    function.__kwdefaults__ = None


@cache
def _raising(name: str, freevars: int) -> CodeType:
    """Code that raises, and closes over as many names as the code that it takes the place of."""
    closed = ", ".join(f"name_{number}" for number in range(freevars))
    body = f"""
def maker({closed}):
    def banned(*_arguments, **_named):
        {f"if False: ({closed},)" if closed else ""}
        from {BannedOperation.__module__} import BannedOperation
        raise BannedOperation({name!r})
    return banned
"""
    namespace: dict[str, Any] = {}
    exec(body, namespace)  # our own text
    code: CodeType = namespace["maker"](*closed.split()).__code__
    return code
