"""What a generator's cells know of the DCT blocks that cover them."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from hvaecodec.models.photo.block_shapes import HALF, SHAPES
from hvaecodec.models.photo.generator_config import MAPS


def shape_maps(shapes: Tensor, fold: int) -> Tensor:
    """Return what cells of `fold` pixels know of maps (B, 2, 2 h, 2 w), float32 zeros and ones.

    They are (B, 22, 32 h / fold, 32 w / fold); for luma, then for chroma: the shape that covers the cell, one of seven;
    whether its upper, lower, left and right sides are edges of a block.
    """
    rows, columns = shapes.shape[2:]
    cells = HALF // fold
    y, x = (torch.arange(n, device=shapes.device) % 2 for n in (rows, columns))
    known = _quadrants(fold).to(shapes.device)[shapes, y[:, None], x].permute(0, 2, 4, 3, 5, 1, 6)
    return known.reshape(len(shapes), rows * cells, columns * cells, MAPS).permute(0, 3, 1, 2)


@cache
def _quadrants(fold: int) -> Tensor:
    """What the cells of a quadrant know, float32 (7, 2, 2, cells, cells, 11).

    By its shape, and by the quadrant's row and column within the tile.
    """
    cells = HALF // fold
    side = 2 * cells
    y, x = torch.arange(side)[:, None], torch.arange(side)
    out = torch.zeros(len(SHAPES), side, side, len(SHAPES) + 4, dtype=torch.float32)
    for number, shape in enumerate(SHAPES):
        out[number, :, :, number] = 1
        high, wide = (
            max(1, length // fold) for length in (shape.rows, shape.columns)
        )  # blocks lie at multiples of them
        edges = [y % high == 0, (y + 1) % high == 0, x % wide == 0, (x + 1) % wide == 0]
        out[number, :, :, len(SHAPES) :] = torch.stack([edge.expand(side, side) for edge in edges], 2)
    return out.unflatten(2, (2, cells)).unflatten(1, (2, cells)).transpose(2, 3).contiguous()
