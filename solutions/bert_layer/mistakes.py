"""bert_layer once more, with a switch at each place that people get wrong."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from grader.errors import Text
from grader.faults import Mistake, faults

ACTIVATIONS = ("relu", "gelu-tanh")
PADDING = ("padding-ignored", "padding-inverted", "padding-leaky")
RESIDUALS = ("pre-norm", "first-residual-missing", "second-residual-from-input")
DROPOUTS = ("first-dropout-missing", "dropout-after-sum")


def others(name: str, *groups: tuple[str, ...]) -> tuple[str, ...]:
    """The names of these groups without the name itself."""
    return tuple(other for group in groups for other in group if other != name)


CATALOGUE = (
    Mistake(
        "pre-norm",
        what=Text("the norms stand before the branches (pre-norm)", "归一化放在了分支之前（pre-norm）"),
        hint=Text(
            "GPT-2 moved them there. In BERT each norm follows a sum.", "那是 GPT-2 的做法。BERT 里归一化在求和之后。"
        ),
        excludes=others("pre-norm", RESIDUALS),
    ),
    Mistake(
        "first-residual-missing",
        what=Text("x is not added to the attention's output", "注意力的输出没有加上 x"),
        hint=Text("There are two residual connections.", "残差连接有两处。"),
        excludes=others("first-residual-missing", RESIDUALS),
    ),
    Mistake(
        "second-residual-from-input",
        what=Text("the second residual is x instead of the output of norm1", "第二个残差用的是 x，而不是 norm1 的输出"),
        hint=Text("The network's branch leaves from h and comes back to h.", "前馈分支从 h 出发，也要加回到 h 上。"),
        excludes=others("second-residual-from-input", RESIDUALS),
    ),
    Mistake(
        "norm1-twice",
        what=Text("norm1 is used in the place of norm2", "该用 norm2 的地方用了 norm1"),
        hint=Text("Each norm has a weight and a bias of its own.", "两个归一化各有自己的 weight 和 bias。"),
    ),
    Mistake(
        "relu",
        what=Text("the activation is ReLU", "激活函数用了 ReLU"),
        hint=Text("The first transformer had ReLU; BERT has not.", "最早的 transformer 用 ReLU，BERT 不是。"),
        excludes=others("relu", ACTIVATIONS),
    ),
    Mistake(
        "gelu-tanh",
        what=Text("GELU is the tanh approximation", "GELU 用的是 tanh 近似"),
        hint=Text("What does F.gelu do without `approximate`?", "F.gelu 不传 `approximate` 时算的是什么？"),
        excludes=others("gelu-tanh", ACTIVATIONS),
    ),
    Mistake(
        "causal",
        what=Text("tokens do not see those after them", "token 看不到后面的 token"),
        hint=Text("The B in BERT stands for bidirectional.", "BERT 里的 B 就是“双向”。"),
    ),
    Mistake(
        "padding-ignored",
        what=Text("key_padding_mask changes nothing", "传入 key_padding_mask 不起作用"),
        hint=Text("Which scores must be hidden, and before which step?", "哪些分数要被遮住？在哪一步之前？"),
        excludes=others("padding-ignored", PADDING),
    ),
    Mistake(
        "padding-inverted",
        what=Text("key_padding_mask is read as True = real token", "把 key_padding_mask 里的 True 当成了真实 token"),
        hint=Text("Here True marks padding.", "这里 True 表示 padding。"),
        excludes=others("padding-inverted", PADDING),
    ),
    Mistake(
        "padding-leaky",
        what=Text("the scores of padding are lowered by 1e4 only", "padding 的分数只减了 1e4"),
        hint=Text(
            "So did BERT's first code. A score may be larger than that: fill with the lowest there is.",
            "BERT 最早的代码就是这样。但分数可能比它还大：应当填最小的数。",
        ),
        excludes=others("padding-leaky", PADDING),
    ),
    Mistake(
        "dropout-in-evaluation",
        what=Text("dropout goes on in evaluation mode", "评估模式下 dropout 还在起作用"),
        hint=Text(
            "F.dropout does not know the mode of your module unless it is told.",
            "F.dropout 不知道模块处于哪种模式，除非你告诉它。",
        ),
    ),
    Mistake(
        "first-dropout-missing",
        what=Text("the attention's branch has no dropout", "注意力分支上没有 dropout"),
        hint=Text("Dropout stands on both branches.", "两个分支上都有 dropout。"),
        excludes=others("first-dropout-missing", DROPOUTS),
    ),
    Mistake(
        "dropout-after-sum",
        what=Text("dropout is applied to the sums, residuals included", "dropout 作用在求和之后，连残差也丢了"),
        hint=Text(
            "The residual is to pass untouched. What goes through dropout before it is added?",
            "残差应当原样通过。相加之前，经过 dropout 的是什么？",
        ),
        excludes=others("dropout-after-sum", DROPOUTS),
    ),
    Mistake(
        "indivisible-accepted",
        what=Text("a d_model that n_heads does not divide is not refused", "d_model 不能被 n_heads 整除时没有报错"),
        hint=Text("`//` rounds down in silence.", "`//` 会悄悄向下取整。"),
    ),
)


class Attention(nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        if d_model % n_heads and not faults("indivisible-accepted"):
            raise ValueError(f"d_model ({d_model}) must be divisible by n_heads ({n_heads})")
        self.n_heads = n_heads
        self.q_proj = nn.Linear(d_model, d_model)
        self.k_proj = nn.Linear(d_model, d_model)
        self.v_proj = nn.Linear(d_model, d_model)
        self.out_proj = nn.Linear(d_model, d_model)

    def forward(self, x, padding):
        batch, length, width = x.shape
        heads = (batch, length, self.n_heads, width // self.n_heads)
        q, k, v = (layer(x).view(heads).transpose(1, 2) for layer in (self.q_proj, self.k_proj, self.v_proj))
        scores = masked(q @ k.mT / math.sqrt(heads[-1]), padding)
        z = (scores.softmax(dim=-1) @ v).transpose(1, 2)
        return self.out_proj(z.flatten(2))


def masked(scores, padding):
    lowest = torch.finfo(scores.dtype).min
    if faults("causal"):
        scores = scores.masked_fill(torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1), lowest)
    if padding is None or faults("padding-ignored"):
        return scores
    hidden = padding[:, None, None, :]
    if faults("padding-leaky"):
        return scores - 1e4 * hidden
    return scores.masked_fill(~hidden if faults("padding-inverted") else hidden, lowest)


class EncoderLayer(nn.Module):
    def __init__(self, d_model, n_heads, d_ff, dropout=0.1):
        super().__init__()
        self.attention = Attention(d_model, n_heads)
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.linear1, self.linear2 = nn.Linear(d_model, d_ff), nn.Linear(d_ff, d_model)
        self.p = dropout

    def drop(self, x):
        return F.dropout(x, self.p, self.training or faults("dropout-in-evaluation"))

    def summed(self, residual, branch, droppable=True):
        if faults("dropout-after-sum"):
            return self.drop(residual + branch)
        return residual + (self.drop(branch) if droppable else branch)

    def network(self, x):
        z = self.linear1(x)
        z = z.relu() if faults("relu") else F.gelu(z, approximate="tanh" if faults("gelu-tanh") else "none")
        return self.linear2(z)

    def forward(self, x, key_padding_mask=None):
        first = not faults("first-dropout-missing")
        norm2 = self.norm1 if faults("norm1-twice") else self.norm2
        if faults("pre-norm"):
            x = self.summed(x, self.attention(self.norm1(x), key_padding_mask), first)
            return self.summed(x, self.network(norm2(x)))
        residual = torch.zeros_like(x) if faults("first-residual-missing") else x
        h = self.norm1(self.summed(residual, self.attention(x, key_padding_mask), first))
        return norm2(self.summed(x if faults("second-residual-from-input") else h, self.network(h)))
