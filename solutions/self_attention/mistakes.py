"""self_attention once more, with a switch at each place that people get wrong."""

import math

import torch

from grader.errors import Text
from grader.faults import Mistake, faults

SCALES = ("unscaled", "scaled-by-d-model", "scaled-without-root")
VALUES = ("values-are-x", "values-are-keys")
SOFTMAXES = ("softmax-over-queries", "softmax-over-batch")
OVERFLOWS = ("no-max-subtraction", "one-max-for-all")
CAUSAL = ("causal-ignored", "causal-hides-self", "causal-shows-next", "causal-reversed", "causal-fixed-length")
PADDING = ("padding-ignored", "padding-inverted", "padding-on-queries", "padding-of-first-row")
FILLS = ("masked-scores-zero", "masked-after-softmax", "leaky-fill")
EMPTY = ("empty-nan", "empty-average", "empty-nan-patched")
DTYPES = ("computed-in-float32", "returned-in-float32")


def others(name: str, *groups: tuple[str, ...]) -> tuple[str, ...]:
    """The names of these groups without the name itself."""
    return tuple(other for group in groups for other in group if other != name)


CATALOGUE = (
    Mistake(
        "unscaled",
        what=Text("the scores are not divided by √Dk", "分数没有除以 √Dk"),
        hint=Text(
            "The variance of a dot product grows with the number of terms. What brings it back to one?",
            "内积的方差随项数增长。怎样把它拉回到 1？",
        ),
        excludes=others("unscaled", SCALES),
    ),
    Mistake(
        "scaled-by-d-model",
        what=Text("the scores are divided by √D, the width of x", "分数除的是 √D，也就是 x 的宽度"),
        hint=Text(
            "How many products are summed in one score: as many as x is wide, or as q is wide?",
            "一个分数是多少个乘积之和：x 的宽度，还是 q 的宽度？",
        ),
        excludes=others("scaled-by-d-model", SCALES),
    ),
    Mistake(
        "scaled-without-root",
        what=Text("the scores are divided by Dk instead of √Dk", "分数除以了 Dk，而不是 √Dk"),
        hint=Text(
            "Dk terms of variance one give a sum of variance Dk. What is its standard deviation?",
            "Dk 个方差为 1 的项相加，方差是 Dk。标准差是多少？",
        ),
        excludes=others("scaled-without-root", SCALES),
    ),
    Mistake(
        "query-key-swapped",
        what=Text("query and key have changed places in the scores", "算分数时 query 和 key 换了位置"),
        hint=Text(
            "Row t of the scores belongs to the query at t. Which of the two factors is transposed?",
            "分数的第 t 行属于位置 t 的 query。两个因子里该转置哪一个？",
        ),
    ),
    Mistake(
        "values-are-x",
        what=Text("the weights average x itself: w_v is not used", "权重平均的是 x 本身，没有用到 w_v"),
        hint=Text(
            "What is averaged has width Dv. Which projection gives it?", "被平均的向量宽度是 Dv。它由哪个投影得到？"
        ),
        excludes=others("values-are-x", VALUES),
    ),
    Mistake(
        "values-are-keys",
        what=Text("the weights average the keys instead of the values", "权重平均的是 key，而不是 value"),
        hint=Text(
            "Keys say where to look, something else says what is found there. Follow each of the three weights.",
            "key 决定看哪里，看到的内容是另一样东西。逐个追踪三个权重的去向。",
        ),
        excludes=others("values-are-keys", VALUES),
    ),
    Mistake(
        "softmax-over-queries",
        what=Text(
            "the softmax runs over the queries instead of the keys", "做 softmax 时沿的是 query 维，而不是 key 维"
        ),
        hint=Text(
            "Sum your weights over each dimension. Which sum should be one?", "把权重沿每一维求和：哪一维的和应当是 1？"
        ),
        excludes=(*others("softmax-over-queries", SOFTMAXES), "one-max-for-all"),
    ),
    Mistake(
        "softmax-over-batch",
        what=Text(
            "the softmax runs over the batch (what F.softmax does with three dimensions and no dim)",
            "做 softmax 时沿的是 batch 维（对三维张量调用 F.softmax 而不写 dim 就会这样）",
        ),
        hint=Text("Name the dimension of every softmax that you write.", "每次写 softmax 都要写明是哪一维。"),
        excludes=(*others("softmax-over-batch", SOFTMAXES), "one-max-for-all"),
    ),
    Mistake(
        "no-max-subtraction",
        what=Text("exp is taken of the scores as they are, and overflows", "直接对分数取 exp，结果溢出"),
        hint=Text(
            "Which number may be subtracted from a row before exp, without any change to the softmax?",
            "取 exp 之前，可以从一行里减去哪个数而不改变 softmax？",
        ),
        excludes=(*others("no-max-subtraction", OVERFLOWS), "empty-average"),
    ),
    Mistake(
        "one-max-for-all",
        what=Text(
            "one maximum, that of the whole tensor, is subtracted from each row",
            "每一行减去的是整个张量的最大值",
        ),
        hint=Text(
            "A row far below the maximum underflows to 0 / 0. Whose maximum does a row need?",
            "离最大值很远的一行会下溢成 0 / 0。一行需要减的是谁的最大值？",
        ),
        excludes=(*others("one-max-for-all", OVERFLOWS), *SOFTMAXES, "empty-average"),
    ),
    Mistake(
        "causal-ignored",
        what=Text("causal=True changes nothing", "传入 causal=True 不起作用"),
        hint=Text("Which scores must be hidden when causal is set?", "设置 causal 时，哪些分数必须被遮住？"),
        excludes=(*others("causal-ignored", CAUSAL), "padding-lost-when-causal"),
    ),
    Mistake(
        "causal-hides-self",
        what=Text("under causal a position does not see itself", "设置 causal 后，一个位置看不到自己"),
        hint=Text(
            "Does the diagonal belong to the past? Check tril and triu's `diagonal`.",
            "对角线算不算过去？检查 tril、triu 的 `diagonal`。",
        ),
        excludes=others("causal-hides-self", CAUSAL),
    ),
    Mistake(
        "causal-shows-next",
        what=Text("under causal a position sees the next one as well", "设置 causal 后，一个位置还能看到下一个位置"),
        hint=Text("Off by one: print the mask for T = 2.", "差了一格：打印 T = 2 时的 mask。"),
        excludes=others("causal-shows-next", CAUSAL),
    ),
    Mistake(
        "causal-reversed",
        what=Text("causal hides the past and shows the future", "设置 causal 后，遮住的是过去，看到的是未来"),
        hint=Text(
            "Rows are queries, columns are keys: which triangle is the future?",
            "行是 query，列是 key：哪个三角是未来？",
        ),
        excludes=others("causal-reversed", CAUSAL),
    ),
    Mistake(
        "causal-fixed-length",
        what=Text("the causal mask has a fixed size of 256", "造 causal mask 时用了固定大小 256"),
        hint=Text("Build the mask from the length of this x.", "按这次 x 的长度来造 mask。"),
        excludes=others("causal-fixed-length", CAUSAL),
    ),
    Mistake(
        "padding-ignored",
        what=Text("key_padding_mask changes nothing", "传入 key_padding_mask 不起作用"),
        hint=Text("Which scores must be hidden for a padded key?", "一个 key 是 padding 时，哪些分数必须被遮住？"),
        excludes=(*others("padding-ignored", PADDING, EMPTY), "padding-lost-when-causal", "padded-queries-zeroed"),
    ),
    Mistake(
        "padding-inverted",
        what=Text("True in key_padding_mask is read as 'may be seen'", "把 key_padding_mask 里的 True 当成了“可以看”"),
        hint=Text(
            "Libraries differ here. What does True mean in this statement?",
            "各个库的约定不同。本题里 True 是什么意思？",
        ),
        excludes=others("padding-inverted", PADDING),
    ),
    Mistake(
        "padding-on-queries",
        what=Text(
            "the padding mask hides queries (rows) instead of keys (columns)",
            "用 padding mask 遮的是 query（行），而不是 key（列）",
        ),
        hint=Text(
            "To broadcast (B, T) over (B, T, T), where does the new dimension go?",
            "把 (B, T) 广播到 (B, T, T)，新的一维应插在哪里？",
        ),
        excludes=(*others("padding-on-queries", PADDING), "padded-queries-zeroed"),
    ),
    Mistake(
        "padding-of-first-row",
        what=Text("the padding of the first row is used for the whole batch", "整个 batch 用的都是第一行的 padding"),
        hint=Text("Each row of the batch has a mask of its own.", "batch 的每一行有自己的 mask。"),
        excludes=others("padding-of-first-row", PADDING),
    ),
    Mistake(
        "padding-lost-when-causal",
        what=Text("the padding mask is dropped when causal is set", "设置 causal 时丢掉了 padding mask"),
        hint=Text(
            "Both masks can be asked for at once: `elif` sees only one.",
            "两个 mask 可以同时给出：`elif` 只会处理一个。",
        ),
        excludes=("causal-ignored", "padding-ignored"),
    ),
    Mistake(
        "padded-queries-zeroed",
        what=Text("the results at padded positions are set to zero", "把 padding 位置上的结果置成了零"),
        hint=Text(
            "The mask speaks of keys. A padded position is still a query: what does it see?",
            "mask 说的是 key。padding 位置仍然是一个 query：它能看到什么？",
        ),
        excludes=("padding-on-queries", "padding-ignored", "empty-average", "empty-nan-patched"),
    ),
    Mistake(
        "masked-scores-zero",
        what=Text("hidden scores are set to 0 before the softmax", "在 softmax 之前把被遮的分数设成了 0"),
        hint=Text("exp(0) is one. Which score has the exponential 0?", "exp(0) 等于 1。哪个分数的 exp 才是 0？"),
        excludes=(*others("masked-scores-zero", FILLS), "empty-nan", "empty-nan-patched"),
    ),
    Mistake(
        "masked-after-softmax",
        what=Text(
            "hidden weights are set to 0 after the softmax, so a row no longer sums to one",
            "到 softmax 之后才把权重置零，一行的和不再是 1",
        ),
        hint=Text("The hidden keys must not count in the denominator either.", "被遮住的 key 也不能算进分母。"),
        excludes=(*others("masked-after-softmax", FILLS), *EMPTY),
    ),
    Mistake(
        "leaky-fill",
        what=Text("hidden scores get -1e4 added, which large scores overcome", "给被遮的分数加 -1e4，分数很大时压不住"),
        hint=Text(
            "How low must the fill be, if scores reach 1e4 themselves?", "分数本身就能到 1e4，填充值要多小才够？"
        ),
        excludes=(*others("leaky-fill", FILLS), "empty-nan", "empty-nan-patched"),
    ),
    Mistake(
        "empty-nan",
        what=Text("a query that sees no key gives NaN", "看不到 key 的 query 得到 NaN"),
        hint=Text(
            "softmax of a row of -inf is 0 / 0. Treat such rows on their own.",
            "一整行 -inf 的 softmax 是 0 / 0。这样的行要单独处理。",
        ),
        excludes=(*others("empty-nan", EMPTY), *FILLS, "padding-ignored"),
    ),
    Mistake(
        "empty-average",
        what=Text(
            "a query that sees no key gives the average of all values", "看不到 key 的 query 得到全部 value 的平均"
        ),
        hint=Text(
            "A row filled with one finite number has an even softmax. What should its weights be?",
            "整行填同一个有限数，softmax 就是均匀的。这一行的权重应当是多少？",
        ),
        excludes=(
            *others("empty-average", EMPTY, OVERFLOWS),
            "masked-after-softmax",
            "padding-ignored",
            "padded-queries-zeroed",
        ),
    ),
    Mistake(
        "empty-nan-patched",
        what=Text(
            "NaN is replaced by 0 in the result only, and returns in the gradients",
            "只在结果里把 NaN 换成 0，梯度里又出现了 NaN",
        ),
        hint=Text(
            "0 · NaN is NaN in backward. Keep the NaN from reaching the product with the values.",
            "backward 里 0 · NaN 还是 NaN。别让 NaN 走到与 value 相乘那一步。",
        ),
        excludes=(*others("empty-nan-patched", EMPTY), *FILLS, "padding-ignored", "padded-queries-zeroed"),
    ),
    Mistake(
        "computed-in-float32",
        what=Text("float64 inputs are computed in float32", "float64 的输入是用 float32 计算的"),
        hint=Text("Look for .float() and for tensors that you create.", "找找 .float() 和自己新建的张量。"),
        excludes=others("computed-in-float32", DTYPES),
    ),
    Mistake(
        "returned-in-float32",
        what=Text("the result is float32 whatever came in", "无论输入是什么，结果都是 float32"),
        hint=Text("The result has the dtype of x.", "结果的 dtype 与 x 相同。"),
        excludes=others("returned-in-float32", DTYPES),
    ),
    Mistake(
        "mask-overwritten",
        what=Text(
            "rows of padding only are unmasked in the caller's own key_padding_mask",
            "为了放开整行 padding，直接改写了调用者的 key_padding_mask",
        ),
        hint=Text(
            "`&=` and slice assignment write into the argument. Work on a new tensor.",
            "`&=` 和切片赋值会写进参数本身。请用新的张量。",
        ),
    ),
    Mistake(
        "weights-detached",
        what=Text("no gradient passes through the attention weights", "注意力权重处断了梯度"),
        hint=Text(
            "w_q and w_k learn through the softmax only. What cuts it off?",
            "w_q 和 w_k 只能通过 softmax 学习。是什么切断了它？",
        ),
        excludes=("keys-detached",),
    ),
    Mistake(
        "keys-detached",
        what=Text("x gets no gradient as a key", "梯度传不到作为 key 的 x"),
        hint=Text("x is used three times; each use adds to its gradient.", "x 被用了三次，每一次都要计入它的梯度。"),
        excludes=("weights-detached",),
    ),
    Mistake(
        "squeezed",
        what=Text("dimensions of size 1 are squeezed out of the result", "结果里大小为 1 的维度被 squeeze 掉了"),
        hint=Text(
            "A batch of one and a sequence of one keep their dimension.",
            "batch 大小或序列长度为 1 时，这一维也要保留。",
        ),
    ),
)


