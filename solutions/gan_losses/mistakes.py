"""gan_losses once more, with a switch at each place that people get wrong."""

import torch
import torch.nn.functional as F

from grader.errors import Text
from grader.faults import Mistake, faults

GENERATORS = ("saturating", "generator-wants-fake", "generator-detached")
DISCRIMINATORS = (
    "labels-swapped",
    "halved",
    "pooled",
    "fake-term-missing",
    "real-smoothed",
    "wasserstein",
    "fake-detached",
)
LOGS = ("clamped", "exp-overflows", "log-with-epsilon", "sigmoid-twice")


def others(name: str, *groups: tuple[str, ...]) -> tuple[str, ...]:
    """The names of these groups without the name itself."""
    return tuple(other for group in groups for other in group if other != name)


CATALOGUE = (
    Mistake(
        "saturating",
        what=Text(
            "the generator minimises log(1 - sigmoid), which is flat where fakes are found out",
            "生成器最小化的是 log(1 - sigmoid)，假样本被识破时它是平的",
        ),
        hint=Text(
            "At the start of training all fakes are found out. Which loss has a slope there?",
            "训练刚开始，假样本全被识破。哪种损失在那里有斜率？",
        ),
        excludes=others("saturating", GENERATORS),
    ),
    Mistake(
        "generator-wants-fake",
        what=Text("the generator is rewarded when its samples are called fake", "样本被判为假时，生成器反而得到奖励"),
        hint=Text("Which label does the generator want for its samples?", "生成器希望自己的样本被贴上哪个标签？"),
        excludes=others("generator-wants-fake", GENERATORS),
    ),
    Mistake(
        "generator-detached",
        what=Text(
            "generator_loss detaches the logits: the generator cannot learn",
            "generator_loss 里把 logit detach 了，生成器学不到东西",
        ),
        hint=Text("Which of the two losses trains the generator?", "两个损失里，训练生成器的是哪一个？"),
        excludes=others("generator-detached", GENERATORS),
    ),
    Mistake(
        "labels-swapped",
        what=Text("the discriminator is taught to call real fake and fake real", "教判别器把真的判成假、假的判成真"),
        hint=Text("At which logit should a real sample cost nothing?", "真样本的 logit 是多少时，代价应接近 0？"),
        excludes=others("labels-swapped", DISCRIMINATORS),
    ),
    Mistake(
        "halved",
        what=Text(
            "the discriminator's two means are averaged instead of added", "判别器的两个平均值又求了平均，而不是相加"
        ),
        hint=Text("At logits of 0 the loss is 2·log 2.", "logit 全为 0 时，损失是 2·log 2。"),
        excludes=others("halved", DISCRIMINATORS),
    ),
    Mistake(
        "pooled",
        what=Text(
            "real and fake are averaged together, so the larger batch weighs more",
            "真假样本放在一起求平均，数量多的一方权重更大",
        ),
        hint=Text("Two means, each over its own entries.", "两个平均，各自对自己的元素求。"),
        excludes=others("pooled", DISCRIMINATORS),
    ),
    Mistake(
        "fake-term-missing",
        what=Text("the discriminator's loss does not look at the fakes", "判别器的损失没有用到假样本"),
        hint=Text("What would a discriminator learn that only sees real samples?", "只看真样本的判别器会学到什么？"),
        excludes=others("fake-term-missing", DISCRIMINATORS),
    ),
    Mistake(
        "real-smoothed",
        what=Text("the labels of the real samples are smoothed to 0.9", "真样本的标签被平滑成了 0.9"),
        hint=Text(
            "Label smoothing is a trick of its own. What are the labels in the statement?",
            "标签平滑是另一个技巧。题面里的标签是多少？",
        ),
        excludes=others("real-smoothed", DISCRIMINATORS, LOGS),
    ),
    Mistake(
        "wasserstein",
        what=Text(
            "the discriminator's loss is the difference of the means, as in a Wasserstein GAN",
            "判别器的损失是两个平均之差，那是 Wasserstein GAN",
        ),
        hint=Text(
            "There is no sigmoid in yours. What makes logits into probabilities?",
            "你的写法里没有 sigmoid。logit 怎样变成概率？",
        ),
        excludes=others("wasserstein", DISCRIMINATORS),
    ),
    Mistake(
        "fake-detached",
        what=Text(
            "discriminator_loss detaches the fake logits itself", "discriminator_loss 自己 detach 了 fake_logits"
        ),
        hint=Text(
            "A detached logit does not even train the discriminator on fakes. Who detaches what?",
            "logit 一旦 detach，判别器在假样本上也学不到了。该由谁 detach、detach 什么？",
        ),
        excludes=others("fake-detached", DISCRIMINATORS),
    ),
    Mistake(
        "clamped",
        what=Text(
            "binary cross-entropy is taken of probabilities, and levels off at 100",
            "对概率做 binary cross-entropy，到 100 就封顶了",
        ),
        hint=Text("Which function takes logits?", "哪个函数接收 logit？"),
        excludes=others("clamped", LOGS),
    ),
    Mistake(
        "exp-overflows",
        what=Text("log(1 + exp(x)) is computed as it stands, and overflows", "照公式直接算 log(1 + exp(x))，结果溢出"),
        hint=Text("For large x it is x. Which function knows that?", "x 很大时它就等于 x。哪个函数知道这一点？"),
        excludes=others("exp-overflows", LOGS),
    ),
    Mistake(
        "log-with-epsilon",
        what=Text(
            "the loss is -log(sigmoid + 1e-8), which levels off at 18.4",
            "损失写成 -log(sigmoid + 1e-8)，到 18.4 就封顶了",
        ),
        hint=Text(
            "The epsilon hides the infinity and takes the gradient with it.", "epsilon 藏住了无穷大，也带走了梯度。"
        ),
        excludes=others("log-with-epsilon", LOGS),
    ),
    Mistake(
        "sigmoid-twice",
        what=Text(
            "a loss that takes logits is given probabilities: sigmoid is taken twice",
            "把概率传给了接收 logit 的损失，sigmoid 做了两次",
        ),
        hint=Text(
            "What does binary_cross_entropy_with_logits do to its input first?",
            "binary_cross_entropy_with_logits 会先对输入做什么？",
        ),
        excludes=others("sigmoid-twice", LOGS),
    ),
    Mistake(
        "summed",
        what=Text("the entries are summed instead of averaged", "对元素求了和，而不是平均"),
        hint=Text("Does a batch twice as large give a loss twice as large?", "batch 大一倍，损失也会大一倍吗？"),
        excludes=("pooled", "wasserstein"),
    ),
    Mistake(
        "computed-in-float32",
        what=Text("float64 logits are computed in float32", "float64 的 logit 是用 float32 计算的"),
        hint=Text("Look for .float() and for labels made without a dtype.", "找找 .float()，以及没写 dtype 的标签。"),
    ),
)


