"""The proxy of a function: values of all kinds, gradients, generators, what it does to its inputs, what it prints."""

from __future__ import annotations

import math

import pytest
import torch
from exam_ground import Stage
from torch import nn

from grader.exam.failures import CandidateRaised, CheckFailure, WorkerLost

NET = """
from torch import nn
class Net(nn.Module):
    def __init__(self, width, base=None):
        super().__init__()
    def forward(self, x, cache=None):
        return x
    def step(self, x, cache):
        return x, cache
    @classmethod
    def make(cls, base):
        return cls(1)
"""


def defining(body: str) -> str:
    """A submission whose `call` has this body."""
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    return f"import torch\n{NET}\ndef call(x, y=None, *, how=None):\n{lines}\n"


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        7,
        -(10**30),
        2.5,
        math.inf,
        "字 text",
        b"\x00\xff",
        [1, [2.0, None]],
        (1, "a"),
        {"a": 1, 2: (3,)},
        torch.float64,
        torch.Size([2, 3]),
        torch.device("cpu"),
    ],
    ids=repr,
)
def test_values_go_there_and_back(stage: Stage, value: object) -> None:
    candidate = stage.candidate(defining("return x"))
    back = candidate.call(value)
    assert back == value
    assert type(back) is type(value)


def test_nan_and_minus_zero_survive(stage: Stage) -> None:
    nan, zero = stage.candidate(defining("return x")).call([math.nan, -0.0])
    assert math.isnan(nan)
    assert math.copysign(1, zero) == -1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.int8, torch.bool])
def test_tensors_keep_dtype_shape_and_values(stage: Stage, dtype: torch.dtype) -> None:
    candidate = stage.candidate(defining("return x"))
    for shape in ((), (0, 3), (1,), (2, 3)):
        tensor = torch.arange(math.prod(shape)).reshape(shape).to(dtype)
        back = candidate.call(tensor)
        assert type(back) is torch.Tensor
        assert back.dtype == dtype
        assert back.shape == tensor.shape
        assert torch.equal(back, tensor)


def test_one_tensor_passed_twice_is_one_object_there(stage: Stage) -> None:
    candidate = stage.candidate(defining("return x is y"))
    x = torch.ones(2)
    assert candidate.call(x, x) is True
    assert candidate.call(x, x.clone()) is False


def test_gradients_flow_through_and_agree_with_the_same_code_here(stage: Stage) -> None:
    candidate = stage.candidate(defining("return (x @ y).softmax(-1) * x.sum()"))
    x, y = torch.randn(2, 3, requires_grad=True), torch.randn(3, 4, requires_grad=True)
    there = torch.autograd.grad(candidate.call(x, y).square().sum(), [x, y])
    here = torch.autograd.grad(((x @ y).softmax(-1) * x.sum()).square().sum(), [x, y])
    for one, other in zip(there, here, strict=True):
        assert torch.allclose(one, other)


