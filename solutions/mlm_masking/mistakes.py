"""mlm_masking once more, with a switch at each place that people get wrong."""

import torch

from grader.errors import Text
from grader.faults import Mistake, faults

LABELS = ("labels-everywhere", "labels-where-changed", "labels-after-masking")
SELECTED = ("selected-alike-in-batch", "fixed-number-selected")
SHARES = ("always-mask", "never-kept", "random-tenth-of-rest", "random-over-mask")
TOKENS = ("one-token-for-all", "last-token-missing")


def others(name: str, *groups: tuple[str, ...]) -> tuple[str, ...]:
    """The names of these groups without the name itself."""
    return tuple(other for group in groups for other in group if other != name)


CATALOGUE = (
    Mistake(
        "labels-everywhere",
        what=Text(
            "labels hold the original id at every position, selected or not", "不管选没选中，labels 处处都是原来的 id"
        ),
        hint=Text(
            "Which target does the loss leave out? Where should it stand?",
            "loss 会忽略哪个目标值？它应当写在哪些位置？",
        ),
        excludes=(*others("labels-everywhere", LABELS), "special-selected", *SELECTED),
    ),
    Mistake(
        "labels-where-changed",
        what=Text(
            "labels are -100 where a selected token stayed as it was", "被选中但保持原样的位置，labels 成了 -100"
        ),
        hint=Text(
            "One selected token in ten looks untouched. Does the model still have to predict it?",
            "十个选中的 token 里有一个看起来没动过。模型还要不要预测它？",
        ),
        excludes=others("labels-where-changed", LABELS),
    ),
    Mistake(
        "labels-after-masking",
        what=Text(
            "labels hold what inputs hold after masking, such as mask_id", "labels 里写的是替换之后的 id，例如 mask_id"
        ),
        hint=Text(
            "Which comes first in your code: the labels or the replacement?",
            "你的代码里哪一步在先：做 labels，还是替换？",
        ),
        excludes=others("labels-after-masking", LABELS),
    ),
    Mistake(
        "special-selected",
        what=Text("special tokens are selected like all others", "特殊 token 和别的一样会被选中"),
        hint=Text("Where does special_tokens_mask enter your selection?", "special_tokens_mask 在哪一步参与了选择？"),
        excludes=("labels-everywhere",),
    ),
    Mistake(
        "selected-alike-in-batch",
        what=Text("the same positions are selected in every sequence of the batch", "batch 里每个序列选中的位置都相同"),
        hint=Text(
            "A draw of size T is broadcast over the batch. How many draws are needed?",
            "只抽 T 个随机数，会广播到整个 batch。应该抽多少个？",
        ),
        excludes=(*others("selected-alike-in-batch", SELECTED), "labels-everywhere"),
    ),
    Mistake(
        "fixed-number-selected",
        what=Text(
            "a fixed number of positions, the share p of the ordinary ones, is selected in each sequence",
            "每个序列里选中的个数是固定的：普通位置数乘以 p",
        ),
        hint=Text(
            "Of two tokens at p = 0.5, may none be selected? May both?",
            "p = 0.5、只有两个 token 时，可以一个都不选吗？可以两个都选吗？",
        ),
        excludes=(*others("fixed-number-selected", SELECTED), "labels-everywhere"),
    ),
    Mistake(
        "always-mask",
        what=Text("every selected token becomes mask_id", "选中的 token 全都变成了 mask_id"),
        hint=Text("Two tenths of the selected have another fate.", "选中的位置里有两成另有安排。"),
        excludes=(*others("always-mask", SHARES), *TOKENS),
    ),
    Mistake(
        "never-kept",
        what=Text(
            "80 % become mask_id, and all the others a random token", "80 % 变成 mask_id，其余全换成了随机 token"
        ),
        hint=Text(
            "Half of what is not masked keeps its place. Which draw decides that?",
            "没变成 mask 的那些里，有一半保持原样。由哪一次抽取决定？",
        ),
        excludes=others("never-kept", SHARES),
    ),
    Mistake(
        "random-tenth-of-rest",
        what=Text(
            "a tenth of what is not masked becomes random: 2 % of the selected, not 10 %",
            "没变成 mask 的那些里只有一成换成随机 token：只占选中的 2 %，不是 10 %",
        ),
        hint=Text(
            "A fifth of the selected is left after masking. Which share of it is a tenth of all?",
            "盖完 mask 还剩两成。全体的一成占这两成的多少？",
        ),
        excludes=others("random-tenth-of-rest", SHARES),
    ),
    Mistake(
        "random-over-mask",
        what=Text(
            "random tokens are also written over positions that were masked already",
            "随机 token 也写到了已经变成 mask 的位置上",
        ),
        hint=Text("The second draw must look only at what the first left over.", "第二次抽取只能看第一次剩下的位置。"),
        excludes=others("random-over-mask", SHARES),
    ),
    Mistake(
        "one-token-for-all",
        what=Text("one random token is drawn for the whole batch", "整个 batch 只抽了一个随机 token"),
        hint=Text("Give the draw the shape of input_ids.", "抽 token 时，形状要与 input_ids 一样。"),
        excludes=(*others("one-token-for-all", TOKENS), "always-mask"),
    ),
    Mistake(
        "last-token-missing",
        what=Text("the last token of the vocabulary is never drawn", "词表里最后一个 token 永远抽不到"),
        hint=Text(
            "Does the upper bound of torch.randint belong to what it draws?", "torch.randint 的上界本身会不会被抽到？"
        ),
        excludes=(*others("last-token-missing", TOKENS), "always-mask"),
    ),
    Mistake(
        "generator-ignored",
        what=Text("the generator is not used", "没有用传进来的 generator"),
        hint=Text("Which of your draws do not get generator=generator?", "哪几次抽取没有写 generator=generator？"),
    ),
    Mistake(
        "batch-overwritten",
        what=Text("the caller's input_ids are written to", "直接改写了调用者的 input_ids"),
        hint=Text(
            "Masked assignment writes into the tensor that you were given. Clone it first.",
            "带 mask 的赋值会写进传进来的 tensor。先 clone。",
        ),
    ),
    Mistake(
        "p-unchecked",
        what=Text("a p outside [0, 1] goes through without an error", "p 超出 [0, 1] 也不报错"),
        hint=Text(
            "A p of 15 is meant as per cent, most likely. Who tells the caller?",
            "有人写 p=15，多半是指百分之十五。谁来告诉他写错了？",
        ),
    ),
)