def discriminator_loss(real_logits, fake_logits):
    dtype = real_logits.dtype
    if faults("computed-in-float32"):
        real_logits, fake_logits = real_logits.float(), fake_logits.float()
    if faults("labels-swapped"):
        real_logits, fake_logits = -real_logits, -fake_logits
    if faults("fake-detached"):
        fake_logits = fake_logits.detach()
    return judged(real_logits, fake_logits).to(dtype)


def judged(real, fake):
    if faults("wasserstein"):
        return fake.mean() - real.mean()
    if faults("pooled"):
        return 2 * torch.cat((costs(real).flatten(), costs(-fake).flatten())).mean()
    if faults("fake-term-missing"):
        return reduced(costs(real))
    if faults("real-smoothed"):
        return reduced(0.9 * costs(real) + 0.1 * costs(-real)) + reduced(costs(-fake))
    loss = reduced(costs(real)) + reduced(costs(-fake))
    return loss / 2 if faults("halved") else loss


def generator_loss(fake_logits):
    dtype = fake_logits.dtype
    if faults("computed-in-float32"):
        fake_logits = fake_logits.float()
    if faults("generator-detached"):
        fake_logits = fake_logits.detach()
    if faults("saturating"):
        return -reduced(costs(-fake_logits)).to(dtype)
    return reduced(costs(-fake_logits if faults("generator-wants-fake") else fake_logits)).to(dtype)


def costs(logits):
    """-log sigmoid of each."""
    if faults("clamped"):
        return F.binary_cross_entropy(logits.sigmoid(), torch.ones_like(logits), reduction="none")
    if faults("exp-overflows"):
        return (1 + (-logits).exp()).log()
    if faults("log-with-epsilon"):
        return -(logits.sigmoid() + 1e-8).log()
    if faults("sigmoid-twice"):
        return -F.logsigmoid(logits.sigmoid())
    return -F.logsigmoid(logits)


def reduced(losses):
    return losses.sum() if faults("summed") else losses.mean()
