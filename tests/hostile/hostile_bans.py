"""Forbidden operations by every alias. Each is a right answer, or near it, where nothing is banned: that is shown first.

`sdpa` stands for the way to the operation; the masks around it are honest.
"""

from __future__ import annotations

import textwrap

from hostile_entry import SIGNATURE, Hostile, honest_but

# Any way to scaled_dot_product_attention, with an additive mask, for (B, T, D).
_AROUND = """
{before}
import math
def sdpa(q, k, v, mask):
{way}

{signature}    q, k, v = x @ w_q, x @ w_k, x @ w_v
    length = x.shape[1]
    hidden = torch.zeros(x.shape[0], length, length, dtype=torch.bool)
    if causal:
        hidden = hidden | torch.ones(length, length, dtype=torch.bool).triu(1)
    if key_padding_mask is not None:
        hidden = hidden | key_padding_mask[:, None, :]
    mask = torch.zeros(hidden.shape, dtype=x.dtype).masked_fill(hidden, torch.finfo(x.dtype).min)
    return sdpa(q, k, v, mask)
"""


def _way(
    body: str, before: str = "", says: str = "scaled_dot_product_attention", shows: str = "test_values"
) -> Hostile:
    way = textwrap.indent(textwrap.dedent(body).strip(), "    ")
    setup = "import torch\nimport torch.nn.functional as F\n" + textwrap.dedent(before)
    return Hostile(_AROUND.format(before=setup, way=way, signature=SIGNATURE), says=says, shows=shows)


