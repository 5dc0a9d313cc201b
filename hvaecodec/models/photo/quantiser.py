"""The steps of the mid-tread variable-rate quantiser of the DCT context, as tensors.

A coefficient of channel c at place (u, v) of a tile, in a block of some shape, is divided by delta(step index) *
S[shape, c, u, v] and rounded. Files are coded with the steps that are stored in the bitstream weights; the formulas
here are what training stores there.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from hvaecodec.models.photo.block_layout import by_place, frequency_radius
from hvaecodec.models.photo.quality import N_INDICES

COARSEST, FINEST = 320.0, 4.0  # step sizes at quality 1 and 100, in 8-bit grey levels of an orthonormal DCT


def step_table() -> Tensor:
    """Return the step size of every step index, (793,) float32 in grey levels: geometric from 320 to 4."""
    exponent = torch.arange(N_INDICES, dtype=torch.float64) / (N_INDICES - 1)
    return (COARSEST * (FINEST / COARSEST) ** exponent).float()


@functools.cache
def shape_weights() -> Tensor:
    """Return S, (7, 3, 32, 32) float32: the step by shape of the block, channel and place, relative to the luma DC's.

    It depends on the frequency of the place alone. A smooth fit to the steps that minimise mean squared RGB error plus
    rate under a static entropy coder on training photos halved in size (so that their chroma is whole), over step sizes
    6..25: luma rises to 1.3 towards fine detail, Cb to 1.6, Cr from 1.1 to 1.8. The conditional prior and the
    rate-distortion search do the rest.
    """
    return _weights_at(frequency_radius()).transpose(0, 1).contiguous()


def shape_steps(shapes: Tensor, delta: Tensor) -> Tensor:
    """Return the step of every place, (B, 3, 32, 32, h, w), from maps (B, 2, 2 h, 2 w) and step sizes (B,)."""
    table = shape_weights().to(delta.device)
    luma, chroma = by_place(table[:, :1], shapes[:, :1]), by_place(table[:, 1:], shapes[:, 1:])
    return torch.cat([luma, chroma], 1) * delta.view(-1, 1, 1, 1, 1, 1)


def _weights_at(radius: Tensor) -> Tensor:
    """S at a distance from frequency 0, channels first."""
    luma = 1 + 0.3 * (radius / 32).clamp(max=1) ** 1.5
    blue = 1 + 0.6 * (radius / 20).clamp(max=1) ** 1.5
    red = 1.1 + 0.7 * (radius / 20).clamp(max=1)
    return torch.stack([luma, blue, red])


def rate_position(step_index: Tensor) -> Tensor:
    """Return where step indices stand between quality 1 (0.0) and 100 (1.0), in the shape they come in."""
    return step_index / (N_INDICES - 1)
