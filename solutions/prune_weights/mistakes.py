"""prune_weights once more, with a switch at each place that people get wrong."""

import torch

from grader.errors import Text
from grader.faults import Mistake, faults

CATALOGUE = (
    Mistake(
        "count-truncated",
        what=Text("the number to drop is truncated instead of rounded", "要去掉的个数是截断而不是四舍五入得到的"),
        hint=Text("What is int(2.6)? And what is round(2.6)?", "int(2.6) 是多少？round(2.6) 呢？"),
    ),
    Mistake(
        "sign-counts",
        what=Text(
            "the entries are ranked by value, so large negative ones go first",
            "按值而不是按绝对值排名，负得多的先被去掉",
        ),
        hint=Text("How important is a weight of -5, beside one of 0.1?", "权重 -5 和权重 0.1，哪个更重要？"),
        excludes=("squared", "abs-in-place"),
    ),
    Mistake(
        "mask-inverted",
        what=Text("True marks the entries that are dropped", "mask 里 True 标的是去掉的元素"),
        hint=Text("In this exercise True means that a weight is kept.", "本题里 True 表示保留。"),
    ),
    Mistake(
        "sparsity-is-share-kept",
        what=Text("sparsity is taken as the share that is kept", "把 sparsity 当成了保留的比例"),
        hint=Text(
            "A sparse tensor has many zeros. What is left at sparsity 0.9?",
            "稀疏就是零多。sparsity 为 0.9 时还剩多少？",
        ),
    ),
    Mistake(
        "row-by-row",
        what=Text("magnitude_mask drops the share in each row on its own", "magnitude_mask 逐行分别去掉相应比例"),
        hint=Text("One row may lose everything and another nothing.", "有的行可能全丢，有的行可能一个不丢。"),
    ),
    Mistake(
        "ties-dropped",
        what=Text("all entries that equal the threshold are dropped", "等于阈值的元素全都被去掉了"),
        hint=Text(
            "In a tensor where all magnitudes are equal your threshold drops everything. What could rank them?",
            "如果所有元素绝对值都相等，你的阈值会把它们全去掉。怎样给它们排个先后？",
        ),
    ),
    Mistake(
        "squared",
        what=Text(
            "magnitudes are compared as squares, which overflow or vanish", "比较的是平方，数值会溢出成 inf 或变成 0"
        ),
        hint=Text("Is there a measure of size that no finite number overflows?", "有没有不会溢出的衡量大小的方法？"),
        excludes=("sign-counts",),
    ),
    Mistake(
        "ranked-in-float32",
        what=Text("float64 weights are ranked in float32", "float64 的权重是转成 float32 再排名的"),
        hint=Text(
            "Two float64 numbers may differ and be equal in float32.",
            "两个不同的 float64 数，转成 float32 可能就相等了。",
        ),
    ),
    Mistake(
        "flat-mask",
        what=Text("the mask is one long vector", "mask 是一个展平的长向量"),
        hint=Text("It is going to be multiplied with the weight.", "它接下来要和权重相乘。"),
    ),
    Mistake(
        "not-bool",
        what=Text("the mask is made of 0.0 and 1.0", "mask 里是 0.0 和 1.0"),
        hint=Text("What does `~mask` do to a floating tensor?", "对浮点 tensor 写 `~mask` 会怎样？"),
    ),
    Mistake(
        "each-tensor-alone",
        what=Text(
            "global_masks drops the share in each tensor on its own", "global_masks 在每个 tensor 里各自去掉相应比例"
        ),
        hint=Text("Put all entries into one ranking before you cut.", "先把所有元素放进同一个排名，再去掉。"),
        excludes=("tensors-normalised",),
    ),
    Mistake(
        "tensors-normalised",
        what=Text(
            "global_masks divides each tensor by its largest magnitude before ranking",
            "global_masks 排名前先把每个 tensor 除以它最大的绝对值",
        ),
        hint=Text("The statement ranks the weights as they are.", "题目要求按权重本来的值排名。"),
        excludes=("each-tensor-alone",),
    ),
    Mistake(
        "abs-in-place",
        what=Text("the caller's weights lose their signs", "调用者的权重丢掉了正负号"),
        hint=Text("abs and abs_ differ in more than a letter.", "abs 和 abs_ 差的不只是一个字符。"),
        excludes=("sign-counts",),
    ),
    Mistake(
        "sparsity-unchecked",
        what=Text("a sparsity outside [0, 1] raises no ValueError", "sparsity 超出 [0, 1] 时没有抛出 ValueError"),
        hint=Text(
            "Someone writes 90 and means per cent. What should happen?", "有人写 90，想的是百分之九十。应当怎样？"
        ),
    ),
)


def magnitude_mask(weight, sparsity):
    check_sparsity(sparsity)
    if faults("row-by-row"):
        rows = [keep(row, sparsity) for row in sizes_of(weight).reshape(-1, weight.shape[-1])]
        return finished(torch.cat(rows), weight)
    return finished(keep(sizes_of(weight).flatten(), sparsity), weight)


def global_masks(weights, sparsity):
    check_sparsity(sparsity)
    if faults("each-tensor-alone"):
        return [finished(keep(sizes_of(weight).flatten(), sparsity), weight) for weight in weights]
    flat = [sizes_of(weight).flatten() for weight in weights]
    if faults("tensors-normalised"):
        flat = [values / values.abs().max().clamp(min=1e-38) for values in flat]
    kept = keep(torch.cat(flat), sparsity).split([weight.numel() for weight in weights])
    return [finished(part, weight) for part, weight in zip(kept, weights, strict=True)]


def check_sparsity(sparsity):
    if not 0.0 <= sparsity <= 1.0 and not faults("sparsity-unchecked"):
        raise ValueError(f"sparsity must lie in [0, 1], got {sparsity}")


def sizes_of(weight):
    weight = weight.detach()
    if faults("ranked-in-float32"):
        weight = weight.float()
    if faults("sign-counts"):
        return weight
    if faults("abs-in-place"):
        weight.abs_()
    return weight.square() if faults("squared") else weight.abs()


def keep(sizes, sparsity):
    """Which entries of a vector are kept."""
    share = (1 - sparsity if faults("sparsity-is-share-kept") else sparsity) * len(sizes)
    dropped = int(share) if faults("count-truncated") else round(share)
    kept = torch.ones(len(sizes), dtype=torch.bool)
    order = sizes.argsort()
    if faults("ties-dropped") and 0 < dropped <= len(sizes):
        kept = sizes > sizes[order[dropped - 1]]
    else:
        kept[order[:dropped]] = False
    return kept


def finished(kept, weight):
    if faults("mask-inverted"):
        kept = ~kept
    kept = kept if faults("flat-mask") else kept.view(weight.shape)
    return kept.float() if faults("not-bool") else kept
