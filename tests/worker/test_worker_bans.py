"""What an exercise forbids is withdrawn by every name; each way works where it is not forbidden, all else where it is.

`tests/hostile` has the ways to attention; here are the other families, and what a ban must leave alone.
"""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from grader.content import Catalogue, builtin_root

PROBE = Path(__file__).with_name("ban_probe.py")

_LOSS = "x, y = torch.randn(4, 3), torch.tensor([0, 1, 2, 1])\n"
_QUANTIZE = "x, s, z = torch.randn(4, 3), torch.tensor([0.1]), torch.tensor([0], dtype=torch.int32)\n"
_ATTENTION = "q = torch.randn(2, 1, 3, 4)\n"

FAMILIES = {
    "cross entropy": (
        (
            "torch.nn.functional.cross_entropy",
            "torch.nn.functional.nll_loss",
            "torch.nn.CrossEntropyLoss",
            "torch.nn.NLLLoss",
        ),
        [
            _LOSS + "F.cross_entropy(x, y)",
            _LOSS + "F.nll_loss(x.log_softmax(-1), y)",
            _LOSS + "nn.CrossEntropyLoss()(x, y)",
            _LOSS + "nn.NLLLoss()(x, y)",
            _LOSS + "nn.modules.loss.NLLLoss()(x, y)",
            _LOSS + "type('Mine', (nn.CrossEntropyLoss,), {})()(x, y)",
            _LOSS + "torch._C._nn.cross_entropy_loss(x, y)",
            _LOSS + "torch._C._nn.nll_loss(x, y)",
            _LOSS + "torch._C._nn.nll_loss_nd(x, y)",
            _LOSS + "torch.ops.aten.cross_entropy_loss(x, y)",
            _LOSS + "torch.ops.aten.cross_entropy_loss.default(x, y)",
            _LOSS + "torch.ops.aten.nll_loss_forward.default(x, y, None, 1, -100)",
            _LOSS + "torch.vmap(F.cross_entropy)(x[:, None], y[:, None])",
            _LOSS + "torch.func.grad(F.cross_entropy)(x, y)",
            _LOSS + "torch.func.functionalize(F.nll_loss)(x, y)",
            _LOSS + "torch.jit.trace(F.cross_entropy, (x, y))(x, y)",
            _LOSS + "from torch import _refs\n_refs.nn.functional.nll_loss(x, y)",
            _LOSS + "from torch._decomp import decomposition_table as t\n"
            "t[torch.ops.aten.nll_loss_forward.default](x, y, None, 1, -100)",
            "x, y = torch.randn(2, 3, 4, 4), torch.zeros(2, 4, 4, dtype=torch.long)\nF.cross_entropy(x, y)",
            "x, y = torch.randn(2, 3, 4, 4), torch.zeros(2, 4, 4, dtype=torch.long)\ntorch._C._nn.nll_loss2d(x, y)",
            _LOSS + "F.cross_entropy(x, torch.softmax(x, -1))",
        ],
        [_LOSS + "x.log_softmax(-1).gather(1, y[:, None]).neg().mean()", _LOSS + "F.mse_loss(x, x)"],
    ),
    "fake quantization": (
        ("torch.fake_quantize_per_tensor_affine", "torch.fake_quantize_per_channel_affine"),
        [
            _QUANTIZE + "torch.fake_quantize_per_tensor_affine(x, 0.1, 0, -128, 127)",
            _QUANTIZE + "torch.fake_quantize_per_tensor_affine(x, s[0], z[0], -128, 127)",
            _QUANTIZE + "torch.fake_quantize_per_channel_affine(x[:1], s, z, 0, -128, 127)",
            _QUANTIZE + "torch.ops.aten.fake_quantize_per_tensor_affine(x, 0.1, 0, -128, 127)",
            _QUANTIZE + "torch.ops.aten.fake_quantize_per_tensor_affine_cachemask.default(x, 0.1, 0, -128, 127)",
            _QUANTIZE + "torch._fake_quantize_learnable_per_tensor_affine(x, s, z.float(), -128, 127)",
            _QUANTIZE + "torch.ao.quantization.FakeQuantize()(x)",
            _QUANTIZE + "torch.vmap(lambda x: torch.fake_quantize_per_tensor_affine(x, 0.1, 0, -128, 127))(x)",
        ],
        [_QUANTIZE + "(x / 0.1).round().clamp(-128, 127) * 0.1"],
    ),
    "attention in layers": (
        ("torch.nn.MultiheadAttention", "torch.nn.TransformerEncoderLayer"),
        [
            "nn.MultiheadAttention(4, 2)",
            "nn.TransformerEncoderLayer(4, 2)",
            "nn.TransformerDecoderLayer(4, 2)",
            "nn.Transformer(4, 2, 1, 1, 8)",
            "import torch.ao.nn.quantizable as q\nq.MultiheadAttention(4, 2)",
            "import copy\ncopy.copy(nn.TransformerEncoderLayer)(4, 2)",
            _ATTENTION + "F.scaled_dot_product_attention(q, q, q)",
            _ATTENTION + "torch._scaled_dot_product_attention_math(q, q, q)",
            _ATTENTION + "torch.vmap(F.scaled_dot_product_attention)(q, q, q)",
            "from torch.nn.attention.flex_attention import flex_attention",
        ],
        ["nn.Linear(4, 2)(torch.randn(3, 4))", "nn.LayerNorm(4)(torch.randn(3, 4)).softmax(-1)"],
    ),
    "a function, a module of functions": (
        ("torch.nn.functional.gumbel_softmax", "torch.distributions", "torch.nn.utils.prune"),
        [
            "F.gumbel_softmax(torch.randn(3, 4))",
            "from torch.nn.functional import gumbel_softmax as g\ng(torch.randn(3, 4))",
            "import types\nf = F.gumbel_softmax\n"
            "types.FunctionType(f.__code__, f.__globals__)(torch.randn(3, 4), 1.0, False, 1e-9, -1)",
            "import torch.distributions as d\nd.Gumbel(0.0, 1.0).sample()",
            "import torch.distributions as d\nd.RelaxedOneHotCategorical(torch.tensor(1.0), logits=torch.zeros(3))",
            "from torch.distributions.gumbel import Gumbel\nGumbel(0.0, 1.0)",
            "import torch.nn.utils.prune as p\np.l1_unstructured(nn.Linear(2, 2), 'weight', 0.5)",
            "from torch.nn.utils.prune import L1Unstructured as L\nL(0.5)",
        ],
        ["-torch.rand(3).log().neg().log()", "torch.nn.utils.clip_grad_norm_([nn.Parameter(torch.ones(2))], 1.0)"],
    ),
}
CASES = [(family, way) for family, (_, ways, _) in FAMILIES.items() for way in ways]
ALLOWED = [(family, way) for family, (_, _, allowed) in FAMILIES.items() for way in allowed]


