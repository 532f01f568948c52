import torch


def fake_quantize(
    x: torch.Tensor,
    *,
    scale: float | torch.Tensor,
    zero_point: int | torch.Tensor,
    qmin: int,
    qmax: int,
) -> torch.Tensor:
    """Quantize x to the integers of [qmin, qmax] and back, so that training feels the rounding.

    q = clamp(round(x / scale) + zero_point, qmin, qmax); the result is (q - zero_point) * scale.
    The gradient is 1 where round(x / scale) + zero_point lies within [qmin, qmax], and 0 outside.
    """
    raise NotImplementedError
