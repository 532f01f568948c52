import torch


def n_m_mask(weight: torch.Tensor, n: int = 2, m: int = 4) -> torch.Tensor:
    """A bool tensor of the shape of weight: in every m consecutive entries of the last dimension, True for the n of
    greatest magnitude and False for the others.
    """
    raise NotImplementedError
