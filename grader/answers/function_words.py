"""Words that hold a text together and mean little by themselves, in both languages."""

from __future__ import annotations

# "of", "is", "because", and the commonest verbs
_EN = """
the a an is are was were be been being am it its this that these those they them their there he she his her i
you your we our us of to in on at by for from with into onto over under as than then so and or but if when while
because since which who what where how why do does did done has have had can could may might will would should
must not no also only just each every any some all both more most much many one two such very about between
across through within without after before during per via out up down get gets got make makes made use uses used
using let lets need needs like know knows learn learns take takes give gives put keep keeps become becomes turn
turns say says mean means help helps allow allows work works show shows see sees look looks instead rather same
other another still even too again first second later now here yet neither nor never always often usually
"""
# as jieba cuts them
_ZH = """
的 了 是 把 用 和 在 来 让 使 就 会 能 可以 对 从 为 成 到 与 及 也 都 还 被 将 由 而 且 不 这 那 其 它 他
她 我 你 我们 它们 他们 一个 一种 一些 每个 每 各 些 只 再 又 给 跟 比 更 最 很 已 已经 没有 没 要 不需要
需要 得 地 着 过 里 中 后 前 之后 之前 时 时候 所 如何 么 吗 呢 吧 等 之 则 即 因此 因为 所以 但 但是
若 如果 虽然 于 通常 一般 先 接着 然后 靠 做 去 起 开 太 较 比较 更加 这样 那样 这些 那些 这个 那个 这种
就是 不是 而是 并 并且 而且 以及 或 或者 通过 利用 使用 根据 按 按照 进行 得到 成为 变成 变 叫 叫做 称为 指
是指 可 能够 不能 不会 无法 并不 主要 例如 比如 像 有 含 包括 包含 用于 用来 才 便 却 同时 一起 其中 这里
那里 什么 怎么 怎样 为什么 同 向 往 以 起来 出来 出 进 完 掉 看 说 想 知道 学 学会 做到 拿
放 当 当作 作为 只有 只要 只是 还是 也就是 即使 尽管 不仅 不过 否则 除了 关于 由于 经过 随着 之间 之一 以后
以前 左右 非常 十分 特别 越 越来越 不再 不用 无需 不必 即可
"""

FUNCTION_WORDS = frozenset((_EN + _ZH).split())
