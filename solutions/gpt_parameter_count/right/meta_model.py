"""The model itself, made without memory on the meta device; tied weights are one parameter and counted once."""

from torch import nn


class Block(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        options = {"device": "meta"}
        self.ln1, self.ln2 = nn.LayerNorm(d_model, **options), nn.LayerNorm(d_model, **options)
        self.attention = nn.ModuleList(nn.Linear(d_model, d_model, **options) for _ in range(4))
        self.fc = nn.Linear(d_model, 4 * d_model, **options)
        self.proj = nn.Linear(4 * d_model, d_model, **options)


class GPT(nn.Module):
    def __init__(self, d_model, n_vocab, n_ctx):
        super().__init__()
        self.tokens = nn.Embedding(n_vocab, d_model, device="meta")
        self.positions = nn.Embedding(n_ctx, d_model, device="meta")
        self.final = nn.LayerNorm(d_model, device="meta")
        self.head = nn.Linear(d_model, n_vocab, bias=False, device="meta")
        self.head.weight = self.tokens.weight


def size(module):
    return sum(parameter.numel() for parameter in module.parameters())


def parameter_count(*, n_layer: int, d_model: int, n_vocab: int, n_ctx: int) -> int:
    for name in ("n_layer", "d_model", "n_vocab", "n_ctx"):
        if locals()[name] <= 0:
            raise ValueError(f"{name} must be a positive integer")
    return size(GPT(d_model, n_vocab, n_ctx)) + n_layer * size(Block(d_model))
