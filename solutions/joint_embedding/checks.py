"""Hidden checks of joint_embedding, in teaching order, and what diagnosis compares.

The architecture is free, so no value is compared with the reference's. What a network is made of is read off in float64
from its outputs and gradients: a layer's weight gradient for one pair is the outer product of what flows back into the
layer and what the layer was fed.
"""

import torch
import torch.nn.functional as F
from hypothesis import strategies as st

from grader.exam import (
    Text,
    assert_close,
    assert_dtype,
    assert_finite,
    assert_same,
    assert_shape,
    check,
    given,
    gradients,
    require,
    sizes,
    tensors,
)

# The toy task of the statement.
KINDS, TEXT_DIM, CHANNELS, EMBED_DIM, BATCH = 3, 5, 3, 8, 16
CONTRAST, NOISE, STEPS, LEARNING_RATE, SCALE = 2.5, 0.2, 200, 0.005, 4.0
STEP = 1e-8  # of a difference quotient in float64
ATTEMPTS, ENOUGH = 3, 0.6
EARLY, PLENTY = 40, 0.8  # most right networks are there by then; none that was has been below ENOUGH at the end


@st.composite
def pairs(draw, *, rows=1, dtype=torch.float32):
    """Sizes of a module, and a batch for it."""
    batch, text_dim, channels, embed_dim = draw(sizes(rows, 4)), draw(sizes(1, 5)), draw(sizes(1, 4)), draw(sizes(4, 9))
    height, width = draw(sizes(8, 12)), draw(sizes(8, 12))
    text = draw(tensors(batch, text_dim, dtype=dtype))
    images = draw(tensors(batch, channels, height, width, dtype=dtype))
    return (text_dim, channels, embed_dim), text, images


def build(candidate, *sizes_of_module, dtype=torch.float32):
    """A module in evaluation mode."""
    module = candidate.JointEmbedding(*sizes_of_module).eval()
    return module.double() if dtype == torch.float64 else module


def drawn(seed, *shape, scale=1.0, dtype=torch.float64):
    return (scale * torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)).to(dtype)


def probed(candidate, embed_dim=16):
    """A float64 module, texts (6, 7) and images (6, 2, 9, 8) that are far from one another."""
    module = build(candidate, 7, 2, embed_dim, dtype=torch.float64)
    return module, drawn(1, 6, 7, scale=3.0), drawn(2, 6, 2, 9, 8) + drawn(3, 6, 2, 1, 1, scale=3.0)


# ------------------------------------------------------------------ what the network is made of


def reached(output, parameters):
    """Names of the parameters that a gradient of output comes to."""
    if not output.requires_grad:
        return set()
    trained = {name: parameter for name, parameter in parameters.items() if parameter.requires_grad}
    found = torch.autograd.grad(output.sum(), list(trained.values()), allow_unused=True)
    return {name for name, gradient in zip(trained, found, strict=True) if gradient is not None}


def matrices(module, image):
    """The weight matrices outside of encode_image, by name."""
    found = dict(module.named_parameters())
    inside = reached(module.encode_image(image[None]), found)
    return {n: p for n, p in found.items() if n not in inside and p.dim() > 1 and min(len(p), p[0].numel()) > 1}


def factors(module, weights, text, image):
    """For each matrix the two directions whose outer product its gradient is, for this pair alone."""
    value = F.normalize(module(text[None], image[None]), dim=-1)
    if not value.requires_grad or not weights:
        return {}
    towards = drawn(5, *value.shape)
    found = torch.autograd.grad(value, list(weights.values()), towards, allow_unused=True)
    directions = {}
    for name, gradient in zip(weights, found, strict=True):
        if gradient is not None and bool(gradient.any()) and bool(gradient.isfinite().all()):
            left, _, right = torch.linalg.svd(gradient.flatten(1), full_matrices=False)
            directions[name] = (left[:, 0], right[0])
    return directions


def turned(one, other):
    """Whether two unit vectors lie on different lines."""
    return bool(1 - (one @ other).abs() > 1e-10)


MOST_OF_A_SIDE = 48


