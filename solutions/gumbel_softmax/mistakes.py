"""gumbel_softmax once more, with a switch at each place that people get wrong."""

import torch

from grader.errors import Text
from grader.faults import Mistake, faults

NOISES = ("no-noise", "normal-noise", "uniform-noise", "minus-gumbel", "noise-shared")
TAUS = ("tau-multiplies", "tau-on-logits-only", "tau-ignored")
HARDS = ("hard-ignored", "hard-without-gradient", "hard-slope-of-logits", "hard-of-logits", "hard-drawn-again")
GENERATORS = ("generator-ignored", "fixed-seed")
DIMS = ("dim-ignored", "hard-along-last-dim")


def others(name: str, *groups: tuple[str, ...]) -> tuple[str, ...]:
    """The names of these groups without the name itself."""
    return tuple(other for group in groups for other in group if other != name)


CATALOGUE = (
    Mistake(
        "no-noise",
        what=Text(
            "no noise is added: the result is softmax(logits / tau)", "没有加噪声，结果就是 softmax(logits / tau)"
        ),
        hint=Text(
            "Two samples of the same logits should differ. Where does chance come in?",
            "同样的 logits 抽两次，结果应当不同。随机性从哪里来？",
        ),
        excludes=(*others("no-noise", NOISES, GENERATORS, HARDS), "tau-on-logits-only"),
    ),
    Mistake(
        "normal-noise",
        what=Text("the noise is normal instead of Gumbel", "加的是正态噪声，而不是 Gumbel 噪声"),
        hint=Text(
            "Only one kind of noise makes the arg-max follow softmax exactly. How is it made of a uniform u?",
            "只有一种噪声能让 arg-max 恰好服从 softmax。怎样由均匀的 u 得到它？",
        ),
        excludes=others("normal-noise", NOISES),
    ),
    Mistake(
        "uniform-noise",
        what=Text("the noise is uniform: the two logarithms are missing", "加的是均匀噪声，少了两次取对数"),
        hint=Text("u is only the start: what is -log(-log u)?", "u 只是起点：-log(-log u) 是什么？"),
        excludes=others("uniform-noise", NOISES),
    ),
    Mistake(
        "minus-gumbel",
        what=Text("the noise has the wrong sign: log(-log u)", "噪声的符号反了：log(-log u)"),
        hint=Text("A Gumbel variable has its long tail on the right.", "Gumbel 分布的长尾在右边。"),
        excludes=others("minus-gumbel", NOISES),
    ),
    Mistake(
        "noise-shared",
        what=Text("all rows get the same noise", "所有行用的是同一份噪声"),
        hint=Text("Draw noise of the shape of logits.", "按 logits 的形状抽噪声。"),
        excludes=(*others("noise-shared", NOISES), *DIMS, "tau-on-logits-only"),
    ),
    Mistake(
        "tau-multiplies",
        what=Text("tau multiplies instead of dividing", "乘了 tau，而不是除以 tau"),
        hint=Text("A small tau should give nearly one-hot samples.", "tau 很小时，样本应接近 one-hot。"),
        excludes=others("tau-multiplies", TAUS),
    ),
    Mistake(
        "tau-on-logits-only",
        what=Text("the logits are divided by tau, the noise is not", "只有 logits 除以了 tau，噪声没有"),
        hint=Text(
            "The arg-max must not depend on tau. Which brackets are missing?", "arg-max 不应随 tau 变化。少了哪对括号？"
        ),
        excludes=others("tau-on-logits-only", TAUS),
    ),
    Mistake(
        "tau-ignored",
        what=Text("tau is not used", "没有用到 tau"),
        hint=Text("Which step makes a sample softer or harder?", "哪一步决定样本的软硬？"),
        excludes=(*others("tau-ignored", TAUS), "tau-unchecked"),
    ),
    Mistake(
        "tau-unchecked",
        what=Text("tau ≤ 0 is not refused", "tau ≤ 0 时没有报错"),
        hint=Text(
            "Raise ValueError before anything is computed, and name tau.", "先检查再计算，抛出 ValueError 并写出 tau。"
        ),
        excludes=("tau-ignored",),
    ),
    Mistake(
        "hard-ignored",
        what=Text("hard=True changes nothing", "hard=True 不起作用"),
        hint=Text("Put a 1 at the arg-max and 0 elsewhere.", "在 arg-max 处放 1，其余放 0。"),
        excludes=(*others("hard-ignored", HARDS), "hard-along-last-dim"),
    ),
    Mistake(
        "hard-without-gradient",
        what=Text("a hard sample has no gradient", "硬样本没有梯度"),
        hint=Text(
            "one_hot + soft - soft.detach(): look at its value and at its slope.",
            "one_hot + soft - soft.detach()：看看它的值和斜率。",
        ),
        excludes=others("hard-without-gradient", HARDS),
    ),
    Mistake(
        "hard-slope-of-logits",
        what=Text("the gradient goes straight to the logits, past the softmax", "梯度绕过 softmax，直接传给了 logits"),
        hint=Text("Straight through the arg-max, not through the softmax.", "直通的只是 arg-max，不包括 softmax。"),
        excludes=others("hard-slope-of-logits", HARDS),
    ),
    Mistake(
        "hard-of-logits",
        what=Text(
            "the one-hot stands at the arg-max of the logits without noise",
            "one-hot 取的是没加噪声的 logits 的 arg-max",
        ),
        hint=Text(
            "Then hard samples never vary. Whose arg-max do you take?", "这样硬样本永远不变。取的是谁的 arg-max？"
        ),
        excludes=(*others("hard-of-logits", HARDS), *NOISES),
    ),
    Mistake(
        "hard-drawn-again",
        what=Text("the one-hot and the gradient come from two different samples", "one-hot 和梯度来自两次不同的抽样"),
        hint=Text("Draw the noise once.", "噪声只抽一次。"),
        excludes=(*others("hard-drawn-again", HARDS), "fixed-seed"),
    ),
    Mistake(
        "dim-ignored",
        what=Text(
            "the softmax runs over the last dimension, whatever dim is", "不管 dim 是多少，softmax 总沿最后一维做"
        ),
        hint=Text("Hand dim on.", "把 dim 传下去。"),
        excludes=others("dim-ignored", DIMS, NOISES),
    ),
    Mistake(
        "hard-along-last-dim",
        what=Text(
            "the one-hot is taken along the last dimension, whatever dim is", "不管 dim 是多少，one-hot 总沿最后一维取"
        ),
        hint=Text("arg-max and scatter need dim too.", "arg-max 和 scatter 也要用 dim。"),
        excludes=(*others("hard-along-last-dim", DIMS), *HARDS, "noise-shared"),
    ),
    Mistake(
        "generator-ignored",
        what=Text("the generator is not used", "没有用到传入的 generator"),
        hint=Text("Which of your draws takes `generator=`?", "哪一次抽样传了 `generator=`？"),
        excludes=(*others("generator-ignored", GENERATORS), "no-noise"),
    ),
    Mistake(
        "fixed-seed",
        what=Text(
            "the noise is seeded anew in each call, so all calls give the same", "每次调用都重新设种子，结果总是一样"
        ),
        hint=Text("The caller seeds, the function draws.", "设种子是调用者的事，函数只管抽样。"),
        excludes=(*others("fixed-seed", GENERATORS), "no-noise", "hard-drawn-again"),
    ),
    Mistake(
        "computed-in-float32",
        what=Text("float64 logits are computed in float32", "float64 的 logits 是用 float32 计算的"),
        hint=Text("Look for .float() and for draws without a dtype.", "找找 .float()，以及没写 dtype 的抽样。"),
    ),
    Mistake(
        "exp-overflows",
        what=Text("exp is taken as it stands, and overflows", "直接取 exp，结果溢出"),
        hint=Text(
            "Subtract the greatest entry of the slice first, or use softmax.",
            "先减去切片里的最大值，或者直接用 softmax。",
        ),
    ),
)


