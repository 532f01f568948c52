"""sampling once more, with a switch at each place that people get wrong."""

import math

import torch

from grader.errors import Text
from grader.faults import Mistake, faults

TEMPERATURES = ("temperature-multiplies", "temperature-on-probabilities", "temperature-after-top-p")
TOP_KS = ("top-k-one-more", "top-k-above-v", "top-k-of-the-least")
TOP_PS = ("crossing-dropped", "crossing-and-next-kept", "top-p-before-top-k", "not-scattered-back", "ascending-nucleus")
SUMS = ("not-renormalised", "leaky-fill")


def others(name: str, *groups: tuple[str, ...]) -> tuple[str, ...]:
    """The names of these groups without the name itself."""
    return tuple(other for group in groups for other in group if other != name)


CATALOGUE = (
    Mistake(
        "temperature-multiplies",
        what=Text("the logits are multiplied by the temperature", "logits 乘了 temperature"),
        hint=Text("A high temperature should flatten the distribution.", "temperature 高，分布应当变平。"),
        excludes=others("temperature-multiplies", TEMPERATURES),
    ),
    Mistake(
        "temperature-on-probabilities",
        what=Text(
            "the probabilities are divided by the temperature and renormalised, which changes nothing",
            "把概率除以 temperature 再归一化，等于什么也没做",
        ),
        hint=Text(
            "A common factor falls out of a normalisation. Before which function must the division stand?",
            "公共因子一归一化就消掉了。除法应当放在哪个函数之前？",
        ),
        excludes=others("temperature-on-probabilities", TEMPERATURES),
    ),
    Mistake(
        "temperature-after-top-p",
        what=Text(
            "the nucleus is chosen at temperature 1, and the temperature is applied to what is kept",
            "先按 temperature 1 选出 top-p 集合，再对留下的用 temperature",
        ),
        hint=Text(
            "The temperature comes first: it changes how many tokens reach top_p.",
            "temperature 在最前：它会改变多少个 token 才够 top_p。",
        ),
        excludes=(*others("temperature-after-top-p", TEMPERATURES), "not-renormalised"),
    ),
    Mistake(
        "greedy-divides-by-zero",
        what=Text("temperature 0 divides by zero", "temperature 为 0 时除以了零"),
        hint=Text("Treat 0 on its own: one-hot of the arg-max.", "0 要单独处理：arg-max 的 one-hot。"),
        excludes=(
            "temperature-multiplies",
            "temperature-on-probabilities",
            "temperature-after-top-p",
            "greedy-unchecked",
            "probabilities-overflow",
        ),
    ),
    Mistake(
        "greedy-unchecked",
        what=Text("at temperature 0 the other arguments are not checked", "temperature 为 0 时没有检查其他参数"),
        hint=Text("Check first, then return early.", "先检查，再提前返回。"),
        excludes=("greedy-divides-by-zero", "arguments-unchecked"),
    ),
    Mistake(
        "arguments-unchecked",
        what=Text("bad arguments are not refused by name", "不合法的参数没有按名字拒绝"),
        hint=Text(
            "torch's own errors name none of our arguments. Check all three at the top.",
            "torch 自己的报错不会提到我们的参数名。请在开头检查三个参数。",
        ),
        excludes=("greedy-unchecked",),
    ),
    Mistake(
        "top-k-one-more",
        what=Text("top_k keeps k + 1 tokens", "top_k 保留了 k + 1 个 token"),
        hint=Text("With k = 1 only one is left. Compare with < or with ≤?", "k = 1 时只剩一个。该用 < 还是 ≤？"),
        excludes=others("top-k-one-more", TOP_KS),
    ),
    Mistake(
        "top-k-above-v",
        what=Text("a top_k above V fails", "top_k 大于 V 时报错"),
        hint=Text("There are only V tokens to keep: min(k, V).", "最多只有 V 个 token 可留：min(k, V)。"),
        excludes=others("top-k-above-v", TOP_KS),
    ),
    Mistake(
        "top-k-of-the-least",
        what=Text("top_k keeps the least likely tokens", "top_k 保留的是最不可能的 token"),
        hint=Text(
            "sort is ascending unless told. Print which tokens are left.", "sort 默认升序。打印一下留下了哪些 token。"
        ),
        excludes=(*others("top-k-of-the-least", TOP_KS), "not-scattered-back"),
    ),
    Mistake(
        "crossing-dropped",
        what=Text("the token that crosses top_p is dropped", "跨过 top_p 的那个 token 被丢掉了"),
        hint=Text(
            "The kept set must reach top_p. Shift the mask by one.", "保留的集合必须达到 top_p。把 mask 错开一位。"
        ),
        excludes=others("crossing-dropped", TOP_PS),
    ),
    Mistake(
        "crossing-and-next-kept",
        what=Text("one token more than needed is kept by top_p", "top_p 多保留了一个 token"),
        hint=Text(
            "The smallest set that reaches top_p ends with the token that crosses it.",
            "达到 top_p 的最小集合，最后一个就是跨线的 token。",
        ),
        excludes=others("crossing-and-next-kept", TOP_PS),
    ),
    Mistake(
        "top-p-before-top-k",
        what=Text(
            "top_p is measured before top_k, on the probabilities of all tokens",
            "top_p 按全部 token 的概率计算，没有先做 top_k",
        ),
        hint=Text("Renormalise after top_k, then add up.", "top_k 之后先重新归一化，再累加。"),
        excludes=(*others("top-p-before-top-k", TOP_PS), "temperature-after-top-p"),
    ),
    Mistake(
        "not-scattered-back",
        what=Text(
            "the top_p mask stays in sorted order and hits the wrong tokens", "top_p 的 mask 没有还原顺序，遮错了 token"
        ),
        hint=Text(
            "Position 0 of the sorted row is not token 0. Which index leads back?",
            "排序后的位置 0 不是 token 0。靠哪个下标放回去？",
        ),
        excludes=(*others("not-scattered-back", TOP_PS), "top-k-of-the-least"),
    ),
    Mistake(
        "ascending-nucleus",
        what=Text("top_p adds up from the least likely token", "top_p 从最不可能的 token 开始累加"),
        hint=Text("Most likely first.", "从最可能的开始。"),
        excludes=others("ascending-nucleus", TOP_PS),
    ),
    Mistake(
        "not-renormalised",
        what=Text(
            "what is kept is not renormalised: a row no longer sums to 1", "保留下来的没有重新归一化，一行的和不再是 1"
        ),
        hint=Text("Sum a row of the result.", "对结果的一行求和。"),
        excludes=(*others("not-renormalised", SUMS), "temperature-after-top-p"),
    ),
    Mistake(
        "leaky-fill",
        what=Text(
            "dropped logits are set to -1e4, which is not low next to logits of -2e4",
            "被丢掉的 logits 设成了 -1e4，而 logits 本身可以低到 -2e4",
        ),
        hint=Text("Which fill is below every finite logit?", "什么值比任何有限的 logit 都小？"),
        excludes=others("leaky-fill", SUMS),
    ),
    Mistake(
        "probabilities-overflow",
        what=Text("exp is taken of the logits as they are, and overflows", "直接对 logits 取 exp，结果溢出"),
        hint=Text("Subtract the greatest of the row, or use softmax.", "先减去一行的最大值，或者直接用 softmax。"),
        excludes=("greedy-divides-by-zero",),
    ),
    Mistake(
        "logits-overwritten",
        what=Text("the caller's logits are overwritten", "直接改写了调用者的 logits"),
        hint=Text(
            "`logits /= …` and `logits[mask] = …` write into the argument.",
            "`logits /= …` 和 `logits[mask] = …` 会写进参数本身。",
        ),
        excludes=("temperature-on-probabilities", "temperature-multiplies", "temperature-after-top-p"),
    ),
    Mistake(
        "computed-in-float32",
        what=Text("float64 logits are computed in float32", "float64 的 logits 是用 float32 计算的"),
        hint=Text("Look for .float() and for tensors that you create.", "找找 .float() 和自己新建的张量。"),
        excludes=("logits-overwritten",),
    ),
)