def keeps_a_block(one, other, least=4):
    """Whether some entries of `other` are those of `one` up to a common factor and offset: a change left them alone."""
    kept = (one.abs() > 1e-12) & (other.abs() > 1e-12)
    one, other = one[kept], other[kept]
    if len(one) > 2 * MOST_OF_A_SIDE:  # the work grows with the cube; what is joined lies at the two ends
        one, other = (torch.cat((each[:MOST_OF_A_SIDE], each[-MOST_OF_A_SIDE:])) for each in (one, other))
    if len(one) < least:
        return False
    run, rise = one[:, None] - one, other[:, None] - other
    slope = torch.where(run.abs() > 1e-9, rise / run, torch.full_like(run, torch.nan))
    offset = other[:, None] - slope * one[:, None]
    error = slope[..., None] * one + offset[..., None] - other  # of all entries, from the line through each two
    fits = (error.abs() < 1e-9).sum(dim=-1)
    return int(fits.max()) >= least


NORMED = "torch.nn.utils.parametrizations._"


def fusion(candidate):
    """How many layers follow encode_image, and whether one of them is fed texts and image features side by side."""
    module, texts, images = probed(candidate)
    weights = matrices(module, images[0])
    layers = set()
    kinds = dict(module.named_modules())
    joined = False
    for i in range(0, 6, 2):
        here = factors(module, weights, texts[i], images[i])
        other_image = factors(module, weights, texts[i], images[i + 1])
        other_text = factors(module, weights, texts[i + 1], images[i])
        # of a weight_norm the gradient does not say what it was fed
        joined = joined or any(kinds.get(name.rpartition(".")[0] + ".0", "").startswith(NORMED) for name in here)
        for name in here.keys() & other_image.keys() & other_text.keys():
            sides = list(zip(here[name], other_image[name], other_text[name], strict=True))
            if not all(turned(first, second) for first, second, _ in sides):
                continue  # one side is the same for another image: this layer is fed by the text alone
            layers.add(name)
            fed_by_image_alone = not all(turned(first, third) for first, _, third in sides)
            side_by_side = any(keeps_a_block(a, b) and keeps_a_block(a, c) for a, b, c in sides)
            joined = joined or fed_by_image_alone or side_by_side
    return len(layers), joined


def interacts(candidate):
    """Whether text and image do more than add up before the rows are normalised.

    If u(t, i) = A(t) + B(i), then u(t, i) + u(t', i') = u(t, i') + u(t', i): four rows, of whatever length, are
    linearly dependent. A ReLU at the very end leaves that true of the entries that it let through in all four, so
    others do not count.
    """
    module, texts, images = probed(candidate, embed_dim=48)
    texts, images = texts * 3, images * 3
    rows = module(texts.repeat_interleave(6, dim=0), images.repeat(6, 1, 1, 1)).detach()
    grid = rows.reshape(6, 6, -1)
    if not bool(grid.isfinite().all()):
        return False
    corners = torch.stack((grid[:-1, :-1], grid[:-1, 1:], grid[1:, :-1], grid[1:, 1:]), dim=2)
    corners = corners * (corners != 0).all(dim=2, keepdim=True)
    values = torch.linalg.svdvals(corners)
    return bool((values[..., 3] / values[..., 0]).max() > 1e-6)


CONVOLUTIONS = ("torch.nn.modules.conv.Conv2d", "torch.nn.modules.conv.LazyConv2d")


def convolutions(module):
    """Names of the modules that convolve."""
    return [name for name, kind in module.named_modules() if kind in CONVOLUTIONS]


# ------------------------------------------------------------------ the toy task


def toy_pairs(kinds, shown, random):
    """Texts that name one kind each, and images in the colours of `shown`."""
    text = torch.eye(KINDS, TEXT_DIM)[kinds] + NOISE * torch.randn(len(kinds), TEXT_DIM, generator=random)
    colours = (2 * torch.eye(KINDS, CHANNELS) - 1)[shown]
    images = colours[:, :, None, None] + NOISE * torch.randn(len(kinds), CHANNELS, 8, 8, generator=random)
    return CONTRAST * text, CONTRAST * images


def training_pairs(random):
    kinds = torch.randint(0, KINDS, (BATCH,), generator=random)
    other = (kinds + torch.randint(1, KINDS, (BATCH,), generator=random)) % KINDS
    match = torch.arange(BATCH) % 2 == 0
    return *toy_pairs(kinds, torch.where(match, kinds, other), random), match.float()


def held_out_pairs(random):
    """Each text stands once beside an image that matches and once beside one that does not, and so does each image."""
    kinds = torch.arange(60) % KINDS
    text, images = toy_pairs(kinds, kinds, random)
    return text.repeat(2, 1), torch.cat((images, images.roll(1, dims=0))), torch.arange(120) < 60