def gumbel_softmax(logits, *, tau=1.0, hard=False, dim=-1, generator=None):
    if not faults("tau-unchecked") and tau <= 0:
        raise ValueError("tau must be above zero")
    dtype = logits.dtype
    if faults("computed-in-float32"):
        logits = logits.float()
    if faults("generator-ignored"):
        generator = None
    if faults("fixed-seed"):
        generator = torch.Generator().manual_seed(0)

    along = -1 if faults("dim-ignored") else dim
    noise = drawn(logits, generator)
    soft = softmax(cooled(logits, noise, tau), along)
    if not hard or faults("hard-ignored"):
        return soft.to(dtype)

    chosen = soft
    if faults("hard-of-logits"):
        chosen = logits
    elif faults("hard-drawn-again"):
        chosen = logits + drawn(logits, generator)
    axis = -1 if faults("hard-along-last-dim") else along
    one_hot = torch.zeros_like(soft).scatter(axis, chosen.argmax(dim=axis, keepdim=True), 1.0)
    if faults("hard-without-gradient"):
        return one_hot.to(dtype)
    through = logits if faults("hard-slope-of-logits") else soft
    return (one_hot + (through - through.detach())).to(dtype)


def drawn(logits, generator):
    shape = logits.shape[-1:] if faults("noise-shared") else logits.shape
    if faults("no-noise"):
        return torch.zeros(shape, dtype=logits.dtype)
    if faults("normal-noise"):
        return torch.randn(shape, generator=generator, dtype=logits.dtype)
    u = torch.rand(shape, generator=generator, dtype=logits.dtype).clamp(min=1e-30)
    if faults("uniform-noise"):
        return u
    return (-u.log()).log() if faults("minus-gumbel") else -(-u.log()).log()


def cooled(logits, noise, tau):
    if faults("tau-multiplies"):
        return (logits + noise) * tau
    if faults("tau-on-logits-only"):
        return logits / tau + noise
    return logits + noise if faults("tau-ignored") else (logits + noise) / tau


def softmax(scores, dim):
    if faults("exp-overflows"):
        return scores.exp() / scores.exp().sum(dim=dim, keepdim=True)
    return scores.softmax(dim=dim)
