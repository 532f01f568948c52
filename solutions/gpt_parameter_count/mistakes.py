"""gpt_parameter_count once more, with a switch at each place that people get wrong."""

from grader.errors import Text
from grader.faults import Mistake, faults

BIASES = ("biases-missing", "qkv-bias-missing")
NUMBERS = ("float-inside", "float-returned")
LIMITS = ("unchecked", "zero-accepted")


def others(name: str, *groups: tuple[str, ...]) -> tuple[str, ...]:
    """The names of these groups without the name itself."""
    return tuple(other for group in groups for other in group if other != name)


CATALOGUE = (
    Mistake(
        "head-untied",
        what=Text("the output layer is counted as a matrix of its own", "把输出层当成另一个矩阵又数了一遍"),
        hint=Text("Tied means that both are one tensor.", "共享的意思是两者就是同一个张量。"),
    ),
    Mistake(
        "head-bias",
        what=Text("the output layer is given a bias", "给输出层数了 bias"),
        hint=Text(
            "'Biases everywhere' speaks of the blocks; read the last line of the model.",
            "带 bias 的是模块里的线性层；看模型的最后一行。",
        ),
    ),
    Mistake(
        "positions-missing",
        what=Text("the positions are not counted", "没有数位置的参数"),
        hint=Text("GPT learns its positions.", "GPT 的位置向量是学出来的。"),
    ),
    Mistake(
        "biases-missing",
        what=Text("the linear layers are counted without their biases", "数线性层时漏了所有 bias"),
        hint=Text("How long is the bias of a layer with n outputs?", "有 n 个输出的层，bias 有多长？"),
        excludes=others("biases-missing", BIASES),
    ),
    Mistake(
        "qkv-bias-missing",
        what=Text("query, key and value are counted without a bias", "数 query、key、value 投影时漏了 bias"),
        hint=Text("All four projections have one here.", "这里四个投影都有 bias。"),
        excludes=others("qkv-bias-missing", BIASES),
    ),
    Mistake(
        "norm-bias-missing",
        what=Text("norms are counted with their weight only", "数归一化时只数了 weight"),
        hint=Text("A LayerNorm has a weight and a bias.", "LayerNorm 有 weight，也有 bias。"),
    ),
    Mistake(
        "one-norm-in-a-block",
        what=Text("a block is counted with one norm", "一个模块只数了一个归一化"),
        hint=Text("Each of the two branches starts with a norm.", "两个分支各以一个归一化开头。"),
    ),
    Mistake(
        "final-norm-missing",
        what=Text("the norm after the last block is not counted", "没有数最后一个模块之后的归一化"),
        hint=Text("What stands between the last block and the output layer?", "最后一个模块和输出层之间还有什么？"),
    ),
    Mistake(
        "output-projection-missing",
        what=Text("attention is counted without its output projection", "数注意力时漏了输出投影"),
        hint=Text("Attention has four projections.", "注意力有四个投影。"),
    ),
    Mistake(
        "hidden-width-not-widened",
        what=Text(
            "the hidden width is taken as d_model instead of 4·d_model", "中间宽度当成了 d_model，而不是 4·d_model"
        ),
        hint=Text("The feed-forward network goes up before it comes down.", "前馈网络要先升维，再降回来。"),
    ),
    Mistake(
        "float-inside",
        what=Text("a float on the way rounds large counts", "中间经过浮点数，总数很大时被舍入"),
        hint=Text("`int(…)` around a float comes too late.", "在浮点数外面套 `int(…)` 已经晚了。"),
        excludes=others("float-inside", NUMBERS),
    ),
    Mistake(
        "float-returned",
        what=Text("the count is a float", "返回的总数是 float"),
        hint=Text("Parameters are counted in whole numbers.", "参数个数是整数。"),
        excludes=others("float-returned", NUMBERS),
    ),
    Mistake(
        "zero-accepted",
        what=Text("an argument of zero is not refused", "参数等于 0 时没有报错"),
        hint=Text("Below 1 is an error: and 0?", "小于 1 就要报错，那 0 呢？"),
        excludes=others("zero-accepted", LIMITS),
    ),
    Mistake(
        "unchecked",
        what=Text("no argument is checked", "没有检查任何参数"),
        hint=Text("Check the arguments before you count.", "先检查参数，再开始数。"),
        excludes=others("unchecked", LIMITS),
    ),
)


def parameter_count(*, n_layer, d_model, n_vocab, n_ctx):
    check(n_layer=n_layer, d_model=d_model, n_vocab=n_vocab, n_ctx=n_ctx)
    norm = d_model if faults("norm-bias-missing") else 2 * d_model
    hidden = d_model if faults("hidden-width-not-widened") else 4 * d_model
    block = attention(d_model) + linear(d_model, hidden) + linear(hidden, d_model)
    block += norm if faults("one-norm-in-a-block") else 2 * norm
    total = n_vocab * d_model + n_layer * block
    if not faults("positions-missing"):
        total += n_ctx * d_model
    if not faults("final-norm-missing"):
        total += norm
    if faults("head-untied"):
        total += n_vocab * d_model
    if faults("head-bias"):
        total += n_vocab
    if faults("float-returned"):
        return float(total)
    return int(float(total)) if faults("float-inside") else total


def check(**sizes):
    for name, size in sizes.items():
        if faults("unchecked"):
            continue
        if size < (0 if faults("zero-accepted") else 1):
            raise ValueError(f"{name} must be at least 1, got {size}")


def attention(d_model):
    qkv = 3 * linear(d_model, d_model, bias=not faults("qkv-bias-missing"))
    return qkv if faults("output-projection-missing") else qkv + linear(d_model, d_model)


def linear(n_in, n_out, bias=True):
    return n_in * n_out + (n_out if bias and not faults("biases-missing") else 0)
