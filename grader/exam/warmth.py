"""What an examiner would otherwise import or compute on each submission, done once before the forks."""

from __future__ import annotations

import importlib
import warnings

import torch


def warm_up() -> None:
    """Import the examiner's side and run one operation of each kind that comparisons use."""
    for name in ("pytest", "hypothesis", "grader.exam.examine", "grader.exam"):
        importlib.import_module(name)
    x = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    torch.autograd.grad((x @ x.mT).softmax(-1).sum(), x)
    torch.isfinite(x).all().item()


def warm_further() -> None:
    """Import what torch imports on the first step of any optimizer: a second, wanted by few exercises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        importlib.import_module("torch._dynamo")