def self_attention(x, w_q, w_k, w_v, *, causal=False, key_padding_mask=None):
    given_dtype = x.dtype
    if faults("computed-in-float32"):
        x, w_q, w_k, w_v = x.float(), w_q.float(), w_k.float(), w_v.float()

    scores = scaled_scores(x, w_q, w_k)  # (B, T, T)
    hidden = hidden_keys(x, causal, key_padding_mask)  # (B, T, T)
    weights = attention_weights(scores, hidden)  # (B, T, T)
    if faults("weights-detached"):
        weights = weights.detach()
    if faults("mask-overwritten") and key_padding_mask is not None:
        key_padding_mask &= ~key_padding_mask.all(dim=1, keepdim=True)

    result = weights @ values(x, w_k, w_v)  # (B, T, Dv)
    if faults("empty-nan-patched"):
        result = result.nan_to_num(0.0)
    if faults("padded-queries-zeroed") and key_padding_mask is not None:
        result = result.masked_fill(key_padding_mask[:, :, None], 0.0)
    if faults("squeezed"):
        result = result.squeeze()
    return result.float() if faults("returned-in-float32") else result.to(given_dtype)


def scaled_scores(x, w_q, w_k):
    q = x @ w_q  # (B, T, Dk)
    k = (x.detach() if faults("keys-detached") else x) @ w_k  # (B, T, Dk)
    scores = k @ q.mT if faults("query-key-swapped") else q @ k.mT  # (B, T, T)
    if faults("unscaled"):
        return scores
    if faults("scaled-by-d-model"):
        return scores / math.sqrt(x.shape[-1])
    if faults("scaled-without-root"):
        return scores / k.shape[-1]
    return scores / math.sqrt(k.shape[-1])


