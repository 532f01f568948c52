"""What checks say of a submission's values: each failing comparison says in two languages what differs, with the
values.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from grader.errors import Text
from grader.exam.failures import CandidateRaised, CheckFailure, describe_tensor
from grader.exam.returns import describe_value

SHORT_NAME = 3  # an argument's name with fewer characters is found in too many words
# Several times the error of the references' own arithmetic in that dtype, measured against float64.
TOLERANCES = {
    torch.float32: (1e-4, 1e-5),
    torch.float64: (1e-8, 1e-9),
    torch.bfloat16: (3e-2, 3e-2),
    torch.float16: (5e-3, 5e-3),
}
_OUTPUT = Text("the output", "输出")


def fail(text: Text) -> None:
    """Fail the check with this text."""
    raise CheckFailure(text)


def require(condition: object, text: Text) -> None:
    """Fail the check with this text unless the condition holds."""
    if not condition:
        raise CheckFailure(text)


def _need_tensor(value: Any, what: Text) -> torch.Tensor:
    if not isinstance(value, torch.Tensor):
        came = describe_value(value)
        raise CheckFailure(Text(f"{what.en} must be a tensor; it is {came}.", f"{what.zh}应是 tensor，实际是 {came}。"))
    return value


def assert_shape(tensor: Any, shape: Sequence[int], what: Text | None = None) -> None:
    """The shape must be exactly `shape`."""
    what = what or _OUTPUT
    actual = tuple(_need_tensor(tensor, what).shape)
    if actual != tuple(shape):
        raise CheckFailure(
            Text(
                f"{what.en} has shape {actual}; it must be {tuple(shape)}.",
                f"{what.zh}的形状是 {actual}，应为 {tuple(shape)}。",
            )
        )


def assert_dtype(tensor: Any, dtype: torch.dtype, what: Text | None = None) -> None:
    """The dtype must be exactly `dtype`."""
    what = what or _OUTPUT
    actual = _need_tensor(tensor, what).dtype
    if actual != dtype:
        one, other = (str(d).removeprefix("torch.") for d in (actual, dtype))
        raise CheckFailure(
            Text(f"{what.en} has dtype {one}; it must be {other}.", f"{what.zh}的 dtype 是 {one}，应为 {other}。")
        )


def assert_finite(tensor: Any, what: Text | None = None) -> None:
    """No entry may be nan or infinite."""
    what = what or _OUTPUT
    value = _need_tensor(tensor, what).detach()
    finite = torch.isfinite(value)
    if not bool(finite.all()):
        kind = "nan" if bool(torch.isnan(value).any()) else "inf"
        raise CheckFailure(Text(f"{what.en} contains {kind}.", f"{what.zh}中出现了 {kind}。"), actual=value)


def assert_close(
    actual: Any,
    expected: torch.Tensor,
    what: Text | None = None,
    rtol: float | None = None,
    atol: float | None = None,
) -> None:
    """Equal within what arithmetic in `actual`'s dtype can keep. Shapes are compared, dtypes are not.

    The tolerance of a 16-bit dtype needs an `expected` of that dtype: a submission may return what it likes. An
    `expected` that is not finite was worked out from something that the submission gave, and nothing agrees with it.
    """
    what = what or _OUTPUT
    value = _need_tensor(actual, what).detach()
    assert_shape(value, expected.shape, what)
    if value.is_complex():  # also where `expected` is another of the submission's own results
        assert_dtype(value, torch.float32, what)
    wanted = expected.detach().double()
    default_rtol, default_atol = _tolerance(value.dtype, expected.dtype)
    got = value.double()
    relative, absolute = default_rtol if rtol is None else rtol, default_atol if atol is None else atol
    if torch.allclose(got, wanted, rtol=relative, atol=absolute) and bool(wanted.isfinite().all()):
        return  # the usual case, at half of the cost
    error = (got - wanted).abs()
    allowed = absolute + relative * wanted.abs()
    wrong = ~((error <= allowed) | (got == wanted))
    if not bool(wanted.isfinite().all()):
        assert_finite(value, what)
    if bool(wrong.any()):
        raise _mismatch(what, value, expected, got, wanted, wrong)


def assert_same(
    actual: Any,
    earlier: torch.Tensor,
    what: Text | None = None,
    rtol: float | None = None,
    atol: float | None = None,
) -> None:
    """Two results of the submission agree: nan with nan too, since what is wrong with those another check says."""
    what = what or _OUTPUT
    value = _need_tensor(actual, what).detach()
    assert_shape(value, earlier.shape, what)
    before = earlier.detach().to(value.dtype)
    alike = (value == before) | (value.isnan() & before.isnan())
    rest = torch.zeros((), dtype=value.dtype)
    assert_close(torch.where(alike, rest, value), torch.where(alike, rest, before), what, rtol, atol)


def _tolerance(actual: torch.dtype, expected: torch.dtype) -> tuple[float, float]:
    """Relative and absolute."""
    coarse = actual.is_floating_point and actual not in (torch.float32, torch.float64)
    if coarse and actual != expected:
        return TOLERANCES[torch.float32]
    return TOLERANCES.get(actual, (0.0, 0.0))


def _mismatch(
    what: Text,
    value: torch.Tensor,
    expected: torch.Tensor,
    got: torch.Tensor,
    wanted: torch.Tensor,
    wrong: torch.Tensor,
) -> CheckFailure:
    badness = torch.where(wrong, torch.nan_to_num((got - wanted).abs(), nan=math.inf), torch.zeros_like(got))
    flat = int(badness.reshape(-1).argmax())
    index = [int(i) for i in torch.unravel_index(torch.tensor(flat), got.shape)] if got.dim() else []
    here, there = got.reshape(-1)[flat].item(), wanted.reshape(-1)[flat].item()
    at_en, at_zh = (f" at index {index}", f"在下标 {index} 处") if index else ("", "")
    count = int(wrong.sum())
    share_en = f" ({count} of {got.numel()} entries differ)" if got.numel() > 1 else ""
    share_zh = f"（{got.numel()} 个值中有 {count} 个不同）" if got.numel() > 1 else ""
    return CheckFailure(
        Text(
            f"{what.en} is wrong{at_en}: got {here:.6g}, expected {there:.6g}{share_en}.",
            f"{what.zh}{at_zh}不对：得到 {here:.6g}，应为 {there:.6g}{share_zh}。",
        ),
        actual=value,
        expected=expected.to(value.dtype) if value.is_floating_point() else expected,
    )


def assert_equal(actual: Any, expected: Any, what: Text | None = None) -> None:
    """Exactly equal: for integers, booleans and plain values."""
    what = what or _OUTPUT
    if isinstance(expected, torch.Tensor):
        value = _need_tensor(actual, what)
        assert_shape(value, expected.shape, what)
        if value.is_complex():
            assert_dtype(value, expected.dtype, what)
        cast = value.to(expected.dtype)
        wrong = cast != expected
        if not expected.is_floating_point():
            wrong |= cast.to(value.dtype) != value  # 1.5 is not 1, and 2 is not True
        if bool(wrong.any()):
            raise _mismatch(what, value, expected, value.double(), expected.double(), wrong)
    elif actual != expected:
        one, other = describe_value(actual), describe_value(expected)
        raise CheckFailure(Text(f"{what.en} is {one}; it must be {other}.", f"{what.zh}是 {one}，应为 {other}。"))


@contextmanager
def raises_value_error(*arguments: str) -> Iterator[None]:
    """The block must raise ValueError with a message that names the argument, or one of several."""
    argument = "` / `".join(arguments)
    try:
        yield
    except CandidateRaised as error:
        if not isinstance(error, ValueError):
            kind = error.report.get("type", "")
            raise CheckFailure(
                Text(
                    f"A bad `{argument}` must raise ValueError; it raised {kind}: {error.said[:200]}",
                    f"`{argument}` 不合法时应抛出 ValueError，实际抛出了 {kind}：{error.said[:200]}",
                )
            ) from None
        _must_name(arguments, error.said)
    except ValueError as error:  # a local candidate
        _must_name(arguments, str(error))
    else:
        raise CheckFailure(
            Text(
                f"A bad `{argument}` must raise ValueError; nothing was raised.",
                f"`{argument}` 不合法时应抛出 ValueError，但没有抛出异常。",
            )
        )


def _must_name(arguments: Sequence[str], said: str) -> None:
    # "a bad probability" does not name p; "the sparsities" may name sparsity, whatever the grammar
    for argument in arguments:
        end = r"(?!\w)" if len(argument) < SHORT_NAME else ""
        if re.search(rf"(?<!\w){re.escape(argument)}{end}", said, re.IGNORECASE | re.ASCII):
            return
    named = "` / `".join(arguments)
    raise CheckFailure(
        Text(
            f"The ValueError must name the argument `{named}`; its message is: {said[:200]!r}",
            f"ValueError 的信息里应写出参数名 `{named}`，现在的信息是：{said[:200]!r}",
        )
    )


def gradients(
    output: Any, inputs: Sequence[torch.Tensor] | Mapping[str, torch.Tensor], seed: int = 0
) -> list[torch.Tensor]:
    """Gradients of a fixed random weighting of `output` with respect to `inputs`; a missing one fails, by name
    where there is one.
    """
    value = _need_tensor(output, _OUTPUT)
    names = list(inputs) if isinstance(inputs, Mapping) else [f"input {index + 1}" for index in range(len(inputs))]
    tensors = list(inputs.values()) if isinstance(inputs, Mapping) else list(inputs)
    if not value.requires_grad:
        raise CheckFailure(
            Text(
                "The output is cut off from the autograd graph: no gradient flows.",
                "输出与计算图断开了：没有梯度可以回传。",
            )
        )
    weights = torch.randn(value.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    found = torch.autograd.grad(value, tensors, weights.to(value.dtype), allow_unused=True)
    for name, tensor, grad in zip(names, tensors, found, strict=True):
        if grad is None:
            raise CheckFailure(Text(f"No gradient reaches {name}.", f"梯度没有传到 {name}。"))
        assert_shape(grad, tensor.shape, Text(f"the gradient of {name}", f"{name} 的梯度"))
    return list(found)


def assert_frequency(hits: int, trials: int, p: float, what: Text | None = None, alarm: float = 1e-9) -> None:
    """An exact two-sided binomial test: fails only when a right answer would give such a count less often than
    `alarm`. A submission that gives nothing to count has failed.
    """
    if trials < 1:
        what = what or Text("the share", "比例")
        raise CheckFailure(Text(f"{what.en}: there is nothing to count.", f"{what.zh}：没有可以计数的结果。"))
    few = hits <= trials * p  # the other tail holds the median
    tail = _binomial_tail(hits, trials, p) if few else _binomial_tail(trials - hits, trials, 1 - p)
    if tail < alarm / 2:
        what = what or Text("the share", "比例")
        share = hits / max(trials, 1)
        raise CheckFailure(
            Text(
                f"{what.en} is {share:.4f} over {trials} draws; it should be near {p:.4f}.",
                f"{what.zh}在 {trials} 次抽样中是 {share:.4f}，应接近 {p:.4f}。",
            )
        )


def _binomial_tail(hits: int, trials: int, p: float) -> float:
    """P(X <= hits) for X ~ B(trials, p), where hits is at most trials * p: from there on terms only fall."""
    if p <= 0.0:
        return 1.0
    if p >= 1.0:
        return 1.0 if hits >= trials else 0.0
    log = (
        math.lgamma(trials + 1)
        - math.lgamma(hits + 1)
        - math.lgamma(trials - hits + 1)
        + hits * math.log(p)
        + (trials - hits) * math.log1p(-p)
    )
    total = term = 1.0  # in units of the first
    for k in range(hits, 0, -1):
        term *= k * (1 - p) / ((trials - k + 1) * p)
        total += term
        if term < 1e-17 * total:
            break
    return min(1.0, math.exp(log) * total)


__all__ = [
    "TOLERANCES",
    "assert_close",
    "assert_dtype",
    "assert_equal",
    "assert_finite",
    "assert_frequency",
    "assert_shape",
    "describe_tensor",
    "fail",
    "gradients",
    "raises_value_error",
    "require",
]
