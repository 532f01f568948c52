import torch


def gumbel_softmax(
    logits: torch.Tensor,
    *,
    tau: float = 1.0,
    hard: bool = False,
    dim: int = -1,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """A sample from the relaxed categorical distribution along dim, of the shape of logits.

    hard: one-hot vectors, whose gradient is that of the soft sample (straight-through).
    The noise comes from generator where one is given, else from torch's global generator.
    """
    raise NotImplementedError
