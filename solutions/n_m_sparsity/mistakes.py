"""n_m_sparsity once more, with a switch at each place that people get wrong."""

from grader.errors import Text
from grader.faults import Mistake, faults

GROUPS = ("strided-groups", "row-without-groups")
SIZES = ("sign-counts", "squared")


def others(name: str, *groups: tuple[str, ...]) -> tuple[str, ...]:
    """The names of these groups without the name itself."""
    return tuple(other for group in groups for other in group if other != name)


CATALOGUE = (
    Mistake(
        "n-dropped",
        what=Text("n entries of each group are dropped instead of kept", "每组去掉了 n 个，而不是保留 n 个"),
        hint=Text("In 1:4, how many of four are zero?", "1:4 里，四个中有几个是零？"),
        excludes=("half-kept",),
    ),
    Mistake(
        "least-kept",
        what=Text("the entries of least magnitude are kept", "保留的是绝对值最小的元素"),
        hint=Text("What should be left: the important weights or the others?", "应当留下的是重要的权重，还是其余的？"),
    ),
    Mistake(
        "half-kept",
        what=Text("half of each group is kept, whatever n is", "不管 n 是多少，每组都保留一半"),
        hint=Text("Where does n enter your code?", "n 用在了你代码的哪里？"),
        excludes=("n-dropped",),
    ),
    Mistake(
        "sign-counts",
        what=Text(
            "the entries are ranked by value, so large negative ones go", "按值而不是按绝对值排名，负得多的被去掉了"
        ),
        hint=Text("How important is a weight of -5, beside one of 0.1?", "权重 -5 和权重 0.1，哪个更重要？"),
        excludes=(*others("sign-counts", SIZES), "abs-in-place"),
    ),
    Mistake(
        "squared",
        what=Text("magnitudes are compared as squares, which overflow", "比较的是平方，数值会溢出"),
        hint=Text("Is there a measure of size that no finite number overflows?", "有没有不会溢出的衡量大小的方法？"),
        excludes=others("squared", SIZES),
    ),
    Mistake(
        "strided-groups",
        what=Text(
            "a group is made of entries that lie W/m apart, not of neighbours", "一组里的元素相隔 W/m，而不是相邻的"
        ),
        hint=Text(
            "Reshape 0 … 7 into groups of 4 and print it. Which dimension is a group?",
            "把 0 … 7 按 4 个一组 reshape 后打印：哪一维是一组？",
        ),
        excludes=others("strided-groups", GROUPS),
    ),
    Mistake(
        "row-without-groups",
        what=Text("the share n/m of a whole row is kept, without groups", "在整行里保留 n/m 的比例，没有分组"),
        hint=Text(
            "The hardware wants n in each group, also in one of small weights.",
            "硬件要求每组都有 n 个，哪怕这组权重都很小。",
        ),
        excludes=others("row-without-groups", GROUPS),
    ),
    Mistake(
        "ties-kept",
        what=Text("all entries that equal the threshold are kept, more than n", "等于阈值的元素全都保留，超过了 n 个"),
        hint=Text("What does your code keep in a group of equal weights?", "一组权重全都相等时，你的代码会保留几个？"),
    ),
    Mistake(
        "in-float32",
        what=Text("float64 weights are compared in float32", "float64 的权重是转成 float32 再比较的"),
        hint=Text(
            "Two float64 numbers may differ and be equal in float32.",
            "两个不同的 float64 数，转成 float32 可能就相等了。",
        ),
    ),
    Mistake(
        "not-bool",
        what=Text("the mask is made of 0.0 and 1.0", "mask 里是 0.0 和 1.0"),
        hint=Text("What does `~mask` do to a floating tensor?", "对浮点 tensor 写 `~mask` 会怎样？"),
    ),
    Mistake(
        "width-unchecked",
        what=Text(
            "groups run on into the next row where the last dimension is not divisible by m",
            "最后一维不能被 m 整除时，一组会跨到下一行去",
        ),
        hint=Text("A reshape asks only for the number of all entries.", "reshape 只看元素总数对不对。"),
    ),
    Mistake(
        "n-unchecked",
        what=Text("an n outside 0 < n ≤ m raises no ValueError", "n 不满足 0 < n ≤ m 时没有抛出 ValueError"),
        hint=Text("What should a caller be told who asks for 5 of 4?", "有人要“4 个里留 5 个”，该告诉他什么？"),
        excludes=("all-refused",),
    ),
    Mistake(
        "all-refused",
        what=Text("n = m is refused", "n = m 时报错了"),
        hint=Text("n ≤ m: does your condition leave out the edge?", "条件是 n ≤ m：你的判断有没有漏掉边界？"),
        excludes=("n-unchecked",),
    ),
    Mistake(
        "abs-in-place",
        what=Text("the caller's weight loses its signs", "调用者的权重丢掉了正负号"),
        hint=Text("abs and abs_ differ in more than a letter.", "abs 和 abs_ 差的不只是一个字符。"),
        excludes=("sign-counts",),
    ),
)


def n_m_mask(weight, n=2, m=4):
    if faults("all-refused") and n >= m:
        raise ValueError("n must be less than m")
    if not 0 < n <= m and not faults("n-unchecked"):
        raise ValueError(f"n must satisfy 0 < n <= m, got n={n}, m={m}")
    if weight.shape[-1] % m and not (faults("width-unchecked") and weight.numel() % m == 0):
        raise ValueError(f"the last dimension of weight is not divisible by m={m}")

    mask = grouped(sizes_of(weight), min(max(n, 0), m), m).view(weight.shape)
    return mask.float() if faults("not-bool") else mask


def sizes_of(weight):
    weight = weight.detach()
    if faults("abs-in-place"):
        weight.abs_()
    if faults("in-float32"):
        weight = weight.float()
    return weight if faults("sign-counts") else weight.square() if faults("squared") else weight.abs()


def grouped(sizes, n, m):
    width = sizes.shape[-1]
    if faults("row-without-groups") and width % m == 0:
        return kept(sizes.reshape(-1, width), n * width // m, m * width // m)
    if faults("strided-groups") and width % m == 0:
        groups = sizes.reshape(-1, m, width // m).mT
        return kept(groups, n, m).mT.reshape(sizes.shape)
    return kept(sizes.reshape(-1, m), n, m)


def kept(groups, n, m):
    """Which entries along the last dimension are kept."""
    n = m // 2 if faults("half-kept") else m - n if faults("n-dropped") else n
    order = groups.argsort(dim=-1, descending=not faults("least-kept"))
    if faults("ties-kept") and n > 0:
        threshold = groups.gather(-1, order[..., n - 1 : n])
        return groups <= threshold if faults("least-kept") else groups >= threshold
    return order.argsort(dim=-1) < n