class Adam:
    def __init__(self, parameters):
        self.parameters = parameters
        self.mean = [torch.zeros_like(p) for p in parameters]
        self.square = [torch.zeros_like(p) for p in parameters]
        self.steps = 0

    @torch.no_grad()
    def step(self, grads):
        self.steps += 1
        torch._foreach_lerp_(self.mean, grads, 0.1)
        torch._foreach_mul_(self.square, 0.999)
        torch._foreach_addcmul_(self.square, grads, grads, 0.001)
        size = torch._foreach_sqrt(torch._foreach_div(self.square, 1 - 0.999**self.steps))
        torch._foreach_add_(size, 1e-8)
        torch._foreach_addcdiv_(self.parameters, self.mean, size, -LEARNING_RATE / (1 - 0.9**self.steps))


def accuracy(module, head, random):
    """The share of held-out pairs told right. One modality alone gives exactly one half."""
    weight, bias = head
    text, images, match = held_out_pairs(random)
    with torch.no_grad():
        logits = module.eval()(text, images) @ weight + bias
    return float(((logits > 0) == match).double().mean())


def trained_accuracy(candidate, seed):
    """The accuracy after training from scratch, or after a few steps where that is plenty."""
    random = torch.Generator().manual_seed(seed)
    candidate.seed(seed)
    module = candidate.JointEmbedding(TEXT_DIM, CHANNELS, EMBED_DIM)
    weight = (SCALE * torch.randn(EMBED_DIM, generator=random) / EMBED_DIM**0.5).requires_grad_()
    bias = torch.zeros((), requires_grad=True)
    parameters = [p for p in module.parameters() if p.requires_grad] + [weight, bias]
    adam = Adam(parameters)
    for step in range(STEPS):
        if step == EARLY:
            early = accuracy(module, (weight, bias), torch.Generator().manual_seed(seed))
            if early >= PLENTY:
                return early
            module.train()
        text, images, match = training_pairs(random)
        loss = F.binary_cross_entropy_with_logits(module(text, images) @ weight + bias, match)
        found = torch.autograd.grad(loss, parameters, allow_unused=True)
        adam.step([torch.zeros_like(p) if g is None else g for g, p in zip(found, parameters, strict=True)])
    return accuracy(module, (weight, bias), random)


# ------------------------------------------------------------------ checks


@check(
    title=Text("It runs, and both methods return (B, embed_dim)", "能运行，两个方法都返回 (B, embed_dim)"),
    hint=Text(
        "Write the shape at the end of each line. What becomes of a batch of one pair?",
        "在每行末尾写下张量的形状。batch 里只有一对时会怎样？",
    ),
    rules=["shape"],
)
@given(case=pairs(), examples=6)
def test_shapes(candidate, case):
    made_with, text, images = case
    module = build(candidate, *made_with)
    assert_shape(module(text, images), (len(text), made_with[2]))
    features = Text("the result of encode_image", "encode_image 的结果")
    assert_shape(module.encode_image(images), (len(text), made_with[2]), features)


@check(
    title=Text("Each row has length 1", "每一行的长度都是 1"),
    hint=Text(
        "Which dimension do you sum the squares over? The length belongs to a row, and is the square root of that sum.",
        "平方和沿哪一维求？长度属于每一行，是平方和的平方根。",
    ),
    rules=["unit"],
)
@given(case=pairs(rows=2), examples=6)
def test_unit_length(candidate, case):
    made_with, text, images = case
    lengths = build(candidate, *made_with)(text, images).detach().double().norm(dim=1)
    assert_close(lengths, torch.ones_like(lengths), Text("the length of the rows", "各行的长度"), atol=1e-4)


@check(
    title=Text("One module takes images of any size", "同一个模块能接受任意大小的图片"),
    hint=Text(
        "What stands between the last feature map and the linear layer? "
        "It must give the same number of values whatever H and W are.",
        "最后一张特征图和线性层之间是什么？不管 H、W 是多少，它给出的数值个数都要相同。",
    ),
    rules=["sizes"],
)
def test_any_image_size(candidate):
    module = build(candidate, 3, 2, 6)
    for height, width in ((8, 8), (8, 13), (21, 9), (33, 40)):
        text, images = (
            drawn(1, 2, 3, dtype=torch.float32),
            drawn(height * width, 2, 2, height, width, dtype=torch.float32),
        )
        assert_shape(module.encode_image(images), (2, 6), Text("the result of encode_image", "encode_image 的结果"))
        assert_shape(module(text, images), (2, 6))


