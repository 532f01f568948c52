"""kv_cache once more, with a switch at each place that people get wrong."""

import math

import torch
from torch import nn

from grader.errors import Text
from grader.faults import Mistake, faults

SCALES = ("unscaled", "scaled-by-d-model")
CAUSAL = ("not-causal", "mask-without-offset", "future-with-cache")
STORES = ("old-keys-recomputed", "cache-modified", "cache-in-module", "only-last-chunk-kept", "kept-in-half")


def others(name: str, *groups: tuple[str, ...]) -> tuple[str, ...]:
    """The names of these groups without the name itself."""
    return tuple(other for group in groups for other in group if other != name)


CATALOGUE = (
    Mistake(
        "cache-ignored",
        what=Text("the cache is not used: new tokens see only one another", "没有用上缓存：新 token 只看得到彼此"),
        hint=Text("Which keys stand before those of the new tokens?", "新 token 的 key 前面应当接上什么？"),
        excludes=("mask-without-offset", "future-with-cache", "new-keys-first", *STORES),
    ),
    Mistake(
        "not-causal",
        what=Text("tokens of one call see one another's future", "同一次调用里的 token 能看到后面的 token"),
        hint=Text(
            "Two tokens of one chunk: may the first see the second?", "同一段里的两个 token：第一个能看到第二个吗？"
        ),
        excludes=others("not-causal", CAUSAL),
    ),
    Mistake(
        "mask-without-offset",
        what=Text(
            "the causal mask counts from the start of the chunk, as if nothing were in the cache",
            "因果 mask 从这一段的开头数起，好像缓存里什么都没有",
        ),
        hint=Text(
            "New token i stands at position L + i. By how many columns is the diagonal to be moved?",
            "新 token i 的位置是 L + i。对角线要向右移多少列？",
        ),
        excludes=(*others("mask-without-offset", CAUSAL), "cache-ignored"),
    ),
    Mistake(
        "future-with-cache",
        what=Text(
            "the causal mask is left out as soon as there is a cache, as if one token came at a time",
            "一有缓存就不再用因果 mask，好像每次只来一个 token",
        ),
        hint=Text("A chunk of three tokens may continue a cache.", "接着缓存来的也可能是一段三个 token。"),
        excludes=(*others("future-with-cache", CAUSAL), "cache-ignored"),
    ),
    Mistake(
        "new-keys-first",
        what=Text("new keys are put before the old ones", "新的 key 放在了旧的前面"),
        hint=Text(
            "For one token the order does not matter; for the mask of a chunk it does.",
            "只来一个 token 时次序无所谓；一段 token 的 mask 就要看次序了。",
        ),
        excludes=("cache-ignored",),
    ),
    Mistake(
        "old-keys-recomputed",
        what=Text(
            "the cache holds the tokens, and their keys and values are computed again in every step",
            "缓存里存的是 token，每一步都重算它们的 key 和 value",
        ),
        hint=Text(
            "The outputs are right, the cost is not. Keep what is expensive.",
            "输出是对的，代价不对。该存的是算出来的结果。",
        ),
        excludes=(*others("old-keys-recomputed", STORES), "cache-ignored"),
    ),
    Mistake(
        "cache-modified",
        what=Text("the caller's cache is extended in place", "原地扩展了调用者的缓存"),
        hint=Text("Build a new cache from the old one and the new keys.", "用旧缓存和新的 key 组成一个新的缓存。"),
        excludes=(*others("cache-modified", STORES), "cache-ignored"),
    ),
    Mistake(
        "cache-in-module",
        what=Text("keys and values are kept in the module itself", "key 和 value 存在模块自己身上"),
        hint=Text(
            "Two sequences may take turns. Whose keys are on self then?",
            "两个序列可能轮流来。那时 self 上的 key 是谁的？",
        ),
        excludes=(*others("cache-in-module", STORES), "cache-ignored"),
    ),
    Mistake(
        "only-last-chunk-kept",
        what=Text(
            "the cache that is returned holds the keys of the last call only", "返回的缓存里只有最近一次调用的 key"
        ),
        hint=Text(
            "Two steps work, the third does not. What do you return?", "两步没问题，第三步就错了。你返回的是什么？"
        ),
        excludes=(*others("only-last-chunk-kept", STORES), "cache-ignored"),
    ),
    Mistake(
        "kept-in-half",
        what=Text("keys and values are kept in float16", "key 和 value 以 float16 存放"),
        hint=Text(
            "That is a trade of memory for precision that nobody asked for here.", "这是拿精度换显存，这里并没有要求。"
        ),
        excludes=(*others("kept-in-half", STORES), "cache-ignored"),
    ),
    Mistake(
        "leaky-fill",
        what=Text("future scores are lowered by 1e4 only", "未来的分数只减了 1e4"),
        hint=Text(
            "A score may be larger than your number. Fill with the lowest there is.",
            "分数可能比你减的数还大。应当填最小的数。",
        ),
    ),
    Mistake(
        "unscaled",
        what=Text("the scores are not divided by √d", "分数没有除以 √d"),
        hint=Text(
            "The variance of a dot product grows with the number of terms. What brings it back to one?",
            "内积的方差随项数增长。怎样把它拉回到 1？",
        ),
        excludes=others("unscaled", SCALES),
    ),
    Mistake(
        "scaled-by-d-model",
        what=Text("the scores are divided by √d_model, the whole width", "分数除的是 √d_model，也就是总宽度"),
        hint=Text("How many products are summed in one score of one head?", "一个 head 的一个分数，是多少个乘积之和？"),
        excludes=others("scaled-by-d-model", SCALES),
    ),
    Mistake(
        "biased",
        what=Text("the projections have a bias", "投影层带了 bias"),
        hint=Text("nn.Linear has a bias unless told otherwise.", "nn.Linear 默认带 bias。"),
    ),
    Mistake(
        "indivisible-accepted",
        what=Text("a d_model that n_heads does not divide is not refused", "d_model 不能被 n_heads 整除时没有报错"),
        hint=Text("`//` rounds down in silence.", "`//` 会悄悄向下取整。"),
    ),
)


