"""Grids of cells cut into overlapping blocks, so that memory does not grow with the picture and the network's width."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

ENCODER_PIXELS = 1024  # pixels on each side of a block that is encoded
DECODER_CELLS = 384  # cells on each side of a block that one layer decodes

Region = tuple[slice, slice]  # rows and columns


def index_grid(height: int, width: int, layer: int) -> tuple[int, int]:
    """Return the rows and columns of a layer's cells, 0 the bottom layer: a cell is 2**(layer + 1) pixels wide."""
    return -(-height >> layer + 1), -(-width >> layer + 1)


@dataclass(frozen=True)
class Block:
    """A block of cells in a grid. inner: the block itself. outer: the block with its overlap, cut at the edges."""

    inner: Region
    outer: Region

    @property
    def within(self) -> Region:
        """The place of the block itself inside its overlap."""
        y, x = (slice(i.start - o.start, i.stop - o.start) for i, o in zip(self.inner, self.outer, strict=True))
        return y, x


def cut_blocks(grid: tuple[int, int], side: int, overlap: int) -> Iterator[Block]:
    """Cut a grid of (rows, columns) cells into blocks of `side` cells, in raster order, with `overlap` cells around."""
    rows, columns = grid
    for top in range(0, rows, side):
        for left in range(0, columns, side):
            inner = slice(top, min(top + side, rows)), slice(left, min(left + side, columns))
            y, x = (
                slice(max(part.start - overlap, 0), min(part.stop + overlap, n))
                for part, n in zip(inner, grid, strict=True)
            )
            yield Block(inner, (y, x))


def refine(region: Region, factor: int) -> Region:
    """Return the same region on a grid whose cells are smaller by a factor."""
    y, x = (slice(part.start * factor, part.stop * factor) for part in region)
    return y, x


def cut_pixels(pixels: np.ndarray, region: Region, cell: int) -> np.ndarray:
    """Cut a region of cells of `cell` pixels out of a uint8 (H, W) or (H, W, 3) picture.

    The picture is continued by its last row and column where the region leaves it.
    """
    rows, columns = refine(region, cell)
    part = pixels[rows, columns]
    margin = ((0, rows.stop - rows.start - part.shape[0]), (0, columns.stop - columns.start - part.shape[1]))
    return np.pad(part, margin + ((0, 0),) * (pixels.ndim - 2), mode="edge")