def values(x, w_k, w_v):
    if faults("values-are-x"):
        return x
    return x @ (w_k if faults("values-are-keys") else w_v)  # (B, T, Dv)


def hidden_keys(x, causal, key_padding_mask):
    batch, length, _ = x.shape
    hidden = torch.zeros(batch, length, length, dtype=torch.bool)
    if causal:
        hidden = hidden | causal_mask(length)
    lost = faults("padding-ignored") or (causal and faults("padding-lost-when-causal"))
    if key_padding_mask is not None and not lost:
        hidden = hidden | padding_mask(key_padding_mask)
    return hidden


def causal_mask(length):
    ones = torch.ones(length, length, dtype=torch.bool)
    if faults("causal-ignored"):
        return ~ones
    if faults("causal-hides-self"):
        return ones.triu(0)
    if faults("causal-shows-next"):
        return ones.triu(2)
    if faults("causal-reversed"):
        return ones.tril(-1)
    if faults("causal-fixed-length"):
        return torch.ones(256, 256, dtype=torch.bool).triu(1)[:length, :length]
    return ones.triu(1)


def padding_mask(mask):
    if faults("padding-inverted"):
        mask = ~mask
    if faults("padding-of-first-row"):
        mask = mask[:1]
    return mask[:, :, None] if faults("padding-on-queries") else mask[:, None, :]


def attention_weights(scores, hidden):
    if faults("masked-after-softmax"):
        return softmax(scores).masked_fill(hidden, 0.0)
    weights = softmax(masked(scores, hidden))
    if faults("empty-nan") or faults("empty-average") or faults("empty-nan-patched"):
        return weights
    return weights.masked_fill(hidden.all(dim=-1, keepdim=True), 0.0)


def masked(scores, hidden):
    if faults("masked-scores-zero"):
        return scores.masked_fill(hidden, 0.0)
    if faults("leaky-fill"):
        return scores - 1e4 * hidden
    lowest = torch.finfo(scores.dtype).min if faults("empty-average") else -math.inf
    return scores.masked_fill(hidden, lowest)


def softmax(scores):
    dim = 1 if faults("softmax-over-queries") else 0 if faults("softmax-over-batch") else 2
    if faults("no-max-subtraction"):
        exponentials = scores.exp()
    elif faults("one-max-for-all"):
        exponentials = (scores - scores.detach().max()).exp()
    else:
        return scores.softmax(dim=dim)
    return exponentials / exponentials.sum(dim=dim, keepdim=True)