BANS = {
    "F.scaled_dot_product_attention": _way("return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)"),
    "the name in torch._C._nn": _way("return torch._C._nn.scaled_dot_product_attention(q, k, v, attn_mask=mask)"),
    "the packet in torch.ops": _way("return torch.ops.aten.scaled_dot_product_attention(q, k, v, attn_mask=mask)"),
    "the overload in torch.ops": _way("return torch.ops.aten.scaled_dot_product_attention.default(q, k, v, mask)"),
    "the name found by a search": _way(
        "return getattr(F, next(name for name in dir(F) if name[:6] == 'scaled'))(q, k, v, attn_mask=mask)"
    ),
    "the object kept by torch's overrides": _way(
        "return next(f for f in FOUND if getattr(f, '__name__', '')[:10] == 'scaled_dot')(q, k, v, attn_mask=mask)",
        "FOUND = list(torch.overrides.get_testing_overrides())",
    ),
    "the JIT's operator": _way(
        "return torch._C._jit_get_operation('aten::scaled_dot_product_attention')[0](q, k, v, mask, 0.0, False)"
    ),
    "a boxed call": _way(
        "return torch._C._get_operation_overload('aten::scaled_dot_product_attention', '')[0](q, k, v, mask)"
    ),
    "a script": _way(
        "return attend(q, k, v, mask)",
        """
        @torch.jit.script
        def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, m: torch.Tensor):
            return F.scaled_dot_product_attention(q, k, v, attn_mask=m)
        """,
    ),
    "the kernel below": _way("return torch._scaled_dot_product_attention_math(q, k, v, mask)[0]"),
    "the kernel below, in torch.ops": _way(
        "return torch.ops.aten._scaled_dot_product_attention_math.default(q, k, v, mask)[0]"
    ),
    "the flash kernel": _way(
        """
        width = max(q.shape[-1], v.shape[-1])
        wide = [F.pad(t, (0, width - t.shape[-1]))[:, None] for t in (q, k, v)]
        flash = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default
        y = flash(*wide, attn_mask=mask[:, None], scale=1 / math.sqrt(q.shape[-1]))[0]
        return y[:, 0, :, : v.shape[-1]]
        """,
        says="_scaled_dot_product_flash_attention_for_cpu",
    ),
    "vmap": _way(
        "return torch.vmap(lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, attn_mask=m))(q, k, v, mask)"
    ),
    "vmap over the kernel below": _way(
        "return torch.vmap(lambda q, k, v, m: torch._scaled_dot_product_attention_math(q, k, v, m)[0])(q, k, v, mask)"
    ),
    "two vmaps": _way(
        "one = lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, attn_mask=m)\n"
        "return torch.vmap(torch.vmap(one))(q[:, None], k[:, None], v[:, None], mask[:, None])[:, 0]"
    ),
    "functionalize": _way("return torch.func.functionalize(F.scaled_dot_product_attention)(q, k, v, mask)"),
    "a linearisation": _way(
        "return torch.func.jvp(lambda q: F.scaled_dot_product_attention(q, k, v, attn_mask=mask), (q,), (q,))[0]"
    ),
    "a vector-Jacobian product": _way(
        "return torch.func.vjp(lambda q: F.scaled_dot_product_attention(q, k, v, attn_mask=mask), q)[0]"
    ),
    "autocast": _way(
        "with torch.autocast('cpu', dtype=torch.bfloat16):\n    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask).to(q.dtype)",
        shows="test_shape",
    ),
    "inference mode": _way(
        "with torch.inference_mode():\n    y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)\nreturn y.clone()"
    ),
    "nested tensors": _way(
        "n = [torch.nested.nested_tensor(list(t[:, None])) for t in (q, k, v)]\n"
        "return F.scaled_dot_product_attention(*n).to_padded_tensor(0.0)[:, 0]",
        says="",
        shows="test_shape",
    ),
    "a subclass that redispatches": _way(
        "return F.scaled_dot_product_attention(q.as_subclass(Sub), k, v, attn_mask=mask).as_subclass(torch.Tensor)",
        """
        class Sub(torch.Tensor):
            @classmethod
            def __torch_function__(cls, function, types, args=(), kwargs=None):
                with torch._C.DisableTorchFunctionSubclass():
                    return function(*args, **(kwargs or {}))
        """,
    ),
    "below autograd": _way(
        "with torch._C._AutoDispatchBelowAutograd():\n    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)"
    ),
    "its decomposition": _way("return torch.ops.aten.scaled_dot_product_attention.default.decompose(q, k, v, mask)"),
    "a traced graph": _way(
        "return make_fx(F.scaled_dot_product_attention)(q.detach(), k.detach(), v.detach(), mask)(q, k, v, mask)",
        "from torch.fx.experimental.proxy_tensor import make_fx",
        says="",
    ),
    "torch's Python kernels": _way(
        """
        width = max(q.shape[-1], v.shape[-1])
        wide = [F.pad(t, (0, width - t.shape[-1]))[:, None] for t in (q, k, v)]
        table = torch._decomp.decomposition_table
        flash = table[torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default]
        y = flash(*wide, 0.0, False, attn_mask=mask[:, None], scale=1 / math.sqrt(q.shape[-1]))[0]
        return y[:, 0, :, : v.shape[-1]]
        """,
        "import torch._decomp",
        says="_scaled_dot_product_flash_attention_for_cpu",
    ),
    "MultiheadAttention": _way(
        "return attend(torch.nn.MultiheadAttention, q, k, v, mask)", "@ATTEND@", says="torch.nn.MultiheadAttention"
    ),
    "MultiheadAttention, where it is defined": _way(
        "return attend(torch.nn.modules.activation.MultiheadAttention, q, k, v, mask)",
        "@ATTEND@",
        says="MultiheadAttention",
    ),
    "MultiheadAttention among the subclasses": _way(
        "kind = next(c for c in torch.nn.Module.__subclasses__() if c.__name__ == 'MultiheadAttention')\n"
        "return attend(kind, q, k, v, mask)",
        "@ATTEND@",
        says="MultiheadAttention",
    ),
    "MultiheadAttention, derived": _way(
        "return attend(Mine, q, k, v, mask)",
        "class Mine(torch.nn.MultiheadAttention):\n    pass\n@ATTEND@",
        says="MultiheadAttention",
    ),
    "MultiheadAttention without its constructor": _way(
        """
        layer = object.__new__(torch.nn.MultiheadAttention)
        torch.nn.Module.__init__(layer)
        return attend(lambda *a, **b: fill(layer, *a), q, k, v, mask)
        """,
        """
        def fill(layer, width, heads):
            layer.embed_dim = layer.kdim = layer.vdim = layer.head_dim = width
            layer._qkv_same_embed_dim, layer.num_heads, layer.dropout, layer.batch_first = True, heads, 0.0, True
            layer.in_proj_weight = torch.nn.Parameter(torch.zeros(3 * width, width))
            layer.in_proj_bias = layer.bias_k = layer.bias_v = None
            layer.add_zero_attn = False
            layer.out_proj = torch.nn.Linear(width, width, bias=False)
            layer.q_proj_weight = layer.k_proj_weight = layer.v_proj_weight = None
            return layer
        @ATTEND@
        """,
        says="MultiheadAttention",
    ),
    "MultiheadAttention, loaded again": _way(
        "return attend(importlib.reload(activation).MultiheadAttention, q, k, v, mask)",
        "import importlib\nimport torch.nn.modules.activation as activation\n@ATTEND@",
        says="multi_head_attention_forward",
    ),
    "multi_head_attention_forward": _way(
        "return forward(F.multi_head_attention_forward, q, k, v, mask)", "@FORWARD@", says="multi_head"
    ),
    "multi_head_attention_forward, kept elsewhere": _way(
        "return forward(vars(torch.nn.modules.activation)['F'].multi_head_attention_forward, q, k, v, mask)",
        "@FORWARD@",
        says="multi_head",
    ),
    "a copy of a banned function": _way(
        "return forward(types.FunctionType(f.__code__, f.__globals__, 'mine', f.__defaults__), q, k, v, mask)",
        "import types\nf = F.multi_head_attention_forward\n@FORWARD@",
        says="multi_head",
    ),
    "TransformerEncoderLayer": _way(
        "return torch.nn.TransformerEncoderLayer(v.shape[-1], 1, 8, batch_first=True).to(v.dtype)(v)",
        says="MultiheadAttention",
        shows="test_shape",
    ),
    "the library undone": _way(
        """
        for thing in gc.get_objects():
            if type(thing).__name__ in ("Library", "_DispatchModule") and hasattr(thing, "_destroy"):
                thing._destroy()
        gc.collect()
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        """,
        "import gc, torch.library",
    ),
    "finalizers run early": _way(
        """
        for finalizer in list(weakref.finalize._registry):
            if "ibrary" in repr(finalizer):
                finalizer()
        gc.collect()
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        """,
        "import gc, weakref",
    ),
    "the ban caught": Hostile(
        honest_but(
            "try:\n    F.scaled_dot_product_attention(x, x, x)\nexcept Exception:\n    pass",
            "import torch.nn.functional as F",
        )
    ),
}
_ATTEND = """
def attend(kind, q, k, v, mask):
    width = max(q.shape[-1], v.shape[-1])
    wide = lambda t: F.pad(t, (0, width - t.shape[-1]))
    layer = kind(width, 1, bias=False, batch_first=True) if isinstance(kind, type) else kind(width, 1)
    layer = layer.to(q.dtype)
    eye = torch.eye(width, dtype=q.dtype)
    with torch.no_grad():
        layer.in_proj_weight.copy_(torch.cat([eye * math.sqrt(width / q.shape[-1]), eye, eye]))
        layer.out_proj.weight.copy_(eye)
    return layer(wide(q), wide(k), wide(v), attn_mask=mask, need_weights=True)[0][..., : v.shape[-1]]
"""
_FORWARD = """
def forward(function, q, k, v, mask):
    width = max(q.shape[-1], v.shape[-1])
    wide = lambda t: F.pad(t, (0, width - t.shape[-1])).transpose(0, 1)
    eye = torch.eye(width, dtype=q.dtype)
    weight = torch.cat([eye * math.sqrt(width / q.shape[-1]), eye, eye])
    y, _ = function(wide(q), wide(k), wide(v), width, 1, weight, None, None, None, False, 0.0, eye, None, attn_mask=mask)
    return y.transpose(0, 1)[..., : v.shape[-1]]
"""
BANS = {
    name: Hostile(
        one.source.replace("@ATTEND@", _ATTEND).replace("@FORWARD@", _FORWARD), one.earns, one.says, shows=one.shows
    )
    for name, one in BANS.items()
}
# The last entry calls what is forbidden and does not use it: a right answer, and no harm.
HARMLESS = {"the ban caught": BANS.pop("the ban caught")}
