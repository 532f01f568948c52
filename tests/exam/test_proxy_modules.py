"""The proxy of a module: parameters, training by a trusted optimizer, modules passed in, opaque values."""

from __future__ import annotations

import pytest
import torch
from exam_ground import Stage
from torch import nn

from grader.exam.failures import CandidateRaised

SOURCE = """
import torch
from torch import nn


def call(x, y=None, *, how=None):
    return x


class Net(nn.Module):
    def __init__(self, width, base=None):
        super().__init__()
        self.one = nn.Linear(width, 3)
        self.norm = nn.BatchNorm1d(3)
        self.register_buffer("count", torch.zeros(1, dtype=torch.long))
        self.base = base
        if base is not None:
            base.requires_grad_(False)

    def forward(self, x, cache=None):
        self.count += 1
        if self.base is not None:
            x = self.base(x)
        return self.norm(self.one(x)).relu() if self.training else self.one(x)

    def step(self, x, cache):
        kept = list(cache.items) if cache is not None else []
        return x + len(kept), Cache(kept + [x])

    @classmethod
    def make(cls, base):
        return cls(base.in_features)

    def boom(self):
        raise ValueError("boom")


class Cache:
    def __init__(self, items):
        self.items = items
"""


OWN_LAYERS = """

class Wide(nn.Conv2d):
    pass


class Forged(nn.Module):
    pass


Forged.__module__, Forged.__qualname__ = "torch.nn.modules.linear", "Linear"


class Net(Net):
    def __init__(self, width, base=None):
        super().__init__(width, base)
        self.wide, self.forged = Wide(width, 2, 3), Forged()
"""


def same_net(remote: object, width: int) -> nn.Module:
    """The same layers here, with the submission's values."""
    here = nn.ModuleDict({"one": nn.Linear(width, 3), "norm": nn.BatchNorm1d(3)})
    state = remote.state_dict()  # type: ignore[attr-defined]
    here.load_state_dict({name: value for name, value in state.items() if name != "count"})
    return here


def test_what_a_module_holds_can_be_seen(stage: Stage) -> None:
    net = stage.candidate(SOURCE).Net(4)
    assert [name for name, _ in net.named_parameters()] == ["one.weight", "one.bias", "norm.weight", "norm.bias"]
    assert all(type(parameter) is nn.Parameter for parameter in net.parameters())
    assert {name for name, _ in net.named_buffers()} == {
        "count",
        "norm.running_mean",
        "norm.running_var",
        "norm.num_batches_tracked",
    }
    assert ("one", "torch.nn.modules.linear.Linear") in net.named_modules()
    assert net.one.class_name == "torch.nn.modules.linear.Linear"
    assert net.class_name.endswith("Net")
    assert not net.class_name.startswith("torch.")
    assert net.count.item() == 0
    assert hasattr(net, "one")
    assert not hasattr(net, "two")


def test_a_layer_of_ones_own_is_named_by_what_it_is_derived_from(stage: Stage) -> None:
    net = stage.candidate(SOURCE + OWN_LAYERS).Net(4)
    names = dict(net.named_modules())
    assert names["wide"] == "torch.nn.modules.conv.Conv2d"
    assert names["forged"] == "(not) torch.nn.modules.linear.Linear"
    assert "Wide" in net.wide.class_name


def test_training_mode_and_state_go_through(stage: Stage) -> None:
    net = stage.candidate(SOURCE).Net(4)
    x = torch.randn(5, 4)
    assert net.training is True
    here = same_net(net, 4)
    assert torch.allclose(net(x), here["norm"](here["one"](x)).relu())
    assert torch.allclose(dict(net.named_buffers())["norm.running_mean"], here["norm"].running_mean)
    net.eval()
    assert net.training is False
    assert torch.allclose(net(x), here["one"](x))
    state = {name: torch.ones_like(value) for name, value in net.state_dict().items()}
    net.load_state_dict(state)
    assert torch.equal(net(torch.ones(1, 4)), torch.full((1, 3), 5.0))


def test_a_trusted_optimizer_trains_it_to_the_values_of_a_local_one(stage: Stage) -> None:
    net = stage.candidate(SOURCE).Net(4)
    here = same_net(net, 4)
    x, target = torch.randn(6, 4), torch.randn(6, 3)
    ours = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    theirs = torch.optim.SGD(here.parameters(), lr=0.1, momentum=0.9)
    for _ in range(5):
        for optimizer, output in ((ours, net(x)), (theirs, here["norm"](here["one"](x)).relu())):
            optimizer.zero_grad()
            (output - target).square().mean().backward()
            optimizer.step()
    for (name, one), other in zip(net.named_parameters(), here.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-6), name
    assert torch.allclose(net.state_dict()["one.weight"], here["one"].weight, atol=1e-6)


