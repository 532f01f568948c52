"""An autograd.Function passes the gradient by; noise drawn in float64, the last entry first."""

import torch


class OneHot(torch.autograd.Function):
    @staticmethod
    def forward(_ctx, soft, dim):
        top = soft.max(dim, keepdim=True).indices
        return (
            torch.arange(soft.shape[dim]).view([-1 if d == dim % soft.dim() else 1 for d in range(soft.dim())]) == top
        ).to(soft.dtype)

    @staticmethod
    def backward(_ctx, gradient):
        return gradient, None


def gumbel_softmax(logits, *, tau=1.0, hard=False, dim=-1, generator=None):
    if tau <= 0:
        raise ValueError(f"bad tau: {tau}")
    u = torch.rand(logits.numel(), generator=generator, dtype=torch.float64).flip(0).reshape(logits.shape)
    u = u.clamp(1e-300, 1 - 1e-16)
    noisy = logits.double() - (-u.log()).log()
    noisy = noisy / tau
    exps = (noisy - noisy.amax(dim=dim, keepdim=True).detach()).exp()
    soft = (exps / exps.sum(dim=dim, keepdim=True)).to(logits.dtype)
    return OneHot.apply(soft, dim) if hard else soft