def filter_probs(logits, *, temperature=1.0, top_k=None, top_p=None):
    greedy = temperature == 0 and not faults("greedy-divides-by-zero")
    if not faults("arguments-unchecked"):
        if temperature < 0:
            raise ValueError("temperature must not be negative")
        if not (greedy and faults("greedy-unchecked")):
            refuse(top_k, top_p)
    dtype = logits.dtype
    if faults("computed-in-float32"):
        logits = logits.float()
    if greedy:
        return torch.zeros_like(logits, dtype=dtype).scatter(-1, logits.argmax(dim=-1, keepdim=True), 1.0)

    scores = cooled(logits, temperature)
    dropped = beyond_top_k(scores, top_k)
    dropped = dropped | beyond_top_p(scores, dropped, top_p)
    if faults("temperature-after-top-p"):
        scores = scores / temperature
    if faults("not-renormalised"):
        return softmax(scores).masked_fill(dropped, 0.0).to(dtype)
    return softmax(scores.masked_fill(dropped, fill())).to(dtype)


def refuse(top_k, top_p):
    if top_k is not None and top_k < 1:
        raise ValueError("top_k must be at least 1")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError("top_p must lie in (0, 1]")


def cooled(logits, temperature):
    if faults("temperature-on-probabilities") or faults("temperature-after-top-p"):
        return logits
    if faults("temperature-multiplies"):
        return logits * temperature
    if faults("logits-overwritten"):
        with torch.no_grad():
            return logits.div_(temperature)
    return logits / temperature


def beyond_top_k(scores, top_k):
    if top_k is None:
        return torch.zeros_like(scores, dtype=torch.bool)
    size = scores.shape[-1]
    if faults("top-k-above-v"):
        size = max(size, top_k)
    count = min(top_k + 1 if faults("top-k-one-more") else top_k, size)
    kept = scores.topk(max(count, 0), dim=-1, largest=not faults("top-k-of-the-least")).indices
    return torch.ones_like(scores, dtype=torch.bool).scatter(-1, kept, False)


def beyond_top_p(scores, dropped, top_p):
    if top_p is None or top_p == 1:
        return torch.zeros_like(dropped)
    if not faults("top-p-before-top-k"):
        scores = scores.masked_fill(dropped, fill())
    probs, order = softmax(scores).sort(dim=-1, descending=not faults("ascending-nucleus"))
    before = probs.cumsum(dim=-1) - probs
    if faults("crossing-dropped"):
        before = before + probs
    elif faults("crossing-and-next-kept"):
        before = torch.cat((torch.zeros_like(before[..., :1]), before[..., :-1]), dim=-1)
    beyond = before >= top_p
    beyond[..., 0] = False
    return beyond if faults("not-scattered-back") else torch.zeros_like(beyond).scatter(-1, order, beyond)


def fill():
    return -1e4 if faults("leaky-fill") else -math.inf


def softmax(scores):
    if faults("probabilities-overflow"):
        return scores.exp() / scores.exp().sum(dim=-1, keepdim=True)
    return scores.softmax(dim=-1)
