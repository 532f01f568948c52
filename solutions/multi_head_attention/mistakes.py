"""multi_head_attention once more, with a switch at each place that people get wrong."""

import math

import torch
from torch import nn

from grader.errors import Text
from grader.faults import Mistake, faults

SCALES = ("unscaled", "scaled-by-d-model")
HEADS = ("heads-interleaved", "heads-not-transposed")
MASKS = ("mask-after-softmax", "mask-leaky")
EMPTY = ("empty-nan", "empty-average", "empty-zeroed-after")


def others(name: str, *groups: tuple[str, ...]) -> tuple[str, ...]:
    """The names of these groups without the name itself."""
    return tuple(other for group in groups for other in group if other != name)


CATALOGUE = (
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
        "heads-interleaved",
        what=Text(
            "a head takes every n-th column instead of a slice", "一个 head 取的是隔几列的一列，而不是连续的一段"
        ),
        hint=Text(
            "Does `view` put the heads first or the columns within a head first? The last dimension runs fastest.",
            "`view` 时先写 head 数还是先写 head 内的列数？最后一维变化最快。",
        ),
        excludes=others("heads-interleaved", HEADS),
    ),
    Mistake(
        "heads-not-transposed",
        what=Text(
            "(B, T, D) is viewed as (B, n_heads, T, d) without a transpose, so tokens end up in different heads",
            "把 (B, T, D) 直接 view 成 (B, n_heads, T, d)，没有 transpose，token 被分到了不同的 head 里",
        ),
        hint=Text(
            "`view` never moves a number. First split the last dimension, then exchange two.",
            "`view` 不会移动任何一个数。先拆最后一维，再交换两个维度。",
        ),
        excludes=others("heads-not-transposed", HEADS),
    ),
    Mistake(
        "heads-merged-untransposed",
        what=Text(
            "the heads are put together by a reshape without a transpose, which mixes tokens",
            "合并 head 时只 reshape 而没有 transpose，把不同 token 混在了一起",
        ),
        hint=Text(
            "(B, H, Tq, d) must become (B, Tq, H, d) before the last two are joined.",
            "合并最后两维之前，(B, H, Tq, d) 要先变成 (B, Tq, H, d)。",
        ),
    ),
    Mistake(
        "values-from-key",
        what=Text("v_proj is given the key instead of the value", "v_proj 作用在 key 上，而不是 value 上"),
        hint=Text(
            "In self-attention all three are one tensor; here they need not be.",
            "自注意力里三者是同一个张量，这里却不一定。",
        ),
    ),
    Mistake(
        "mask-inverted",
        what=Text("attn_mask is read as True = hidden", "把 attn_mask 里的 True 当成了“遮住”"),
        hint=Text(
            "The convention here is that of F.scaled_dot_product_attention, not that of nn.MultiheadAttention.",
            "这里的约定与 F.scaled_dot_product_attention 相同，与 nn.MultiheadAttention 相反。",
        ),
    ),
    Mistake(
        "mask-after-softmax",
        what=Text(
            "the mask is applied after the softmax, whose rows then do not sum to one",
            "mask 用在了 softmax 之后，每行的权重加起来不再是 1",
        ),
        hint=Text(
            "A hidden key must not take part in the sum of the softmax either.",
            "被遮住的 key 也不能参与 softmax 的求和。",
        ),
        excludes=(*others("mask-after-softmax", MASKS), "empty-nan", "empty-average"),
    ),
    Mistake(
        "mask-leaky",
        what=Text("hidden scores are lowered by 1e4 only", "被遮住的分数只减了 1e4"),
        hint=Text(
            "A score may be larger than your number. Fill, do not add, and fill with the lowest there is.",
            "分数可能比你减的数还大。应当填充而不是相加，并且填最小的数。",
        ),
        excludes=(*others("mask-leaky", MASKS), "empty-nan", "empty-average"),
    ),
    Mistake(
        "empty-nan",
        what=Text("a query that may attend to nothing gives NaN", "什么都不能关注的 query 得到 NaN"),
        hint=Text("The softmax of a row of -inf is 0 / 0.", "整行都是 -inf 时，softmax 就是 0 / 0。"),
        excludes=(*others("empty-nan", EMPTY), *MASKS),
    ),
    Mistake(
        "empty-average",
        what=Text(
            "a query that may attend to nothing gives the average of all values",
            "什么都不能关注的 query 得到所有 value 的平均",
        ),
        hint=Text(
            "Equal scores give equal weights, however low they are. What is to be done with such a row?",
            "分数再低，只要全相等，权重就相等。这样的行该怎么处理？",
        ),
        excludes=(*others("empty-average", EMPTY), *MASKS),
    ),
    Mistake(
        "empty-zeroed-after",
        what=Text(
            "the result of a query that may attend to nothing in some head is set to zero after out_proj",
            "某个 head 里什么都不能关注的 query，在 out_proj 之后被整行清零",
        ),
        hint=Text(
            "The zeros belong before out_proj, and to this head alone.",
            "零应当放在 out_proj 之前，而且只属于这一个 head。",
        ),
        excludes=others("empty-zeroed-after", EMPTY),
    ),
    Mistake(
        "out-bias-always",
        what=Text("out_proj has a bias even with bias=False", "bias=False 时 out_proj 仍然有 bias"),
        hint=Text("`bias` speaks of all four layers.", "`bias` 管的是全部四个层。"),
    ),
    Mistake(
        "indivisible-accepted",
        what=Text("a d_model that n_heads does not divide is not refused", "d_model 不能被 n_heads 整除时没有报错"),
        hint=Text("`//` rounds down in silence.", "`//` 会悄悄向下取整。"),
    ),
)


