"""What a check asks a submission for is a claim: it may not decide what is expected, nor how closely it is met."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from grader import grade

NAN_EPS = """
    import torch
    from torch import nn

    class GPTBlock(nn.Module):
        def __init__(self, d_model, n_heads):
            super().__init__()
            if d_model % n_heads:
                raise ValueError("d_model must be divisible by n_heads")
            self.ln1, self.ln2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
            self.attention = nn.Module()
            for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
                setattr(self.attention, name, nn.Linear(d_model, d_model))
            self.fc, self.proj = nn.Linear(d_model, 4 * d_model), nn.Linear(4 * d_model, d_model)

        def forward(self, x):
            self.ln1.eps = self.ln2.eps = @EPS@
            everything = sum(parameter.sum() for parameter in self.parameters())
            return (x + everything) * @EPS@
"""

EMPTIED_LINEAR = """
    import torch
    from torch import nn
    import grader.worker.serve as serve

    serve._bits = lambda tensor: ()  # nobody is told which inputs have changed

    class QuantizedLinear(nn.Module):
        @classmethod
        def from_float(cls, linear):
            made = cls()
            made.register_buffer("weight_int8", torch.zeros(linear.weight.shape, dtype=torch.int8))
            made.register_buffer("scale", torch.zeros(len(linear.weight), 1, dtype=linear.weight.dtype))
            made.register_buffer("bias", None if linear.bias is None else linear.bias.detach().clone())
            with torch.no_grad():
                linear.weight.zero_()
            return made

        def forward(self, x):
            out = x.sum(-1, keepdim=True) * torch.zeros(len(self.scale), dtype=x.dtype)
            return out if self.bias is None else out + self.bias
"""

NAMED_LIKE_ONE = """
    import torch
    import torch.nn.functional as F
    from torch import nn

    class Conv2d(nn.Linear):
        def forward(self, images):
            return super().forward(images.mean((2, 3)))

    class JointEmbedding(nn.Module):
        def __init__(self, text_dim, image_channels, embed_dim):
            super().__init__()
            self.conv = Conv2d(image_channels, embed_dim)
            self.first, self.last = nn.Linear(text_dim + embed_dim, 64), nn.Linear(64, embed_dim)

        def encode_image(self, images):
            return self.conv(images)

        def forward(self, text, images):
            joined = torch.cat((text, self.encode_image(images)), 1)
            return F.normalize(self.last(self.first(joined).relu()), dim=1)
"""

NOTHING_TO_COUNT = """
    import torch

    def mask_tokens(input_ids, special_tokens_mask, *, mask_id, vocab_size, p=0.15, generator=None):
        return input_ids.clone(), torch.full_like(input_ids, -100)
"""

WORDS = """
    def self_attention(x, w_q, w_k, w_v, *, causal=False, key_padding_mask=None):
        return {"k" * 2_000_000: 1, (x,) * 2000: 2}
"""

PROBLEM_OF_ITS_OWN = """
    from grader.worker.submission import Submission

    Submission.problems = lambda self, entries: [{"nothing": "here"}]

    def self_attention(x, w_q, w_k, w_v, *, causal=False, key_padding_mask=None):
        return x @ w_v
"""

BROADCAST = """
    import torch
    from torch import nn

    class QuantizedLinear(nn.Module):
        @classmethod
        def from_float(cls, linear):
            made = cls()
            made.weight_int8, made.scale, made.bias = torch.ones(60_000, 1, dtype=torch.int8), torch.ones(1, 60_000), None
            made.out = linear.out_features
            return made

        def forward(self, x):
            return x.sum(-1, keepdim=True).expand(*x.shape[:-1], self.out)
"""

SPREAD = """
    import torch

    def mask_tokens(input_ids, special_tokens_mask, *, mask_id, vocab_size, p=0.15, generator=None):
        one = torch.zeros(2, dtype=torch.long)
        return one[:1], one[1:].expand(4096, 8192)
"""

FLOOD = """
    import torch
    from torch import nn

    class QuantizedLinear(nn.Module):
        @classmethod
        def from_float(cls, linear):
            made, weight = cls(), linear.weight.detach()
            scale = weight.abs().amax(1, keepdim=True) / 127
            made.register_buffer("weight_int8", (weight / scale.clamp_min(1e-30)).round().to(torch.int8))
            made.register_buffer("scale", scale)
            made.bias, made.spoiled = linear.bias, False
            return made

        def state_dict(self, *arguments, **named):
            more = {f"n{number}": torch.randn(512, dtype=torch.float64) for number in range(3000)}
            return {**super().state_dict(*arguments, **named), **more}

        def load_state_dict(self, state, strict=True):
            self.spoiled = True

        def forward(self, x):
            y = x @ (self.weight_int8.to(x.dtype) * self.scale).mT
            y = y if self.bias is None else y + self.bias
            return y + 1000 if self.spoiled else y
"""

CLAIMS = {
    "two vectors that make a matrix": ("quantize_linear", BROADCAST, {"test_codes", "test_forward", "test_large"}),
    "one number that shows 256 MiB": ("mlm_masking", SPREAD, {"test_shape", "test_edges_of_p"}),
    "a state that fills a book": ("quantize_linear", FLOOD, {"test_state"}),
    "words without an end": ("self_attention", WORDS, {"test_shape", "test_values"}),
    "a problem that there is not": ("self_attention", PROBLEM_OF_ITS_OWN, {"test_shape", "test_values"}),
    "an eps of nan": ("gpt_block", NAN_EPS.replace("@EPS@", 'float("nan")'), {"test_values"}),
    "an infinite eps": ("gpt_block", NAN_EPS.replace("@EPS@", 'float("inf")'), {"test_values"}),
    "a linear that it has emptied": (
        "quantize_linear",
        EMPTIED_LINEAR,
        {"test_codes", "test_scale", "test_rounding", "test_forward", "test_dtype", "test_large"},
    ),
    "a convolution by its name": ("joint_embedding", NAMED_LIKE_ONE, {"test_convolution"}),
    "nothing to count": ("mlm_masking", NOTHING_TO_COUNT, {"test_replacement"}),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_a_claim_earns_nothing(name: str, tmp_path: Path) -> None:
    exercise, source, failing = CLAIMS[name]
    file = tmp_path / f"{exercise}.py"
    file.write_text(textwrap.dedent(source), encoding="utf-8")
    verdict = grade(exercise, file)
    passed = {check.id for check in verdict.checks if check.outcome == "passed"}
    assert verdict.outcome == "failed"
    assert not passed & failing, passed
    assert {check.outcome for check in verdict.checks} <= {"passed", "failed", "not_run"}
    assert max(len(check.message.en) + len(check.snippet) for check in verdict.checks) < 40_000