def mask_tokens(input_ids, special_tokens_mask, *, mask_id, vocab_size, p=0.15, generator=None):
    if not 0.0 <= p <= 1.0 and not faults("p-unchecked"):
        raise ValueError(f"p must lie in [0, 1], got {p}")
    random = None if faults("generator-ignored") else generator
    selected = selection(input_ids, special_tokens_mask, p, random)  # (B, T)
    masked, swapped = fates(input_ids.shape, random)  # (B, T), (B, T)
    random_ids = random_tokens(input_ids.shape, vocab_size, random)  # (B, T)

    original = input_ids.clone()
    inputs = input_ids if faults("batch-overwritten") else input_ids.clone()
    inputs[selected & masked] = mask_id
    inputs[selected & swapped] = random_ids[selected & swapped]
    return inputs, targets(original, inputs, selected)


def selection(ids, special, p, random):
    ordinary = torch.ones_like(special) if faults("special-selected") else ~special
    if faults("fixed-number-selected"):
        order = torch.rand(ids.shape, generator=random).masked_fill(~ordinary, 2.0).argsort(dim=1).argsort(dim=1)
        return ordinary & (order < (ordinary.sum(dim=1, keepdim=True) * p).round())
    shape = ids.shape[1:] if faults("selected-alike-in-batch") else ids.shape
    return (torch.rand(shape, generator=random) < p) & ordinary


def fates(shape, random):
    """Where a selected token is masked, and where it is swapped for a random one."""
    masked = torch.rand(shape, generator=random) < (1.0 if faults("always-mask") else 0.8)
    rest = torch.rand(shape, generator=random)
    if faults("random-over-mask"):
        return masked, rest < 0.5
    return masked, ~masked & (rest < (1.0 if faults("never-kept") else 0.1 if faults("random-tenth-of-rest") else 0.5))


def random_tokens(shape, vocab_size, random):
    if faults("one-token-for-all"):
        return torch.randint(vocab_size, (1, 1), generator=random).expand(shape)
    return torch.randint(max(vocab_size - faults("last-token-missing"), 1), shape, generator=random)


def targets(original, inputs, selected):
    if faults("labels-everywhere"):
        return original
    if faults("labels-where-changed"):
        selected = selected & (inputs != original)
    return torch.where(selected, inputs if faults("labels-after-masking") else original, -100)