@check(
    title=Text("The image encoder is a CNN", "图像编码器是 CNN"),
    hint=Text(
        "encode_image must run the images through at least one nn.Conv2d that is a registered part of the module.",
        "encode_image 至少要让图片经过一个 nn.Conv2d，而且它要登记为模块的一部分。",
    ),
    rules=["cnn"],
)
def test_convolution(candidate):
    module = build(candidate, 3, 2, 6)
    names = convolutions(module)
    require(names, Text("no nn.Conv2d is part of the module", "模块里没有登记任何 nn.Conv2d"))
    found = reached(module.encode_image(drawn(1, 2, 2, 9, 8, dtype=torch.float32)), dict(module.named_parameters()))
    used = any(parameter.startswith(f"{name}.") for name in names for parameter in found)
    require(used, Text("encode_image trains no nn.Conv2d", "encode_image 的梯度没有传到任何 nn.Conv2d"))


@check(
    title=Text("Image features are not normalised", "图像特征没有归一化"),
    hint=Text(
        "The length of the features is information for the fusion. Only the end result has length 1.",
        "特征的长度也是信息，融合网络用得上。长度为 1 的只有最后的结果。",
    ),
    rules=["features"],
)
def test_features_are_not_normalised(candidate):
    module = build(candidate, 3, 2, 12)
    images = drawn(1, 5, 2, 9, 8, dtype=torch.float32) * torch.tensor([0.2, 1, 2, 5, 20])[:, None, None, None]
    features = module.encode_image(images).detach()
    for dim, what in ((1, Text("rows", "行")), (0, Text("columns", "列"))):
        lengths = features.norm(dim=dim)
        same = bool(((lengths - 1).abs() < 1e-3).all())
        require(
            not same, Text(f"all {what.en} of the image features have length 1", f"图像特征每一{what.zh}的长度都是 1")
        )


@check(
    title=Text("The result depends on the text and on the image", "结果同时取决于文本和图像"),
    hint=Text(
        "Change one of the two inputs and compare. And does forward use what encode_image computes?",
        "只改两个输入中的一个，比较结果。另外，forward 用到 encode_image 算出的东西了吗？",
    ),
    points=2,
    rules=["both"],
)
def test_both_modalities(candidate):
    module, texts, images = probed(candidate)
    rows = module(texts, images)
    for name, other in (("text", module(texts.flip(0), images)), ("images", module(texts, images.flip(0)))):
        changed = bool(((other - rows).abs() > 1e-7).any())
        require(changed, Text(f"another {name} gives the same result", f"换一个 {name}，结果不变"))
    parameters = dict(module.named_parameters())
    unused = reached(module.encode_image(images), parameters) - reached(rows, parameters)
    missing = ", ".join(sorted(unused))
    require(
        not unused,
        Text(f"forward does not train encode_image's {missing}", f"forward 训练不到 encode_image 的 {missing}"),
    )


@check(
    title=Text("Each row depends on its own pair alone", "每一行只取决于自己那一对"),
    hint=Text(
        "Embed a batch, then each pair by itself, in evaluation mode. Which operation reaches across dimension 0?",
        "在 eval 模式下，先对整个 batch 做一次，再逐对各做一次。哪一步跨过了第 0 维？",
    ),
    rules=["rows"],
)
@given(case=pairs(rows=2), examples=5)
def test_rows_do_not_mix(candidate, case):
    made_with, text, images = case
    module = build(candidate, *made_with)
    whole, reversed_order = module(text, images), module(text.flip(0), images.flip(0))
    alone = torch.cat([module(text[i : i + 1], images[i : i + 1]) for i in range(len(text))])
    assert_close(alone, whole, Text("a pair embedded by itself", "单独处理的一对"), atol=1e-4, rtol=1e-3)
    assert_close(
        reversed_order.flip(0), whole, Text("the batch in reverse order", "颠倒顺序的 batch"), atol=1e-4, rtol=1e-3
    )
    few, features = module.encode_image(images[:1]), module.encode_image(images)
    one_image = Text("encode_image of one image of the batch", "batch 中一张图的 encode_image")
    assert_close(few, features[:1], one_image, atol=1e-4, rtol=1e-3)


