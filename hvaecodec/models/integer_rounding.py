"""Training towards integers: the roundings of exact layers with gradients that pass straight through."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from hvaecodec.models.exact_bound import UNIT

TOP = 255 / UNIT  # the largest activation
ACCUMULATOR = 16_300_000  # a little below 2**24, for the rounding of weights and the half bit


def straight(value: Tensor, target: Tensor) -> Tensor:
    """Return `target`, with the gradient of `value`: the straight-through estimator (arXiv:1308.3432)."""
    result: Tensor = _Straight.apply(value, target)
    return result


class _Straight(torch.autograd.Function):
    """The estimator without arithmetic, so that values are the target's to the bit."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, target: Tensor) -> Tensor:
        return target.detach()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


def weight_exponents(weight: Tensor, bias: Tensor) -> Tensor:
    """Return for every output the largest shift e in 0..14 for which round(w 2^e) and round(32 b 2^e) are safe.

    weight: outputs first. bias: (outputs,), as the result, float32. Safe means that weights are int8 and that
    255 sum|w| + |bias| + 2^(e-1) < 2^24, so that float32 holds every partial sum.
    """
    size = weight.detach().flatten(1).abs().double()
    by_range = torch.log2(127 / size.amax(1).clamp_min(1e-8)).floor()
    largest = 255 * size.sum(1) + UNIT * bias.detach().double().abs() + 1
    by_sum = torch.log2(ACCUMULATOR / largest).floor()
    return torch.minimum(by_range, by_sum).clamp(0, 14).float()
