"""causal_lm_loss once more, with a switch at each place that people get wrong."""

import torch

from grader.errors import Text
from grader.faults import Mistake, faults

SHIFTS = ("not-shifted", "shifted-backwards", "shifted-twice")
MASKS = ("ignore-index-unused", "negative-ids-ignored", "inputs-masked", "only-minus-100")
MEANS = ("ignored-in-denominator", "mean-of-row-means", "summed")
EMPTY = ("empty-nan", "empty-zero-detached")
LOGS = ("no-max-subtraction", "log-of-softmax", "probability-without-log", "sign-not-turned")


def others(name: str, *groups: tuple[str, ...]) -> tuple[str, ...]:
    """The names of these groups without the name itself."""
    return tuple(other for group in groups for other in group if other != name)


CATALOGUE = (
    Mistake(
        "not-shifted",
        what=Text(
            "position t is asked for token t, which it has already seen",
            "位置 t 预测的是第 t 个 token，而它已经看过这个 token 了",
        ),
        hint=Text("Which token should the logits at position 0 predict?", "位置 0 的 logits 应当预测哪个 token？"),
        excludes=others("not-shifted", SHIFTS),
    ),
    Mistake(
        "shifted-backwards",
        what=Text("position t is asked for token t - 1", "位置 t 预测的是第 t - 1 个 token"),
        hint=Text(
            "Drop the last logits and the first id, not the other way round.",
            "该去掉的是最后一个 logits 和第一个 id，不要反过来。",
        ),
        excludes=others("shifted-backwards", SHIFTS),
    ),
    Mistake(
        "shifted-twice",
        what=Text(
            "position t is asked for token t + 2: the shift is made twice", "位置 t 预测的是第 t + 2 个 token：移了两次"
        ),
        hint=Text("Are the ids shifted by the caller, by you, or by both?", "ids 是调用者移，你移，还是两边都移了？"),
        excludes=others("shifted-twice", SHIFTS),
    ),
    Mistake(
        "ignore-index-unused",
        what=Text("ignored targets are counted as if they were token 0", "被忽略的目标当成 token 0 计入了损失"),
        hint=Text("An id that stands in for an ignored one must not reach the sum.", "用来顶替的 id 不能算进总和。"),
        excludes=(*others("ignore-index-unused", MASKS, EMPTY), "ignored-in-denominator"),
    ),
    Mistake(
        "negative-ids-ignored",
        what=Text("negative ids are ignored, whatever ignore_index is", "不管 ignore_index 是什么，忽略的都是负的 id"),
        hint=Text("Which ids are to be left out when ignore_index is 0?", "ignore_index 为 0 时，应当略过哪些 id？"),
        excludes=others("negative-ids-ignored", MASKS),
    ),
    Mistake(
        "only-minus-100",
        what=Text("-100 is ignored, whatever ignore_index is", "不管 ignore_index 是什么，忽略的都是 -100"),
        hint=Text("-100 is the default only.", "-100 只是默认值。"),
        excludes=others("only-minus-100", MASKS),
    ),
    Mistake(
        "inputs-masked",
        what=Text(
            "positions whose own id is ignored are left out, not those whose target is",
            "略过的是自身 id 被忽略的位置，而不是目标被忽略的位置",
        ),
        hint=Text("Compare with ignore_index after the shift.", "移位之后再和 ignore_index 比较。"),
        excludes=others("inputs-masked", MASKS),
    ),
    Mistake(
        "ignored-in-denominator",
        what=Text(
            "the sum is divided by the number of all targets, ignored ones included",
            "总和除以了全部目标的个数，包括被忽略的",
        ),
        hint=Text("The mean is over the targets that count.", "只对计入的目标求平均。"),
        excludes=(*others("ignored-in-denominator", MEANS, EMPTY), "ignore-index-unused"),
    ),
    Mistake(
        "mean-of-row-means",
        what=Text("each sequence is averaged alone, then the sequences", "先对每个序列求平均，再对序列求平均"),
        hint=Text("A short sequence then weighs as much as a long one.", "这样短序列就和长序列一样重了。"),
        excludes=(*others("mean-of-row-means", MEANS), "empty-nan"),
    ),
    Mistake(
        "summed",
        what=Text("the loss is a sum, not a mean", "损失是总和，而不是平均"),
        hint=Text("Does a text twice as long give a loss twice as large?", "文本长一倍，损失也大一倍吗？"),
        excludes=(*others("summed", MEANS), *EMPTY),
    ),
    Mistake(
        "empty-nan",
        what=Text("without any target the result is NaN", "没有目标时结果是 NaN"),
        hint=Text("0 / 0: which denominator is safe?", "0 / 0：分母怎样取才安全？"),
        excludes=(*others("empty-nan", EMPTY), *MEANS, "ignore-index-unused"),
    ),
    Mistake(
        "empty-zero-detached",
        what=Text(
            "without any target the result is a new zero, cut off from the logits",
            "没有目标时返回了新建的 0，与 logits 断开",
        ),
        hint=Text(
            "backward must still run: let the zero come from the logits.",
            "backward 要照样能跑：让这个 0 从 logits 算出来。",
        ),
        excludes=(*others("empty-zero-detached", EMPTY), "ignore-index-unused", "ignored-in-denominator", "summed"),
    ),
    Mistake(
        "no-max-subtraction",
        what=Text("exp is taken of the logits as they are, and overflows", "直接对 logits 取 exp，结果溢出"),
        hint=Text(
            "log_softmax subtracts the greatest logit first. Why may it?",
            "log_softmax 会先减去最大的 logit。为什么可以这样？",
        ),
        excludes=others("no-max-subtraction", LOGS),
    ),
    Mistake(
        "log-of-softmax",
        what=Text(
            "the logarithm is taken of softmax + 1e-9, which levels off at 20.7",
            "取的是 log(softmax + 1e-9)，到 20.7 就封顶了",
        ),
        hint=Text(
            "softmax rounds to 0 before the logarithm sees it. Do both in one step.",
            "在取对数之前 softmax 已经舍入成 0。两步要合成一步。",
        ),
        excludes=others("log-of-softmax", LOGS),
    ),
    Mistake(
        "probability-without-log",
        what=Text("the probability itself is averaged, without a logarithm", "平均的是概率本身，没有取对数"),
        hint=Text("Likelihoods multiply, their logarithms add.", "似然相乘，对数似然相加。"),
        excludes=others("probability-without-log", LOGS),
    ),
    Mistake(
        "sign-not-turned",
        what=Text("the log-likelihood is not negated", "对数似然没有变号"),
        hint=Text("A loss is to fall when the model improves.", "模型变好时，损失应当下降。"),
        excludes=others("sign-not-turned", LOGS),
    ),
    Mistake(
        "computed-in-float32",
        what=Text("float64 logits are computed in float32", "float64 的 logits 是用 float32 计算的"),
        hint=Text("Look for .float() and for tensors that you create.", "找找 .float() 和自己新建的张量。"),
    ),
    Mistake(
        "ids-overwritten",
        what=Text(
            "ignored ids are replaced in the caller's own input_ids", "直接在调用者的 input_ids 里替换了被忽略的 id"
        ),
        hint=Text("A slice is a view. Which method returns a new tensor?", "切片是视图。哪个方法会返回新的张量？"),
        excludes=("ignore-index-unused",),
    ),
)