@check(
    title=Text("Evaluation mode is repeatable", "eval 模式下结果可重复"),
    hint=Text(
        "Dropout belongs to training: F.dropout must be told the mode. And are all layers made in __init__?",
        "dropout 只用于训练：F.dropout 不传参数就不知道当前模式。另外，所有层都是在 __init__ 里建的吗？",
    ),
    rules=["repeatable"],
)
def test_evaluation_repeats(candidate):
    module, texts, images = probed(candidate)
    first = module(texts, images)
    assert_same(module(texts, images), first, Text("a second call", "第二次调用"))


@check(
    title=Text("Text and image features are concatenated", "文本特征与图像特征是拼接的"),
    hint=Text(
        "How wide is the input of your first fusion layer? Adding or multiplying loses what came from where.",
        "融合网络第一层的输入有多宽？相加或相乘之后，就分不清哪个数来自哪一边了。",
    ),
    points=2,
    rules=["concatenation"],
)
def test_concatenation(candidate):
    _, joined = fusion(candidate)
    said = Text(
        "no layer after encode_image is fed text and image features side by side",
        "encode_image 之后，没有哪一层的输入是文本特征与图像特征的拼接",
    )
    require(joined, said)


@check(
    title=Text("The fusion has two layers and a non-linearity between", "融合网络有两层，中间有非线性"),
    hint=Text(
        "Linear, then what, then Linear? Two linear layers in a row are one; an activation at the end is not between.",
        "Linear，然后是什么，再然后 Linear？两个线性层直接相连等于一层；放在最末尾的激活不算“中间”。",
    ),
    points=2,
    rules=["layers"],
)
def test_two_layers(candidate):
    layers, _ = fusion(candidate)
    said = (
        f"the fusion has {layers} weight matrices; it must have at least 2",
        f"融合网络有 {layers} 个权重矩阵，至少应有 2 个",
    )
    require(layers >= 2, Text(*said))
    additive = Text(
        "text and image only add up before the rows are normalised: no non-linearity acts on both",
        "归一化之前，文本和图像只是相加：没有非线性同时作用于两者",
    )
    require(interacts(candidate), additive)


@check(
    title=Text("float32 and float64 are kept", "float32 与 float64 各自保持"),
    hint=Text(
        "After module.double() everything runs in float64. Look for .float() and for tensors that you create yourself.",
        "module.double() 之后，一切都用 float64 计算。检查 .float() 和自己新建的张量。",
    ),
    rules=["dtype"],
)
def test_dtype(candidate):
    module, texts, images = probed(candidate)
    assert_dtype(module(texts, images), torch.float64)
    assert_dtype(module.encode_image(images), torch.float64)
    rows = module(texts, images)
    for name in ("text", "images"):
        by = {"text": 0.0, "images": 0.0, name: 1e-9}
        once, twice = (module(texts * (1 + n * by["text"]), images * (1 + n * by["images"])) - rows for n in (1, 2))
        straight = (twice - 2 * once).abs().max() < 0.02 * once.abs().max()  # a step of 1e-9 is below float32's grid
        require(straight, Text(f"float64 {name} lose their precision", f"float64 的 {name} 丢了精度"))
    module = build(candidate, 7, 2, 16)
    assert_dtype(module(texts.float(), images.float()), torch.float32)
    assert_dtype(module.encode_image(images.float()), torch.float32)


@check(
    title=Text("Inputs of 1e4 do no harm", "输入大到 1e4 也不出错"),
    hint=Text("Which step overflows float32? Squares of 1e20 do.", "哪一步会超出 float32 的范围？1e20 的平方就会。"),
    rules=["large"],
)
def test_large_inputs(candidate):
    module, texts, images = probed(candidate)
    module = module.to(torch.float32)
    text, images = (1e4 * texts.float()).requires_grad_(), (1e4 * images.float()).requires_grad_()
    rows = module(text, images)
    assert_finite(rows)
    assert_close(rows.norm(dim=1), torch.ones(len(rows)), Text("the length of the rows", "各行的长度"), atol=1e-4)
    for name, gradient in zip(("text", "images"), gradients(rows, {"text": text, "images": images}), strict=True):
        assert_finite(gradient, Text(f"the gradient of {name}", f"{name} 的梯度"))