def test_gradcheck_passes_a_right_derivative_and_fails_a_wrong_one(stage: Stage) -> None:
    x = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    right = stage.candidate(defining("return x.tanh() * y"))
    y = torch.randn(3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(right.call, (x, y))
    wrong = stage.candidate(defining("return x.detach().tanh() + 0 * x"))
    assert not torch.autograd.gradcheck(wrong.call, (x,), raise_exception=False)


def test_an_unused_input_gets_no_gradient_and_a_detached_output_has_none(stage: Stage) -> None:
    candidate = stage.candidate(defining("return x.detach() if how else x * 2"))
    x, y = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    assert torch.autograd.grad(candidate.call(x, y).sum(), [x, y], allow_unused=True)[1] is None
    assert not candidate.call(x, how="cut").requires_grad


def test_no_grad_here_is_no_grad_there(stage: Stage) -> None:
    candidate = stage.candidate(defining("return torch.is_grad_enabled()"))
    assert candidate.call(1) is True
    with torch.no_grad():
        assert candidate.call(1) is False


def test_a_generator_goes_on_where_it_was_left(stage: Stage) -> None:
    candidate = stage.candidate(defining("return torch.rand(3, generator=x)"))
    there, here = torch.Generator().manual_seed(5), torch.Generator().manual_seed(5)
    for _ in range(2):
        assert torch.equal(candidate.call(there), torch.rand(3, generator=here))
    assert not candidate.last.used_global_rng


def test_drawing_from_the_global_generator_is_noticed(stage: Stage) -> None:
    candidate = stage.candidate(defining("return torch.rand(3) if how else x"))
    candidate.call(torch.ones(1))
    assert not candidate.last.used_global_rng
    candidate.call(torch.ones(1), how="draw")
    assert candidate.last.used_global_rng
    candidate.seed(3)
    first = candidate.call(1, how="draw")
    candidate.seed(3)
    assert torch.equal(first, candidate.call(1, how="draw"))


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        ("return x + 1", ()),
        ("x.add_(1)\nreturn x", ("x",)),
        ("x.data.mul_(3)\nreturn x", ("x",)),
        ("x.detach().numpy()[...] = 0\nreturn x", ("x",)),
        ("y[0].zero_()\nreturn x", ("y[0]",)),
        ("how['m'][0] = 9\nreturn x", ('how["m"]',)),
    ],
)
def test_changed_inputs_are_named_and_ours_stay_as_they_were(stage: Stage, body: str, changed: tuple[str, ...]) -> None:
    candidate = stage.candidate(defining(body))
    x, y, how = torch.ones(2, 2), [torch.ones(2)], {"m": torch.ones(2)}
    candidate.call(x, y, how=how)
    assert candidate.last.changed_inputs == changed
    assert all(bool((tensor == 1).all()) for tensor in (x, y[0], how["m"]))


def test_a_list_that_is_popped_is_noticed(stage: Stage) -> None:
    candidate = stage.candidate(defining("x.pop()\nreturn 0"))
    tokens = [1, 2, 3]
    candidate.call(tokens)
    assert candidate.last.changed_inputs
    assert tokens == [1, 2, 3]


def test_what_is_printed_is_kept_and_bounded(stage: Stage) -> None:
    candidate = stage.candidate(
        defining("import sys\nprint('hello', x)\nprint('z' * 10**6)\nprint('e', file=sys.stderr)")
    )
    candidate.call(4)
    shown = "".join(candidate.log.output)
    assert shown.startswith("hello 4\nzzz")
    assert len(shown) < 20_000


# --------------------------------------------------------------------- failures


@pytest.mark.parametrize(
    ("raising", "plain"),
    [
        ("raise ValueError('p must be 1')", ValueError),
        ("[][1]", IndexError),
        ("{}['k']", KeyError),
        ("1 / 0", ZeroDivisionError),
        ("raise NotImplementedError", NotImplementedError),
        ("torch.ones(2) @ torch.ones(3)", RuntimeError),
        ("class Odd(ValueError): pass\nraise Odd('p')", ValueError),
    ],
)
def test_plain_errors_arrive_as_what_they_were(stage: Stage, raising: str, plain: type[Exception]) -> None:
    with pytest.raises(CandidateRaised) as caught:
        stage.candidate(defining(raising)).call(1)
    assert isinstance(caught.value, plain)
    assert caught.value.report["frames"][-1][1] == "call"


@pytest.mark.parametrize(
    "raising",
    [
        "import sys; sys.exit(0)",
        "raise KeyboardInterrupt",
        "raise GeneratorExit",
        "import unittest; raise unittest.SkipTest('x')",
        "import pytest; pytest.skip('x')",
        "from hypothesis.errors import UnsatisfiedAssumption; raise UnsatisfiedAssumption()",
        "class Own(BaseException): pass\nraise Own",
    ],
)
def test_exceptions_that_steer_a_test_run_arrive_as_failures(stage: Stage, raising: str) -> None:
    candidate = stage.candidate(defining(raising))
    with pytest.raises(CandidateRaised) as caught:
        candidate.call(1)
    assert isinstance(caught.value, Exception)
    assert type(caught.value).__mro__[1] in (CandidateRaised, Exception)
    with pytest.raises(CandidateRaised):
        candidate.call(1)  # the worker is still there


