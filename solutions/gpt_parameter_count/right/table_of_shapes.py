"""The shapes of a state dict, multiplied and summed."""

import math


def parameter_count(**sizes):
    for name, value in sizes.items():
        if not value >= 1:
            raise ValueError(f"`{name}` is {value}: there must be at least one")
    d = sizes["d_model"]
    block = {
        "ln_1.weight": (d,),
        "ln_1.bias": (d,),
        "attn.c_attn.weight": (d, 3 * d),
        "attn.c_attn.bias": (3 * d,),
        "attn.c_proj.weight": (d, d),
        "attn.c_proj.bias": (d,),
        "ln_2.weight": (d,),
        "ln_2.bias": (d,),
        "mlp.c_fc.weight": (d, 4 * d),
        "mlp.c_fc.bias": (4 * d,),
        "mlp.c_proj.weight": (4 * d, d),
        "mlp.c_proj.bias": (d,),
    }
    model = {"wte": (sizes["n_vocab"], d), "wpe": (sizes["n_ctx"], d), "ln_f.weight": (d,), "ln_f.bias": (d,)}
    total = sum(math.prod(shape) for shape in model.values())
    for _ in range(sizes["n_layer"]):
        total += sum(math.prod(shape) for shape in block.values())
    return total