@check(
    title=Text("Gradients reach both inputs and every parameter", "梯度传到两个输入和每个参数"),
    hint=Text(
        "Does anything cut the graph (detach, no_grad, .data), also at the length that you divide by? "
        "Is a layer declared and never used?",
        "有没有哪里切断了计算图（detach、no_grad、.data），包括你用来相除的长度？有没有声明了却没用到的层？",
    ),
    rules=["gradients"],
)
def test_gradients(candidate):
    module, texts, images = probed(candidate)
    texts.requires_grad_(), images.requires_grad_()
    parameters = dict(module.named_parameters())
    frozen = ", ".join(name for name, p in parameters.items() if not p.requires_grad)
    require(parameters, Text("the module has no parameters", "模块没有任何参数"))
    require(not frozen, Text(f"{frozen} does not require a gradient", f"{frozen} 不需要梯度"))
    inputs = {"text": texts, "images": images, **parameters}
    found = dict(zip(inputs, gradients(module(texts, images), inputs), strict=True))
    towards = torch.randn(6, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    groups = {"text": ["text"], "images": ["images"], "parameters": list(parameters)}
    for which, names in groups.items():
        what = Text(f"the slope along {which}", f"沿 {which} 方向的斜率")
        # A step may cross a kink, of a ReLU say, and the next direction does not; what is cut is missing in each.
        for direction in (11, 211):
            step = {name: drawn(i + direction, *inputs[name].shape, scale=STEP) for i, name in enumerate(names)}
            rise = measured_rise(module, inputs, step, towards) / STEP
            predicted = sum((found[name] * step[name]).sum() for name in names) / STEP
            tolerance = {"rtol": 2e-3, "atol": 1e-3 * max(abs(float(rise)), 0.1)}
            if torch.isclose(predicted, rise, **tolerance):
                break
        else:
            assert_close(predicted, rise, what, **tolerance)


def measured_rise(module, inputs, step, towards):
    """Half the difference of the weighted output between inputs + step and inputs - step."""
    values = []
    with torch.no_grad():
        for sign in (1, -2):
            for name, by in step.items():
                inputs[name].add_(by, alpha=sign)
            values.append((module(inputs["text"], inputs["images"]) * towards).sum())
        for name, by in step.items():
            inputs[name].add_(by)
    return (values[0] - values[1]) / 2


@check(
    title=Text("The state dict holds all there is", "state_dict 里什么都不缺"),
    hint=Text(
        "Layers in a plain Python list or dict are not registered: nn.ModuleList and nn.Sequential are. "
        "What training collects, a running mean say, belongs into a buffer.",
        "放在普通 Python 列表或字典里的层不会被登记；nn.ModuleList 和 nn.Sequential 会。"
        "训练中积累的量，比如滑动平均，要放进 buffer。",
    ),
    rules=["state"],
)
def test_state_dict(candidate):
    candidate.seed(1)
    module, texts, images = probed(candidate)
    candidate.seed(2)
    other, _, _ = probed(candidate)
    for one, scale in ((module, 2.0), (other, -3.0)):  # what a call in training leaves behind is loaded too
        one.train()
        one(scale * texts, 1 + scale * images)
        one.eval()
    before = other(texts, images)
    other.load_state_dict(module.state_dict())
    after = other(texts, images)
    said = Text(
        "a second module after it has loaded the first one's state dict",
        "另一个模块加载了第一个的 state_dict 之后的输出",
    )
    assert_close(after, module(texts, images), said)
    features = Text(
        "the image features of a second module after it has loaded the first one's state dict",
        "另一个模块加载了第一个的 state_dict 之后的图像特征",
    )
    assert_close(other.encode_image(images), module.encode_image(images), features)
    require(bool((after != before).any()), Text("the state dict changes nothing", "加载 state_dict 没有任何作用"))


@check(
    title=Text("A call leaves its inputs alone", "调用不改动输入"),
    hint=Text(
        "`-=`, `/=`, methods that end in an underscore and nn.ReLU(inplace=True) on an input write into it.",
        "`-=`、`/=`、下划线结尾的方法、直接作用在输入上的 nn.ReLU(inplace=True)，都会写进调用者的张量。",
    ),
    rules=["unchanged"],
)
@given(case=pairs(rows=2), training=st.booleans(), examples=6)
def test_inputs_unchanged(candidate, case, training):
    made_with, text, images = case
    module = build(candidate, *made_with).train(training)
    for call in (lambda: module(text, images), lambda: module.encode_image(images)):
        call()
        changed = ", ".join(candidate.last.changed_inputs)
        require(not changed, Text(f"the call modified {changed}", f"这次调用修改了 {changed}"))


@check(
    title=Text("It learns to match in 200 steps", "200 步内学会图文匹配"),
    hint=Text(
        "Take the task of the statement and print the loss. "
        "Stuck at 0.69: one modality, or the gradient of a part, does not arrive.",
        "照题面的任务训练，打印 loss。停在 0.69 不动：有一种模态，或者某一部分的梯度，没有传到。",
    ),
    points=2,
    rules=["learns"],
)
def test_learns_to_match(candidate):
    best = 0.0
    for seed in range(ATTEMPTS):
        best = max(best, trained_accuracy(candidate, seed))
        if best >= ENOUGH:
            return
    said = (
        f"{best:.0%} of held-out pairs are told right after training; "
        f"text alone or image alone gives 50%, {ENOUGH:.0%} is wanted",
        f"训练后，留出的图文对判对了 {best:.0%}；只看文本或只看图像是 50%，要求达到 {ENOUGH:.0%}",
    )
    require(False, Text(*said))


def behaviour(candidate, random: torch.Generator) -> dict[str, object]:
    """What a submission does on one random input: what diagnosis compares. Only what right networks share is seen."""

    def normal(*shape):
        return torch.randn(shape, generator=random)

    text, images, wide = normal(4, 7), normal(4, 2, 9, 8), normal(4, 2, 10, 15)
    magnified = images * torch.tensor([0.2, 1, 5, 20])[:, None, None, None]

    def made():
        return build(candidate, 7, 2, 16)

    def rows(**other):
        module = made()
        return module(text, images).detach(), module(other.get("text", text), other.get("images", images)).detach()

    def changes(**other):
        one, two = rows(**other)
        return one.shape == two.shape and bool(((one - two).abs() > 1e-5).any())

    def close(one, two):
        return one.shape == two.shape and bool(torch.allclose(one, two, rtol=1e-3, atol=1e-4))

    def has_length_1(values, dim):
        return bool(((values.detach().norm(dim=dim) - 1).abs() < 1e-3).all())

    def row_alone():
        module = made()
        return close(module(text, images)[:1], module(text[:1], images[:1]).reshape(1, -1))

    def encoder_trained():
        module = made()
        parameters = dict(module.named_parameters())
        return reached(module.encode_image(images), parameters) <= reached(module(text, images), parameters)

    def changed_inputs():
        made()(text, images)
        return " ".join(candidate.last.changed_inputs)

    def double_dtype():
        return str(made().double()(text.double(), images.double()).dtype)

    def slope_along_images():
        module, given_images = made().double(), images.double().requires_grad_()
        value = module(text.double(), given_images)
        towards = drawn(3, *value.shape)
        if not value.requires_grad:
            return "none"
        (slope,) = torch.autograd.grad((value * towards).sum(), given_images, allow_unused=True)
        if slope is None:
            return "none"
        step = STEP * drawn(4, *images.shape)
        inputs = {"text": text.double(), "images": images.double()}
        rise = float(measured_rise(module, inputs, {"images": step}, towards))
        return "right" if abs(float((slope * step).sum()) - rise) <= 3e-3 * abs(rise) else "wrong"

    return {
        "shape": lambda: list(made()(text, images).shape),
        "shape of one pair": lambda: list(made()(text[:1], images[:1]).shape),
        "shape of features": lambda: list(made().encode_image(images).shape),
        "wider images": lambda: list(made().encode_image(wide).shape),
        "rows of length 1": lambda: has_length_1(made()(text, images), 1),
        "columns of length 1": lambda: has_length_1(made()(text, images), 0),
        "features of length 1": lambda: has_length_1(made().encode_image(magnified), 1),
        "depends on text": lambda: changes(text=text.flip(0)),
        "depends on images": lambda: changes(images=images.flip(0)),
        "row alone": row_alone,
        "repeatable": lambda: close(*rows()),
        "convolution": lambda: bool(convolutions(made())),
        "encoder trained": encoder_trained,
        "changed inputs": changed_inputs,
        "float64": double_dtype,
        "slope along images": slope_along_images,
        "layers": lambda: min(fusion(candidate)[0], 2),
        "joined": lambda: fusion(candidate)[1],
        "interacts": lambda: interacts(candidate),
    }
