"""bert_input once more, with a switch at each place that people get wrong."""

import torch

from grader.errors import Text
from grader.faults import Mistake, faults

SHORTENED = ("tie-drops-a", "only-b-shortened", "half-for-each", "row-cut-off")


def others(name: str, *groups: tuple[str, ...]) -> tuple[str, ...]:
    """The names of these groups without the name itself."""
    return tuple(other for group in groups for other in group if other != name)


CATALOGUE = (
    Mistake(
        "tie-drops-a",
        what=Text("a loses the token when both lists are equally long", "两个 list 一样长时，去掉的是 a 的 token"),
        hint=Text("Which list gives way on a tie?", "一样长时该谁让步？"),
        excludes=others("tie-drops-a", SHORTENED),
    ),
    Mistake(
        "only-b-shortened",
        what=Text("b is shortened until nothing is left of it, and only then a", "先把 b 全部去光，然后才去掉 a 的"),
        hint=Text(
            "A long question may leave no answer. Which list is longer at this moment?",
            "问题太长，答案就没了。此刻更长的是哪个？",
        ),
        excludes=others("only-b-shortened", SHORTENED),
    ),
    Mistake(
        "half-for-each",
        what=Text(
            "each list gets half of the room, although the other needs less",
            "两个 list 各分一半，哪怕另一个用不了那么多",
        ),
        hint=Text("What one list does not need, the other may use.", "一个 list 用不完的，另一个可以用。"),
        excludes=others("half-for-each", SHORTENED),
    ),
    Mistake(
        "row-cut-off",
        what=Text(
            "the finished row is cut at max_len, so [SEP] and b are lost", "拼好之后按 max_len 一刀切，丢了 [SEP] 和 b"
        ),
        hint=Text("Shorten the lists first; the special tokens are added afterwards.", "先缩短 list，再加特殊 token。"),
        excludes=(*others("row-cut-off", SHORTENED), "front-dropped"),
    ),
    Mistake(
        "front-dropped",
        what=Text("tokens are dropped from the front of a list", "从 list 的开头去掉 token"),
        hint=Text("Which of list[:n] and list[-n:] keeps the beginning?", "list[:n] 和 list[-n:]，哪个保留开头？"),
        excludes=("row-cut-off",),
    ),
    Mistake(
        "first-separator-in-segment-1",
        what=Text("the first [SEP] has segment 1", "第一个 [SEP] 的 segment 成了 1"),
        hint=Text("It ends the first sentence and belongs to it.", "它结束第一句，也属于第一句。"),
    ),
    Mistake(
        "padding-in-segment-1",
        what=Text("padding has segment 1", "padding 的 segment 成了 1"),
        hint=Text("Segment 1 ends with the second [SEP].", "第 1 段到第二个 [SEP] 为止。"),
    ),
    Mistake(
        "segments-by-id",
        what=Text(
            "the second segment starts after the first id that equals sep_id",
            "把第一个等于 sep_id 的 id 当成了两段的分界",
        ),
        hint=Text(
            "You built the row: you know where a ends without looking for [SEP].",
            "这一行是你拼的：不用找 [SEP] 也知道 a 到哪里结束。",
        ),
    ),
    Mistake(
        "mask-by-id",
        what=Text("attention_mask is 0 wherever an id equals pad_id", "只要 id 等于 pad_id，attention_mask 就是 0"),
        hint=Text(
            "A token may have that id too. What do you know about positions?",
            "普通 token 也可能是这个 id。关于位置你知道些什么？",
        ),
    ),
    Mistake(
        "empty-is-none",
        what=Text("an empty tokens_b is treated like None", "空的 tokens_b 被当成了 None"),
        hint=Text("Ask `is None`, not whether the list is true.", "要判断的是 `is None`，而不是 list 的真假。"),
    ),
    Mistake(
        "always-three-specials",
        what=Text(
            "room for three special tokens is kept in a single sentence too", "只有一句时，也留了三个特殊 token 的位置"
        ),
        hint=Text("Count them: [CLS], [SEP]. Which is the third?", "数一数：[CLS]、[SEP]。第三个是什么？"),
    ),
    Mistake(
        "room-unchecked",
        what=Text(
            "a max_len too small for the special tokens raises no ValueError",
            "max_len 放不下特殊 token 时没有抛出 ValueError",
        ),
        hint=Text("What does your loop do when there is nothing left to drop?", "已经没有可去掉的了，你的循环会怎样？"),
    ),
    Mistake(
        "int32",
        what=Text("the tensors are int32", "tensor 的 dtype 是 int32"),
        hint=Text(
            "An embedding takes long ids, and so do large vocabularies.",
            "embedding 要的是 long，很大的 id 也只有 long 放得下。",
        ),
    ),
    Mistake(
        "through-float32",
        what=Text(
            "ids pass through a float32 tensor, which rounds large ones", "id 经过了 float32 的 tensor，大的会被舍入"
        ),
        hint=Text(
            "Which dtype has torch.zeros(max_len)? float32 holds integers of 24 bits.",
            "torch.zeros(max_len) 是什么 dtype？float32 只能精确表示 24 位的整数。",
        ),
    ),
    Mistake(
        "empty-is-float",
        what=Text(
            "input_ids is no long tensor where one of the lists is empty",
            "有一个 list 为空时，input_ids 不是 long tensor",
        ),
        hint=Text(
            "Which dtype has torch.tensor([]), and what does torch.cat make of it and long tensors?",
            "torch.tensor([]) 是什么 dtype？torch.cat 把它和 long tensor 拼起来，结果是什么 dtype？",
        ),
        excludes=("int32", "empty-is-none", "lists-popped"),
    ),
    Mistake(
        "lists-popped",
        what=Text("tokens are popped off the caller's own lists", "直接从调用者的 list 里 pop"),
        hint=Text("The next epoch packs the same lists again.", "下一个 epoch 还要打包同样的 list。"),
        excludes=("row-cut-off",),
    ),
)