def test_the_line_of_the_candidates_own_file_is_told_in_both_languages(stage: Stage) -> None:
    source = defining("return helper(x)") + "\ndef helper(x):\n    return torch.softmax(x, 9)\n"
    with pytest.raises(CandidateRaised) as caught:
        stage.candidate(source).call(torch.ones(2))
    line = source.splitlines().index("    return torch.softmax(x, 9)") + 1
    assert f"line {line}: return torch.softmax(x, 9)" in caught.value.text.en
    assert f"第 {line} 行" in caught.value.text.zh


def test_an_exception_whose_own_text_fails_is_still_told(stage: Stage) -> None:
    body = "class Evil(ValueError):\n    def __str__(self):\n        raise SystemExit\nraise Evil"
    with pytest.raises(CandidateRaised) as caught:
        stage.candidate(defining(body)).call(1)
    assert "Evil" in caught.value.text.en


def test_a_return_that_cannot_travel_is_a_failure(stage: Stage) -> None:
    for body in (
        "return torch.ones(2, device='meta')",
        "return torch.eye(2).to_sparse()",
        "a = []\na.append(a)\nreturn a",
    ):
        with pytest.raises(CheckFailure) as caught:
            stage.candidate(defining(body)).call(1)
        assert "returned something" in caught.value.text.en


def test_a_hanging_call_ends_the_worker_and_the_next_call_has_another(stage: Stage) -> None:
    candidate = stage.candidate(defining("while how:\n    pass\nreturn x"))
    with pytest.raises(WorkerLost) as caught:
        candidate.call(1, how="hang")
    assert "did not come back within 3 s" in caught.value.text.en
    assert candidate.call(5) == 5


@pytest.mark.parametrize(
    ("dying", "told"),
    [
        ("import os; os._exit(0)", "exit status 0"),
        ("import ctypes; ctypes.string_at(0)", "crashed"),
        ("import os; os.closerange(3, 100)", ""),
    ],
)
def test_a_dying_worker_costs_the_call_and_not_the_next(stage: Stage, dying: str, told: str) -> None:
    candidate = stage.candidate(defining(f"if how:\n    {dying}\nreturn x"))
    with pytest.raises(WorkerLost) as caught:
        candidate.call(1, how="die")
    assert told in caught.value.text.en
    assert candidate.call(5) == 5


def test_memory_is_limited_and_said_so(stage: Stage) -> None:
    candidate = stage.candidate(defining("return torch.zeros(10**9) if how else bytearray(10**10) and 0"))
    for how in ("torch", None):
        with pytest.raises(CandidateRaised) as caught:
            candidate.call(1, how=how)
        assert "memory" in caught.value.text.en
    assert isinstance(nn.Linear(1, 1), nn.Module)


@pytest.mark.parametrize(
    "using",
    [
        "import torch.nn.functional as F; F.scaled_dot_product_attention(x, x, x)",
        "torch._C._nn.scaled_dot_product_attention(x, x, x)",
        "torch.ops.aten.scaled_dot_product_attention(x, x, x)",
        "torch.ops.aten._scaled_dot_product_attention_math(x, x, x)",
        "torch.nn.MultiheadAttention(4, 2)",
        "[c for c in torch.nn.Module.__subclasses__() if c.__name__ == 'MultiheadAttention'][0](4, 2)",
        "torch.nn.TransformerEncoderLayer(4, 2)",
    ],
)
def test_a_ban_is_met_by_every_alias_and_told_kindly(stage: Stage, using: str) -> None:
    for grad in (False, True):
        x = torch.ones(1, 2, 3, 4, requires_grad=grad)
        with pytest.raises(CandidateRaised) as caught:
            stage.candidate(defining(using)).call(x)
        assert caught.value.report["banned"]
        assert "switched off here" in caught.value.text.en
        assert "禁用" in caught.value.text.zh