class CachedSelfAttention(nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        if d_model % n_heads and not faults("indivisible-accepted"):
            raise ValueError(f"d_model ({d_model}) must be divisible by n_heads ({n_heads})")
        self.n_heads = n_heads
        bias = faults("biased")
        self.q_proj = nn.Linear(d_model, d_model, bias=bias)
        self.k_proj = nn.Linear(d_model, d_model, bias=bias)
        self.v_proj = nn.Linear(d_model, d_model, bias=bias)
        self.out_proj = nn.Linear(d_model, d_model, bias=bias)
        self.kept = None

    def forward(self, x, cache=None):
        k, v, new_cache = self.keys_and_values(x, cache)  # (B, H, L + Tn, d)
        q = self.split(self.q_proj(x))  # (B, H, Tn, d)
        scores = q @ k.mT / self.scale(x.shape[-1])  # (B, H, Tn, L + Tn)
        z = attention_weights(scores, cache is not None) @ v
        return self.out_proj(z.transpose(1, 2).flatten(2)), new_cache

    def keys_and_values(self, x, cache):
        if faults("old-keys-recomputed"):
            tokens = x if cache is None else joined(cache, x, dim=1)
            return self.split(self.k_proj(tokens)), self.split(self.v_proj(tokens)), tokens
        if faults("cache-in-module") and cache is not None:
            cache = self.kept
        new = [self.split(self.k_proj(x)), self.split(self.v_proj(x))]
        both = new
        if cache is not None and not faults("cache-ignored"):
            both = [joined(old, added, dim=2) for old, added in zip(cache, new, strict=True)]
        self.kept = both if faults("cache-in-module") else None
        if faults("cache-modified"):
            cache = [] if cache is None else cache
            cache[:] = both
            return *both, cache
        return *both, new if faults("only-last-chunk-kept") else both

    def scale(self, width):
        if faults("unscaled"):
            return 1.0
        return math.sqrt(width if faults("scaled-by-d-model") else width // self.n_heads)

    def split(self, x):
        batch, length, width = x.shape
        return x.view(batch, length, self.n_heads, width // self.n_heads).transpose(1, 2)


def joined(old, new, dim):
    if faults("kept-in-half"):
        old = old.half().to(new.dtype)
    return torch.cat((new, old) if faults("new-keys-first") else (old, new), dim=dim)


def attention_weights(scores, continued):
    new, total = scores.shape[-2:]
    future = torch.ones(new, total, dtype=torch.bool).triu(1 if faults("mask-without-offset") else total - new + 1)
    if faults("not-causal") or (faults("future-with-cache") and continued):
        future = torch.zeros_like(future)
    if faults("leaky-fill"):
        return (scores - 1e4 * future).softmax(dim=-1)
    return scores.masked_fill(future, -math.inf).softmax(dim=-1)
