"""Residual blocks of convolutions that the coding rate scales and shifts, and how such nets scale pixel values."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hvaecodec.models.frozen_block import RefinedWithGradients, fold, refined
from hvaecodec.models.rate_features import HATS
from hvaecodec.models.rows import Strips, in_strips


class Block(nn.Module):
    """A pre-activation residual block: SiLU, 3x3 convolution, scale and shift by the rate, SiLU, 1x1 convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)
        self.mix = nn.Conv2d(width, width, 1)
        self.rate = nn.Linear(HATS, 2 * width)
        nn.init.zeros_(self.rate.weight)
        nn.init.zeros_(self.rate.bias)
        nn.init.normal_(self.mix.weight, std=0.2 * width**-0.5)
        zero_bias(self.mix)

    def forward(self, h: Tensor, rate: Tensor, offset: Tensor | None = None) -> Tensor:
        """Refine a state (B, width, rows, columns) at a rate (B, 8).

        offset: added to the gains and then the shifts of all channels, (B or 1, 2 width), None for zero.
        """
        moved = self.rate(rate) if offset is None else self.rate(rate) + offset
        with_gradients = torch.is_grad_enabled()
        if len(moved) > 1 or (with_gradients and self.conv.weight.requires_grad):
            return self._refined(moved[:, :, None, None], h)
        weights: tuple[Any, ...] = (self.conv.weight, self.conv.bias, self.mix.weight, self.mix.bias)
        if with_gradients and (h.requires_grad or moved.requires_grad):
            out: Tensor = RefinedWithGradients.apply(h, moved, *weights)
            return out
        width = h.shape[1]
        cost = (10 * width**2 + 400 * width) * h.shape[3]  # the rest takes as long as so many multiplications
        common = [*fold(weights[0], weights[1], moved), *weights[2:]]
        return in_strips(refined, Strips(h.shape[2], 1, cost), h, common=common)

    def _refined(self, moved: Tensor, h: Tensor) -> Tensor:
        gain, shift = moved.chunk(2, 1)
        y = self.conv(F.silu(h))
        out: Tensor = h + self.mix(F.silu(y * (1 + gain) + shift))
        return out


def zero_bias(conv: nn.Conv2d) -> None:
    """Set the bias of a convolution, if it has one, to zero."""
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