def causal_lm_loss(logits, input_ids, *, ignore_index=-100):
    dtype = logits.dtype
    if faults("computed-in-float32"):
        logits = logits.float()
    scores, targets, own = shifted(logits, input_ids)  # (B, T-1, V), (B, T-1), (B, T-1)
    counts = counted(targets, own, ignore_index)  # (B, T-1)
    in_range = (targets >= 0) & (targets < logits.shape[-1])
    index = targets.masked_fill(~in_range, 0)
    if faults("ids-overwritten"):
        targets[~counts] = 0
    losses = log_losses(scores).gather(-1, index[..., None])[..., 0]  # (B, T-1)
    losses = losses if faults("ignore-index-unused") else torch.where(counts, losses, 0.0)
    return averaged(losses, counts).to(dtype)


def shifted(logits, ids):
    if faults("not-shifted"):
        return logits, ids, ids
    if faults("shifted-backwards"):
        return logits[:, 1:], ids[:, :-1], ids[:, 1:]
    if faults("shifted-twice"):
        return logits[:, :-2], ids[:, 2:], ids[:, :-2]
    return logits[:, :-1], ids[:, 1:], ids[:, :-1]


def counted(targets, own, ignore_index):
    if faults("negative-ids-ignored"):
        return targets >= 0
    if faults("inputs-masked"):
        return own != ignore_index
    if faults("ignore-index-unused"):
        return torch.ones_like(targets, dtype=torch.bool)
    return targets != (-100 if faults("only-minus-100") else ignore_index)


def log_losses(scores):
    if faults("no-max-subtraction"):
        return scores.exp().sum(dim=-1, keepdim=True).log() - scores
    if faults("log-of-softmax"):
        return -(scores.softmax(dim=-1) + 1e-9).log()
    if faults("probability-without-log"):
        return -scores.softmax(dim=-1)
    return scores.log_softmax(dim=-1) if faults("sign-not-turned") else -scores.log_softmax(dim=-1)


def averaged(losses, counts):
    if faults("summed"):
        return losses.sum()
    if faults("mean-of-row-means"):
        return (losses.sum(dim=1) / counts.sum(dim=1).clamp(min=1)).mean()
    if faults("ignored-in-denominator"):
        return losses.sum() / max(counts.numel(), 1)
    if faults("empty-nan"):
        return losses.sum() / counts.sum()
    if faults("empty-zero-detached") and not counts.any():
        return torch.zeros((), dtype=losses.dtype)
    return losses.sum() / counts.sum().clamp(min=1)