class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, bias=True):
        super().__init__()
        if d_model % n_heads and not faults("indivisible-accepted"):
            raise ValueError(f"d_model ({d_model}) must be divisible by n_heads ({n_heads})")
        self.n_heads = n_heads
        self.q_proj = nn.Linear(d_model, d_model, bias=bias)
        self.k_proj = nn.Linear(d_model, d_model, bias=bias)
        self.v_proj = nn.Linear(d_model, d_model, bias=bias)
        self.out_proj = nn.Linear(d_model, d_model, bias=bias or faults("out-bias-always"))

    def forward(self, query, key, value, attn_mask=None):
        batch, n_query, width = query.shape
        source = key if faults("values-from-key") else value
        q, k, v = self.split(self.q_proj(query)), self.split(self.k_proj(key)), self.split(self.v_proj(source))
        scores = q @ k.mT / self.scale(width)  # (B, H, Tq, Tk)
        hidden = torch.zeros((), dtype=torch.bool)
        if attn_mask is not None:
            hidden = attn_mask if faults("mask-inverted") else ~attn_mask
        hidden = hidden.expand(scores.shape)
        z = attention_weights(scores, hidden) @ v  # (B, H, Tq, d)
        if not faults("heads-merged-untransposed"):
            z = z.transpose(1, 2)
        result = self.out_proj(z.reshape(batch, n_query, width))
        if faults("empty-zeroed-after"):
            result = result.masked_fill(hidden.all(dim=-1).any(dim=1)[:, :, None], 0.0)
        return result

    def scale(self, width):
        if faults("unscaled"):
            return 1.0
        return math.sqrt(width if faults("scaled-by-d-model") else width // self.n_heads)

    def split(self, x):
        batch, length, width = x.shape
        size = width // self.n_heads
        if faults("heads-not-transposed"):
            return x.reshape(batch, self.n_heads, length, size)
        if faults("heads-interleaved"):
            return x.view(batch, length, size, self.n_heads).permute(0, 3, 1, 2)
        return x.view(batch, length, self.n_heads, size).transpose(1, 2)


def attention_weights(scores, hidden):
    if faults("mask-after-softmax"):
        return scores.softmax(dim=-1).masked_fill(hidden, 0.0)
    if faults("mask-leaky"):
        scores = scores - 1e4 * hidden
    else:
        scores = scores.masked_fill(hidden, torch.finfo(scores.dtype).min if faults("empty-average") else -math.inf)
    weights = scores.softmax(dim=-1)
    if faults("empty-nan") or faults("empty-average"):
        return weights
    return weights.masked_fill(hidden.all(dim=-1, keepdim=True), 0.0)
