"""Modules: what is built is what was described, down to the last attribute, and it draws no random number."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from wire_ends import cross, same

from grader.errors import WireError
from grader.wire import Encoder, tagged
from grader.wire.modules import build, class_name, describe

MODULES = [
    lambda: nn.Linear(3, 4),
    lambda: nn.Linear(3, 4, bias=False, dtype=torch.bfloat16),
    lambda: nn.Linear(0, 2),
    lambda: nn.Embedding(5, 3),
    lambda: nn.Embedding(5, 3, padding_idx=-1, max_norm=1.5, norm_type=1.0, scale_grad_by_freq=True, sparse=True),
    lambda: nn.LayerNorm((3, 4), eps=1e-3),
    lambda: nn.LayerNorm(3, bias=False),
    lambda: nn.LayerNorm(3, elementwise_affine=False),
    lambda: nn.RMSNorm(4),
    lambda: nn.RMSNorm([2, 4], eps=1e-6, elementwise_affine=False),
    lambda: nn.GroupNorm(2, 4),
    lambda: nn.GroupNorm(1, 4, affine=False),
    lambda: nn.BatchNorm1d(3, momentum=None),
    lambda: nn.BatchNorm2d(3, affine=False),
    lambda: nn.BatchNorm2d(3, track_running_stats=False),
    lambda: nn.Conv1d(4, 6, 3, stride=2, padding=1, dilation=2, groups=2, bias=False),
    lambda: nn.Conv2d(2, 4, (3, 2), padding="same", padding_mode="reflect"),
    lambda: nn.Dropout(0.3),
    lambda: nn.Identity(),
    lambda: nn.ReLU(inplace=True),
    lambda: nn.GELU("tanh"),
    lambda: nn.SiLU(),
    lambda: nn.Tanh(),
    lambda: nn.Sigmoid(),
    lambda: nn.Softmax(dim=-1),
    lambda: nn.Softmax(),
    lambda: nn.LeakyReLU(0.3),
    lambda: nn.ELU(0.4),
    lambda: nn.Flatten(0, 2),
    lambda: nn.MaxPool2d(2, padding=1, ceil_mode=True),
    lambda: nn.AvgPool2d((2, 1), count_include_pad=False, divisor_override=3),
    lambda: nn.AdaptiveAvgPool2d((None, 2)),
    lambda: nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Sequential(nn.Linear(3, 2), nn.Dropout())),
    lambda: nn.Sequential(),
    lambda: nn.ModuleList([nn.ReLU(), nn.Linear(1, 1)]),
    lambda: nn.ModuleDict({"query": nn.Linear(2, 2), "key": nn.Identity()}),
]


def send_module(encoder: Encoder, value: object) -> Any:
    return tagged("module", encoder.encode(describe(value))) if isinstance(value, nn.Module) else None


def travel(module: nn.Module) -> Any:
    decoders = {"module": lambda decoder, payload: build(decoder.decode(payload))}
    return cross({"m": module}, encoder=Encoder(send_module), special=decoders)[0]["m"]


def assert_alike(built: nn.Module, module: nn.Module) -> None:
    tensors = ("_parameters", "_buffers", "_modules")
    assert type(built) is type(module)
    assert vars(built).keys() == vars(module).keys()
    assert all(vars(built)[name] == value for name, value in vars(module).items() if name not in tensors)
    assert same(dict(built._parameters), dict(module._parameters))
    assert same(dict(built._buffers), dict(module._buffers))
    assert built._modules.keys() == module._modules.keys()
    for name, child in module._modules.items():
        assert_alike(built._modules[name], child)


@pytest.mark.parametrize("make", MODULES)
def test_a_module_arrives_alike_to_the_last_attribute(make):
    module = make()
    before = torch.get_rng_state()
    built = travel(module)
    assert torch.equal(torch.get_rng_state(), before), "building drew a random number"
    assert_alike(built, module)
    assert repr(built) == repr(module)
    assert built.state_dict().keys() == module.state_dict().keys()


def test_building_computes_no_initial_values(monkeypatch):
    """They would be thrown away; and on some devices torch imports half of itself for them."""
    modules = [make() for make in MODULES]
    descriptions = [describe(module) for module in modules]
    for cls in {type(module) for module in modules if hasattr(module, "reset_parameters")}:
        monkeypatch.setattr(cls, "reset_parameters", lambda _self: pytest.fail("initial values were computed"))
    for description in descriptions:
        build(description)


def test_what_is_built_computes_the_same():
    module = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.GELU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(16, 3)
    )
    x = torch.randn(5, 2, 4, 4)
    built = travel(module)
    assert torch.equal(built(x), module(x))
    assert torch.equal(built[1].running_mean, module[1].running_mean)
    assert built[1].num_batches_tracked == 1


def test_training_flags_and_frozen_parameters_are_kept():
    module = nn.Sequential(nn.Linear(2, 2), nn.Dropout(), nn.Sequential(nn.BatchNorm1d(2)))
    module[1].eval()
    module[2].train(False).training = True
    module[0].bias.requires_grad_(False)
    built = travel(module)
    assert [part.training for part in built.modules()] == [True, True, False, True, False]
    assert [parameter.requires_grad for parameter in built.parameters()] == [True, False, True, True]


def test_tied_weights_stay_tied():
    module = nn.ModuleDict({"embed": nn.Embedding(5, 3), "head": nn.Linear(3, 5, bias=False)})
    module["head"].weight = module["embed"].weight
    built = travel(module)
    assert built["head"].weight is built["embed"].weight
    assert len(list(built.parameters())) == 1


def test_a_module_used_twice_stays_one():
    block = nn.Linear(2, 2)
    built = travel(nn.Sequential(block, nn.ReLU(), nn.Sequential(block)))
    assert built[0] is built[2][0]


def test_a_parameter_that_was_replaced_or_removed_arrives_so():
    module = nn.Linear(2, 3)
    module.weight = nn.Parameter(torch.randn(4, 2))
    module.bias = None
    built = travel(module)
    assert same(built.weight, module.weight)
    assert built.bias is None
    assert built(torch.randn(1, 2)).shape == (1, 4)


@pytest.mark.parametrize("make", MODULES)
def test_class_names_are_those_that_one_writes(make):
    module = make()
    assert class_name(module) == f"torch.nn.{type(module).__name__}"
    assert getattr(nn, class_name(module).rpartition(".")[2]) is type(module)


class Own(nn.Linear):
    pass


def with_attribute(name: str, value: object) -> nn.Module:
    module = nn.Linear(2, 2)
    setattr(module, name, value)
    return module


def hooked() -> nn.Module:
    module = nn.Linear(2, 2)
    module.register_forward_hook(lambda *_: None)
    return module


def inside_itself() -> nn.Module:
    module = nn.Sequential()
    module.append(nn.Sequential(module))
    return module


def with_none() -> nn.Module:
    module = nn.Sequential(nn.ReLU())
    module.register_module("0", None)
    return module


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Own(2, 2), r"class \S*Own cannot be sent"),
        (lambda: nn.Sequential(Own(2, 2)), r"class \S*Own cannot be sent"),
        (lambda: nn.Transformer(4, 2, 1, 1, 4), r"class torch\S*Transformer cannot be sent"),
        (lambda: nn.utils.parametrizations.orthogonal(nn.Linear(2, 2)), "class .* cannot be sent"),
        (hooked, "a torch.nn.Linear with hooks cannot be sent"),
        (lambda: with_attribute("forward", lambda x: x), "with a forward of its own"),
        (lambda: with_attribute("scale", nn.Parameter(torch.ones(1))), "with scale of its own"),
        (lambda: with_attribute("child", nn.ReLU()), "with child of its own"),
        (lambda: with_attribute("in_features", torch.ones(1)), "with an argument of type Tensor"),
        (inside_itself, "inside themselves"),
        (with_none, "class NoneType cannot be sent"),
        (lambda: torch.ones(1), "class torch.Tensor cannot be sent"),
        (lambda: None, "class NoneType cannot be sent"),
    ],
)
def test_what_a_description_cannot_carry_is_refused(make, message):
    with pytest.raises(WireError, match=message):
        describe(make())


def linear(**changes: Any) -> dict[str, Any]:
    weight = {"weight": nn.Parameter(torch.ones(2, 3)), "bias": None}
    entry = {
        "name": "torch.nn.Linear",
        "arguments": {"in_features": 3, "out_features": 2},
        "training": True,
        "parameters": weight,
        "buffers": {},
        "children": {},
    }
    return {"modules": [list((entry | changes).values())]}


def test_a_description_written_by_hand():
    built = build(linear())
    assert built(torch.ones(3)).tolist() == [3, 3]


def containers(*children: dict[str, int]) -> dict[str, Any]:
    return {"modules": [["torch.nn.Sequential", {}, True, {}, {}, each] for each in children]}


@pytest.mark.parametrize(
    "description",
    [
        None,
        [],
        {},
        {"modules": None},
        {"modules": []},
        {"modules": [None]},
        {"modules": [[]]},
        {"modules": linear()["modules"], "more": 1},
        linear(name="torch.nn.Bilinear"),
        linear(name="Linear"),
        linear(name="torch.nn.modules.linear.Linear"),
        linear(name=None),
        linear(name=[]),
        linear(training=1),
        linear(arguments=None),
        linear(arguments={}),
        linear(arguments={"in_features": 3}),
        linear(arguments={"in_features": 3, "out_features": 2, "device": "cpu"}),
        linear(arguments={"in_features": "3", "out_features": 2}),
        linear(arguments={"in_features": -3, "out_features": 2}),
        linear(arguments={"in_features": 2**62, "out_features": 2**62}),
        linear(arguments={"in_features": 2**4000, "out_features": 2}),
        linear(arguments={"in_features": torch.ones(1), "out_features": 2}),
        linear(arguments={"in_features": (3,) * 9, "out_features": 2}),
        linear(parameters=None),
        linear(parameters={"weight": torch.ones(2, 3)}),
        linear(parameters={"weight": 1}),
        linear(parameters={"forward": nn.Parameter(torch.ones(1))}),
        linear(parameters={"weight": nn.Parameter(torch.ones(1)), "extra": None}),
        linear(buffers={"running_mean": torch.ones(1)}),
        linear(children={"0": 0}),
        linear(children=None),
        containers({"0": 0}),
        containers({"0": 1}, {}),
        containers({}, {"0": -1}),
        containers({}, {"0": True}),
        containers({}, {"0": 0.0}),
        containers({}, {"a.b": 0}),
        containers({}, {"": 0}),
        containers({}, {"forward": 0}),
        containers({}, {0: 0}),
        # Thirty levels, each holding the one below twice: .eval() would walk a thousand million modules.
        containers({}, *({"0": number, "1": number} for number in range(30))),
        {"modules": containers({})["modules"] * 10_001},
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_hostile_description(description):
    with pytest.raises(WireError):
        build(description)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("Embedding", {"num_embeddings": 3, "embedding_dim": 2, "padding_idx": 99, "max_norm": None, "norm_type": 2.0,
                       "scale_grad_by_freq": False, "sparse": False}),
        ("GroupNorm", {"num_groups": 0, "num_channels": 2, "eps": 0.1, "affine": True}),
        ("LayerNorm", {"normalized_shape": (2**62, 2**62), "eps": 0.1, "elementwise_affine": True}),
        ("Conv2d", {"in_channels": 2, "out_channels": 2, "kernel_size": (3, 3), "stride": 1, "padding": "exec",
                    "dilation": 1, "groups": 1, "padding_mode": "zeros"}),
        ("Conv2d", {"in_channels": 2, "out_channels": 2, "kernel_size": (3, 3), "stride": 1, "padding": 0,
                    "dilation": 1, "groups": 0, "padding_mode": "zeros"}),
        ("Dropout", {"p": 7.0, "inplace": False}),
        ("Dropout", {"p": "x", "inplace": False}),
    ],
)  # fmt: skip
def test_arguments_that_the_class_refuses(name, arguments):
    with pytest.raises(WireError):
        build({"modules": [[f"torch.nn.{name}", arguments, True, {}, {}, {}]]})


def test_a_claim_of_size_allocates_nothing():
    """Four terabytes by its arguments; in truth, the tensors that came."""
    arguments = {"in_features": 1 << 20, "out_features": 1 << 20}
    assert build(linear(arguments=arguments)).weight.shape == (2, 3)
