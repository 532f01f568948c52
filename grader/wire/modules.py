"""`nn.Module`s of plain torch classes <-> descriptions made of plain values and tensors.

Only the exact classes of a closed table travel, each with the constructor arguments listed there; what a description
cannot carry (a hook, a `forward` of its own, a subclass) is refused rather than lost. A description is
`{"modules": [entry, ...]}`: children come before their parents and are named by number, so that a module used twice
stays one module; tensors used twice stay one through the encoder.
"""

from __future__ import annotations

import sys
from typing import Any, NamedTuple, TypeAlias

from torch import Tensor, nn

from grader.errors import WireError
from grader.wire.values import HOSTILE, MAX_DEPTH, reason, type_name

Description: TypeAlias = dict[str, Any]

_MAX_MODULES = 10_000
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


class _Kind(NamedTuple):
    cls: type[nn.Module]
    bare: type[nn.Module]  # constructs without drawing initial values: from no generator, and ten times as fast
    arguments: tuple[str, ...]  # names of constructor arguments, and of the attributes that keep them
    parameters: tuple[str, ...]
    buffers: tuple[str, ...]

    @property
    def holds_children(self) -> bool:
        return self.cls in (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def _kind(cls: type[nn.Module], arguments: str = "", parameters: str = "", buffers: str = "") -> _Kind:
    bare = type(cls.__name__, (cls,), {"reset_parameters": lambda _self: None})
    return _Kind(cls, bare, tuple(arguments.split()), tuple(parameters.split()), tuple(buffers.split()))


_CONVOLUTION = "in_channels out_channels kernel_size stride padding dilation groups padding_mode"
_BATCH_NORM = "num_features eps momentum affine track_running_stats"
_STATISTICS = "running_mean running_var num_batches_tracked"

_TABLE = (
    _kind(nn.Linear, "in_features out_features", "weight bias"),
    _kind(
        nn.Embedding,
        "num_embeddings embedding_dim padding_idx max_norm norm_type scale_grad_by_freq sparse",
        "weight",
    ),
    _kind(nn.LayerNorm, "normalized_shape eps elementwise_affine", "weight bias"),
    _kind(nn.RMSNorm, "normalized_shape eps elementwise_affine", "weight"),
    _kind(nn.GroupNorm, "num_groups num_channels eps affine", "weight bias"),
    _kind(nn.BatchNorm1d, _BATCH_NORM, "weight bias", _STATISTICS),
    _kind(nn.BatchNorm2d, _BATCH_NORM, "weight bias", _STATISTICS),
    _kind(nn.Conv1d, _CONVOLUTION, "weight bias"),
    _kind(nn.Conv2d, _CONVOLUTION, "weight bias"),
    _kind(nn.Dropout, "p inplace"),
    _kind(nn.Identity),
    _kind(nn.ReLU, "inplace"),
    _kind(nn.GELU, "approximate"),
    _kind(nn.SiLU, "inplace"),
    _kind(nn.Tanh),
    _kind(nn.Sigmoid),
    _kind(nn.Softmax, "dim"),
    _kind(nn.LeakyReLU, "negative_slope inplace"),
    _kind(nn.ELU, "alpha inplace"),
    _kind(nn.Flatten, "start_dim end_dim"),
    _kind(nn.MaxPool2d, "kernel_size stride padding dilation return_indices ceil_mode"),
    _kind(nn.AvgPool2d, "kernel_size stride padding ceil_mode count_include_pad divisor_override"),
    _kind(nn.AdaptiveAvgPool2d, "output_size"),
    _kind(nn.Sequential),
    _kind(nn.ModuleList),
    _kind(nn.ModuleDict),
)
_BY_CLASS = {kind.cls: kind for kind in _TABLE}
_BY_NAME = {f"torch.nn.{kind.cls.__name__}": kind for kind in _TABLE}
_NAMES: dict[type, str] = {kind.cls: name for name, kind in _BY_NAME.items()}


def class_name(module: nn.Module | None) -> str:
    """`torch.nn.Linear` and the like; WireError for any class but the exact ones that can be sent."""
    name = _NAMES.get(type(module))
    if name is None:
        raise WireError(f"a module of class {type_name(type(module))} cannot be sent")
    return name


def of_torch(kind: type) -> bool:
    """Whether a class that bears a name of torch's really is torch's."""
    module, _, own = type_name(kind).rpartition(".")
    return module.startswith("torch.") and getattr(sys.modules.get(module), own, None) is kind


def checked_name(kind: type) -> str:
    """The dotted name of a class; a name of torch's only where the class is really torch's."""
    name = type_name(kind)
    return f"(not) {name}" if name.startswith("torch.") and not of_torch(kind) else name


def layer_name(module: nn.Module) -> str:
    """The class of torch's that a module is of, or is derived from: a convolution of one's own is an nn.Conv2d too."""
    kinds = (kind for kind in type.__dict__["__mro__"].__get__(type(module)) if kind is not nn.Module)
    return checked_name(next((kind for kind in kinds if of_torch(kind)), type(module)))


def describe(module: nn.Module) -> Description:
    """Plain values and tensors from which `build` makes the module again."""
    entries: list[list[Any]] = []
    try:
        _describe(module, entries, {}, 0)
    except HOSTILE as error:
        raise WireError(f"a module cannot be sent: {reason(error)}") from error
    return {"modules": entries}


def build(description: object) -> nn.Module:
    """The module of a description, which may be hostile; draws from no random number generator."""
    try:
        return _build(description)
    except HOSTILE as error:
        raise WireError(f"a module's description is not well formed: {reason(error)}") from error


def _describe(module: nn.Module | None, entries: list[list[Any]], numbers: dict[int, int], depth: int) -> int:
    name = class_name(module)
    assert module is not None  # None, a child withdrawn, is of no class that can be sent
    if id(module) in numbers:
        return numbers[id(module)]
    if depth >= MAX_DEPTH:
        raise WireError(f"modules nested deeper than {MAX_DEPTH} levels, or inside themselves, cannot be sent")
    kind = _BY_NAME[name]
    _refuse_extras(module, name, kind)
    children = {key: _describe(child, entries, numbers, depth + 1) for key, child in module._modules.items()}
    arguments = {argument: _argument(getattr(module, argument)) for argument in kind.arguments}
    entries.append([name, arguments, module.training, dict(module._parameters), dict(module._buffers), children])
    numbers[id(module)] = len(entries) - 1
    return len(entries) - 1


def _refuse_extras(module: nn.Module, name: str, kind: _Kind) -> None:
    if any(getattr(module, hooks) for hooks in _HOOKS):
        raise WireError(f"a {name} with hooks cannot be sent")
    if "forward" in vars(module):
        raise WireError(f"a {name} with a forward of its own cannot be sent")
    extras = (module._parameters.keys() - kind.parameters) | (module._buffers.keys() - kind.buffers)
    if not kind.holds_children:
        extras |= module._modules.keys()
    if extras:
        raise WireError(f"a {name} with {min(extras)} of its own cannot be sent")


def _argument(value: object) -> object:
    """A constructor's argument as one of the few kinds that `build` takes."""
    if isinstance(value, (list, tuple)):
        value = tuple(value)
    if not _is_argument(value):
        raise WireError(f"a module with an argument of type {type(value).__name__} cannot be sent")
    return value


def _is_argument(value: object) -> bool:
    if type(value) is tuple:
        return len(value) <= 8 and all(type(item) in (int, type(None)) for item in value)
    return type(value) in (int, float, bool, str, type(None))


def _build(description: object) -> nn.Module:
    if type(description) is not dict or description.keys() != {"modules"}:
        raise WireError("a module's description has the wrong form")
    entries = description["modules"]
    if type(entries) is not list or not 1 <= len(entries) <= _MAX_MODULES:
        raise WireError("a module's description has the wrong form")
    built: list[nn.Module] = []
    sizes: list[int] = []
    for entry in entries:
        if type(entry) is not list or len(entry) != 6:
            raise WireError("a module's description has the wrong form")
        name, arguments, training, parameters, buffers, children = entry
        kind = _BY_NAME.get(name) if type(name) is str else None
        if kind is None or type(training) is not bool:
            raise WireError("a module's description names a class that cannot be sent")
        module = _construct(kind, arguments, parameters)
        _fill(module._parameters, kind.parameters, parameters, nn.Parameter)
        _fill(module._buffers, kind.buffers, buffers, Tensor)
        sizes.append(_adopt(module, kind, children, built, sizes))
        module.training = training
        built.append(module)
    return built[-1]


def _construct(kind: _Kind, arguments: object, parameters: object) -> nn.Module:
    if type(arguments) is not dict or arguments.keys() != set(kind.arguments):
        raise WireError("a module's arguments are not those of its class")
    if not all(map(_is_argument, arguments.values())):
        raise WireError("a module's argument is of the wrong kind")
    extra: dict[str, Any] = {}
    if kind.parameters:
        extra["device"] = "meta"  # of whatever size is claimed: its tensors are those of the description
    if "bias" in kind.parameters and kind.cls in (nn.Linear, nn.Conv1d, nn.Conv2d):
        extra["bias"] = type(parameters) is dict and parameters.get("bias") is not None
    module = kind.bare(**arguments, **extra)
    module.__class__ = kind.cls
    return module


def _fill(slots: dict[str, Any], names: tuple[str, ...], tensors: object, cls: type[Tensor]) -> None:
    if type(tensors) is not dict or not tensors.keys() <= set(names):
        raise WireError("a module's tensors are not those of its class")
    if any(tensor is not None and type(tensor) is not cls for tensor in tensors.values()):
        raise WireError("a module's tensor is of the wrong kind")
    slots.clear()
    slots.update(tensors)


def _adopt(module: nn.Module, kind: _Kind, children: object, built: list[nn.Module], sizes: list[int]) -> int:
    """Gives a container its children; returns how many modules a walk without memory would meet."""
    if type(children) is not dict or (children and not kind.holds_children):
        raise WireError("a module's children are not those of its class")
    size = 1
    for name, number in children.items():
        if type(number) is not int or not 0 <= number < len(built):
            raise WireError("a module's child is not there")
        module.add_module(name, built[number])
        # module.eval() walks so: thirty levels that each hold the one below twice would keep it busy for ever.
        size += sizes[number]
        if size > _MAX_MODULES:
            raise WireError("a module of too many parts")
    return size