def pack_pair(tokens_a, tokens_b, *, cls_id, sep_id, pad_id, max_len):
    pair = bool(tokens_b) if faults("empty-is-none") else tokens_b is not None
    specials = 3 if pair or faults("always-three-specials") else 2
    if max_len < specials and not faults("room-unchecked"):
        raise ValueError(f"max_len must be at least {specials}, got {max_len}")

    a, b = shortened(tokens_a, tokens_b if pair else [], max(max_len - specials, 0))
    first, second = [cls_id, *a, sep_id], [*b, sep_id] if pair else []
    row = (first + second)[:max_len]
    padding = max_len - len(row)
    ids = row + [pad_id] * padding
    mask = [int(token != pad_id) for token in ids] if faults("mask-by-id") else [1] * len(row) + [0] * padding
    dtype = torch.int32 if faults("int32") else torch.int64
    long_ids = torch.tensor(ids, dtype=torch.float32 if faults("through-float32") else torch.int64).to(dtype)
    if faults("empty-is-float") and (not a or (pair and not b)):
        long_ids = long_ids.float()
    return {
        "input_ids": long_ids,
        "token_type_ids": torch.tensor(segments(row, first, sep_id, pair, padding), dtype=dtype),
        "attention_mask": torch.tensor(mask, dtype=dtype),
    }


def shortened(tokens_a, tokens_b, room):
    """What is left of the two lists."""
    a, b = len(tokens_a), len(tokens_b)
    if faults("row-cut-off"):
        return tokens_a, tokens_b
    if faults("half-for-each") and a + b > room and tokens_b:
        a, b = min(a, room - room // 2), min(b, room // 2)
    while a + b > room:
        longer = a > b or (a == b and faults("tie-drops-a"))
        if b == 0 or (a > 0 and longer and not faults("only-b-shortened")):
            a -= 1
        else:
            b -= 1
    if faults("lists-popped"):
        start_a, start_b = (len(tokens_a) - a, len(tokens_b) - b) if faults("front-dropped") else (0, 0)
        tokens_a[:], tokens_b[:] = tokens_a[start_a : start_a + a], tokens_b[start_b : start_b + b]
        return tokens_a, tokens_b
    if faults("front-dropped"):
        return tokens_a[len(tokens_a) - a :], tokens_b[len(tokens_b) - b :]
    return tokens_a[:a], tokens_b[:b]


def segments(row, first, sep_id, pair, padding):
    border = min(len(first), len(row))
    if faults("segments-by-id") and sep_id in row:
        border = row.index(sep_id) + 1
    if faults("first-separator-in-segment-1"):
        border -= 1
    types = [0] * border + [int(pair or faults("segments-by-id"))] * (len(row) - border)
    if faults("first-separator-in-segment-1") and not pair:
        types = [0] * len(row)
    return types + [int(faults("padding-in-segment-1") and pair)] * padding
