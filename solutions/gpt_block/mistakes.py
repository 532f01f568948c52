"""gpt_block once more, with a switch at each place that people get wrong."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from grader.errors import Text
from grader.faults import Mistake, faults

RESIDUALS = ("post-norm", "norm-in-residual", "second-norm-missing", "parallel-branches", "second-residual-from-input")
ACTIVATIONS = ("relu", "gelu-exact")
MASKS = ("not-causal", "causal-fixed-length")


def others(name: str, *groups: tuple[str, ...]) -> tuple[str, ...]:
    """The names of these groups without the name itself."""
    return tuple(other for group in groups for other in group if other != name)


CATALOGUE = (
    Mistake(
        "post-norm",
        what=Text("the norms stand after the sums (post-norm)", "归一化放在了求和之后（post-norm）"),
        hint=Text(
            "So has BERT. In GPT-2 and GPT-3 each branch starts with its norm.",
            "那是 BERT 的做法。GPT-2 和 GPT-3 里，每个分支以归一化开头。",
        ),
        excludes=others("post-norm", RESIDUALS),
    ),
    Mistake(
        "norm-in-residual",
        what=Text("the residual is taken after the norm", "残差取自归一化之后"),
        hint=Text(
            "`x = ln1(x)` and then `x + …` adds the normed x. What should pass beside the branch?",
            "先 `x = ln1(x)` 再 `x + …`，加上的就是归一化后的 x。从旁边通过的应当是什么？",
        ),
        excludes=others("norm-in-residual", RESIDUALS),
    ),
    Mistake(
        "second-norm-missing",
        what=Text("the feed-forward branch has no norm", "前馈分支没有归一化"),
        hint=Text("Each branch has its own norm.", "每个分支都有自己的归一化。"),
        excludes=(*others("second-norm-missing", RESIDUALS), "ln1-twice"),
    ),
    Mistake(
        "parallel-branches",
        what=Text(
            "the feed-forward branch starts from x instead of from the first sum",
            "前馈分支从 x 出发，而不是从第一次求和的结果出发",
        ),
        hint=Text(
            "GPT-J does that. Here the branches follow one another.", "那是 GPT-J 的做法。这里两个分支一先一后。"
        ),
        excludes=others("parallel-branches", RESIDUALS),
    ),
    Mistake(
        "second-residual-from-input",
        what=Text("the second sum adds x instead of the first sum", "第二次求和加的是 x，而不是第一次求和的结果"),
        hint=Text("What has attention contributed to your result?", "你的结果里，注意力的贡献去哪儿了？"),
        excludes=others("second-residual-from-input", RESIDUALS),
    ),
    Mistake(
        "ln1-twice",
        what=Text("ln1 is used in the place of ln2", "该用 ln2 的地方用了 ln1"),
        hint=Text("Each norm has a weight and a bias of its own.", "两个归一化各有自己的 weight 和 bias。"),
        excludes=("second-norm-missing",),
    ),
    Mistake(
        "relu",
        what=Text("the activation is ReLU", "激活函数用了 ReLU"),
        hint=Text("Read the third line of the formula.", "看公式的第三行。"),
        excludes=others("relu", ACTIVATIONS),
    ),
    Mistake(
        "gelu-exact",
        what=Text("GELU is the exact one, with erf", "GELU 用的是带 erf 的精确形式"),
        hint=Text("F.gelu takes `approximate`.", "F.gelu 有参数 `approximate`。"),
        excludes=others("gelu-exact", ACTIVATIONS),
    ),
    Mistake(
        "not-causal",
        what=Text("tokens see those after them", "token 能看到后面的 token"),
        hint=Text("Which half of the scores must be hidden?", "分数的哪一半必须遮住？"),
        excludes=(*others("not-causal", MASKS), "leaky-fill"),
    ),
    Mistake(
        "causal-fixed-length",
        what=Text("the causal mask ends at 1024 tokens", "因果 mask 只到 1024 个 token"),
        hint=Text("Build the mask for the T of this call.", "按这次调用的 T 来建 mask。"),
        excludes=others("causal-fixed-length", MASKS),
    ),
    Mistake(
        "leaky-fill",
        what=Text("future scores are lowered by 1e4 only", "未来的分数只减了 1e4"),
        hint=Text(
            "So did GPT-2's first code. A score may be larger than that: fill with the lowest there is.",
            "GPT-2 最早的代码也差不多。但分数可能比它还大：应当填最小的数。",
        ),
        excludes=("not-causal",),
    ),
    Mistake(
        "scaled-by-d-model",
        what=Text("the scores are divided by √d_model, the whole width", "分数除的是 √d_model，也就是总宽度"),
        hint=Text("How many products are summed in one score of one head?", "一个 head 的一个分数，是多少个乘积之和？"),
    ),
    Mistake(
        "heads-interleaved",
        what=Text(
            "a head takes every n-th column instead of a slice", "一个 head 取的是隔几列的一列，而不是连续的一段"
        ),
        hint=Text(
            "The last dimension of a `view` runs fastest: is it the head, or the column within a head?",
            "`view` 的最后一维变化最快：它是 head，还是 head 内的列？",
        ),
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

    def forward(self, x):
        width = x.shape[-1]
        q, k, v = self.split(self.q_proj(x)), self.split(self.k_proj(x)), self.split(self.v_proj(x))
        size = width if faults("scaled-by-d-model") else width // self.n_heads
        z = masked(q @ k.mT / math.sqrt(size)).softmax(dim=-1) @ v  # (B, H, T, d)
        z = z.permute(0, 2, 3, 1) if faults("heads-interleaved") else z.transpose(1, 2)
        return self.out_proj(z.flatten(2))

    def split(self, x):
        batch, length, width = x.shape
        if faults("heads-interleaved"):
            return x.view(batch, length, width // self.n_heads, self.n_heads).permute(0, 3, 1, 2)
        return x.view(batch, length, self.n_heads, width // self.n_heads).transpose(1, 2)


def masked(scores):
    length = scores.shape[-1]
    if faults("not-causal"):
        return scores
    size = 1024 if faults("causal-fixed-length") else length
    future = torch.ones(size, size, dtype=torch.bool).triu(1)[:length, :length]
    return scores - 1e4 * future if faults("leaky-fill") else scores.masked_fill(future, -math.inf)


class GPTBlock(nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.attention = Attention(d_model, n_heads)
        self.fc, self.proj = nn.Linear(d_model, 4 * d_model), nn.Linear(4 * d_model, d_model)

    def network(self, x):
        z = self.fc(x)
        z = z.relu() if faults("relu") else F.gelu(z, approximate="none" if faults("gelu-exact") else "tanh")
        return self.proj(z)

    def forward(self, x):
        ln2 = self.ln1 if faults("ln1-twice") else self.ln2
        if faults("post-norm"):
            h = self.ln1(x + self.attention(x))
            return ln2(h + self.network(h))
        if faults("norm-in-residual"):
            x = self.ln1(x)
            h = ln2(x + self.attention(x))
            return h + self.network(h)
        h = x + self.attention(self.ln1(x))
        source = x if faults("parallel-branches") else h
        f = self.network(source if faults("second-norm-missing") else ln2(source))
        return f + (x if faults("second-residual-from-input") else h)
