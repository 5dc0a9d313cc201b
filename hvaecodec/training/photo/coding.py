"""What the training tasks share: pictures to coefficients and shapes, and what a decoder has of them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hvaecodec.models.dct import rgb_to_ycc, ycc_to_rgb
from hvaecodec.models.photo.block_layout import blocks_to_tiles, tiles_to_blocks
from hvaecodec.models.photo.partition import by_channel, choose_shapes
from hvaecodec.models.photo.quantiser import shape_steps


@dataclass(frozen=True)
class Coded:
    """A decoder has of some pictures: dequantised ones (B, 3, H, W), and shapes, int64 (B, 2, H / 16, W / 16)."""

    dequantised: Tensor
    shapes: Tensor


def blocks_of(pixels: Tensor, delta: Tensor) -> tuple[Tensor, Tensor]:
    """Return coefficients / S in grey levels, (B, 3, 32, 32, rows, columns), and the shapes that they are chosen for.

    pixels: (B, 3, H, W) in 0..255. delta: step sizes, one or (B,).
    """
    ycc = rgb_to_ycc(pixels)
    shapes = choose_shapes(ycc, delta.expand(len(pixels)))
    ones = delta.new_ones(len(pixels))
    coefficients = tiles_to_blocks(ycc, by_channel(shapes)) / shape_steps(shapes, ones)
    return coefficients.contiguous(), shapes  # in order, since every step takes its places from it


def in_steps(pixels: Tensor, delta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return coefficients in units of their steps, the shapes that are chosen, and these steps, at step sizes (B,).

    Coefficients and steps are (B, 3, 32, 32, rows, columns), shapes int64 (B, 2, 2 rows, 2 columns).
    """
    ycc = rgb_to_ycc(pixels)
    shapes = choose_shapes(ycc, delta)
    steps = shape_steps(shapes, delta)
    return tiles_to_blocks(ycc, by_channel(shapes)) / steps, shapes, steps


def code_plainly(x: Tensor, delta: Tensor, dead: Tensor | None = None) -> Coded:
    """Send pictures (B, 3, H, W) through the transform and plain rounding at step sizes (B,).

    dead: (B,), symbols of magnitude 1 below this many steps become 0.
    """
    coefficients, shapes, steps = in_steps(x, delta)
    symbols = torch.round(coefficients)
    if dead is not None:
        symbols = torch.where(coefficients.abs() < dead.view(-1, 1, 1, 1, 1, 1), 0.0, symbols)
    return Coded(ycc_to_rgb(blocks_to_tiles(symbols * steps, by_channel(shapes))), shapes)


def picture_of(symbols: Tensor, shapes: Tensor, delta: Tensor) -> Tensor:
    """Return the pictures of symbols under shapes at step sizes (B,), RGB (B, 3, H, W), unclipped."""
    return ycc_to_rgb(blocks_to_tiles(symbols * shape_steps(shapes, delta), by_channel(shapes)))