def probe(names: tuple[str, ...], ways: list[str]) -> list[str]:
    """How each way went in a fresh interpreter in which `names` are withdrawn."""
    command = [sys.executable, str(PROBE), json.dumps(names), json.dumps(ways)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout)
    return found


@cache
def outcomes(family: str) -> dict[str, str]:
    names, ways, allowed = FAMILIES[family]
    return dict(zip([*ways, *allowed], probe(names, [*ways, *allowed]), strict=True))


@cache
def free_outcomes() -> dict[str, str]:
    ways = [way for _, way in (*CASES, *ALLOWED)]
    return dict(zip(ways, probe((), ways), strict=True))


@pytest.mark.parametrize(("family", "way"), CASES)
def test_a_way_that_works_is_met_by_the_ban(family: str, way: str) -> None:
    assert free_outcomes()[way] == "ran"
    assert outcomes(family)[way].startswith("banned: ")


@pytest.mark.parametrize(("family", "way"), ALLOWED)
def test_what_is_not_forbidden_goes_on_working(family: str, way: str) -> None:
    assert outcomes(family)[way] == "ran"


def test_the_ban_is_told_by_the_name_that_people_use() -> None:
    assert outcomes("cross entropy")[_LOSS + "F.cross_entropy(x, y)"] == "banned: torch.nn.functional.cross_entropy"
    decoder = outcomes("attention in layers")["nn.TransformerDecoderLayer(4, 2)"]
    assert decoder == "banned: torch.nn.MultiheadAttention"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("torch.nn.functional.no_such_function", "cannot ban torch.nn.functional.no_such_function"),
        ("no_such_package.function", "cannot ban no_such_package.function"),
        ("torch.matmul", "torch.matmul cannot be withdrawn"),
    ],
)
def test_a_name_that_cannot_be_withdrawn_is_a_fault(name: str, told: str) -> None:
    command = [sys.executable, str(PROBE), json.dumps([name]), "[]"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode != 0
    assert "GraderFault" in done.stderr
    assert told in done.stderr


def test_every_ban_of_the_kits_exercises_can_be_had() -> None:
    catalogue = Catalogue([builtin_root()])
    names = sorted({ban for id in catalogue.ids() for ban in catalogue.get(id).bans})
    assert names
    assert probe(tuple(names), ["torch.ones(2).softmax(0)"]) == ["ran"]
