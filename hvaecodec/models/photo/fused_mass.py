"""The mass of a discretised logistic with its gradient written out, in half the passes over memory of its parts."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def fused_log2_mass(residual: Tensor, scale: Tensor) -> Tensor:
    """Return log2 of the mass that a logistic distribution puts on the unit bin around `residual`, in its shape.

    scale: of the logistic, in symbols. The mass is sigma(-(|r| - 1/2) / s) - sigma(-(|r| + 1/2) / s), the discretised
    logistic of PixelCNN++ (arXiv:1701.05517, section 2.1), written so that it neither cancels nor overflows. It has
    gradients by both arguments.
    """
    mass: Tensor = _Log2Mass.apply(residual, scale)
    return mass


class _Log2Mass(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, residual: Tensor, scale: Tensor) -> Tensor:
        inverse = scale.reciprocal()
        a = residual.abs().sub_(0.5).mul_(inverse)
        near, far = F.softplus(a), F.softplus(-(a + inverse))  # softplus(-a) = softplus(a) - a
        ctx.save_for_backward(residual, inverse, near, far)
        return torch.expm1(-inverse).neg_().log_().sub_(near).sub_(far).mul_(math.log2(math.e))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        residual, inverse, near, far = ctx.saved_tensors
        above = (-near).exp_().sub_(1)  # -sigma(a)
        beyond = (-far).exp_().neg_().add_(1)  # sigma(-a - 1 / s)
        by_a = above.add_(beyond)
        by_inverse = torch.expm1(inverse).reciprocal_().add_(beyond)
        size = residual.abs().sub_(0.5)
        gradient = gradient * math.log2(math.e)
        by_residual = (by_a * inverse).mul_(residual.sign()).mul_(gradient)
        by_scale = by_inverse.addcmul_(by_a, size).mul_(inverse.square()).neg_().mul_(gradient)
        return by_residual, by_scale