def test_writing_to_a_parameter_reaches_the_submission(stage: Stage) -> None:
    net = stage.candidate(SOURCE).Net(2).eval()
    with torch.no_grad():
        net.one.weight.fill_(2.0)
        net.one.bias.zero_()
    assert torch.equal(net(torch.ones(1, 2)), torch.full((1, 3), 4.0))


def test_several_plain_attributes_come_at_once(stage: Stage) -> None:
    net = stage.candidate(SOURCE).Net(4).eval()
    assert net.values("norm.eps", "training", "one.in_features") == [1e-5, False, 4]
    with pytest.raises(AttributeError, match="nothing"):
        net.values("norm.eps", "norm.nothing")


def test_parameters_are_fetched_when_somebody_looks(stage: Stage) -> None:
    """A call leaves room for the gradients of parameters; the values come with the first look."""
    net = stage.candidate(SOURCE).Net(4).eval()
    x = torch.randn(5, 4)
    output = net(x)
    state = net.state_dict()
    weight, parameters = net.one.weight, dict(net.named_parameters())
    assert parameters["one.weight"] is weight
    for name, parameter in parameters.items():
        assert torch.equal(parameter, state[name]), name
    here = same_net(net, 4)
    there, ours = output.square().sum(), here["one"](x).square().sum()
    for name in ("one.weight", "one.bias"):
        (actual,) = torch.autograd.grad(there, parameters[name], retain_graph=True)
        (wanted,) = torch.autograd.grad(ours, dict(here.named_parameters())[name], retain_graph=True)
        assert torch.allclose(actual, wanted, atol=1e-5), name


def test_what_is_written_to_a_parameter_after_a_call_reaches_the_submission(stage: Stage) -> None:
    net = stage.candidate(SOURCE).Net(2).eval()
    net(torch.ones(1, 2))
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.fill_(1.5)
    assert torch.equal(net(torch.ones(1, 2)), torch.full((1, 3), 4.5))


def test_a_parameter_that_is_held_follows_the_submission_without_being_asked(stage: Stage) -> None:
    net = stage.candidate(SOURCE).Net(2).eval()
    weight = net.one.weight
    net.load_state_dict({name: torch.ones_like(value) for name, value in net.state_dict().items()})
    net(torch.ones(1, 2))
    assert torch.equal(weight, torch.ones(3, 2))


def test_a_module_passed_in_is_one_and_the_same(stage: Stage) -> None:
    base = nn.Linear(4, 4)
    net = stage.candidate(SOURCE).Net(4, base)
    assert not base.weight.requires_grad
    assert not base.bias.requires_grad
    assert net.base is base
    assert any(parameter is base.weight for parameter in net.parameters())
    net.eval()
    with torch.no_grad():
        base.weight.copy_(torch.eye(4))
        base.bias.zero_()
    x = torch.randn(2, 4)
    assert torch.allclose(net(x), x @ net.one.weight.T + net.one.bias)


def test_class_methods_and_methods_that_raise(stage: Stage) -> None:
    candidate = stage.candidate(SOURCE)
    made = candidate.Net.make(nn.Linear(7, 2))
    assert made.one.weight.shape == (3, 7)
    with pytest.raises(CandidateRaised, match="boom"):
        made.boom()
    with pytest.raises(AttributeError):
        _ = made.nothing


def test_an_opaque_value_can_be_continued_twice(stage: Stage) -> None:
    net = stage.candidate(SOURCE).Net(1)
    x = torch.zeros(1)
    _, cache = net.step(x, None)
    longer, _ = net.step(x, cache)
    again, _ = net.step(x, cache)
    assert longer.item() == again.item() == 1


def test_what_is_gone_here_is_freed_there(stage: Stage) -> None:
    candidate = stage.candidate(SOURCE)
    for _ in range(30):
        candidate.log.begin({})  # an example begins: the calls of the one before are forgotten
        net = candidate.Net(2)
        net(torch.randn(3, 2)).sum().backward()
        del net
    candidate.log.begin({})
    candidate.call(1)
    assert len(candidate._link.things) <= 1
    assert len(candidate._link.mirrors) <= 4
    assert not candidate._link.freed_objects
    assert len(candidate._link.freed_graphs) <= 1  # of the last call itself
