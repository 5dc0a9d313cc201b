"""A generator over whole pictures, block by block, so that memory does not grow with the picture.

A block is computed with as much around it as the generator sees, so that blocks give what the whole would. What runs
the generator on a block is the backend's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from hvaecodec.codec.free_memory import hand_back_memory
from hvaecodec.codec.photo.adaptation import NONE
from hvaecodec.codec.photo.context import Context, Windows
from hvaecodec.models.philox import normals
from hvaecodec.models.photo.generator_config import RADIUS
from hvaecodec.models.photo.layout import TILE

BLOCK = 48  # tiles on each side of a block
LARGE = 1 << 16  # tiles of a picture from which on less memory is worth more time
LARGE_BLOCK = 28  # tiles on each side of its blocks: half a gigabyte in the generator
HALO = RADIUS // TILE  # tiles around a block that are computed with it
STRIP_TILES = 4096  # tiles transformed at once
PERCEPTUAL_TEMPERATURE = 1.0  # of the latents of a perceptual generator, whatever a picture's is


@dataclass(frozen=True)
class Draws:
    """Latents at a temperature: mean + temperature * sigma * n, n a normal number of the place under `seed`."""

    temperature: float
    seed: int


@dataclass(frozen=True)
class Block:
    """Rows and columns of tiles to compute, the same with what is around them, and the grid they are in."""

    inner: tuple[slice, slice]
    outer: tuple[slice, slice]
    grid: tuple[int, int]

    @property
    def window(self) -> tuple[slice, slice]:
        """Where the inner pixels are in a picture of the outer tiles."""
        y, x = (
            slice((i.start - o.start) * TILE, (i.stop - o.start) * TILE)
            for i, o in zip(self.inner, self.outer, strict=True)
        )
        return y, x

    @property
    def pixels(self) -> tuple[slice, slice]:
        """Where they are in the whole picture."""
        y, x = (slice(i.start * TILE, i.stop * TILE) for i in self.inner)
        return y, x

    def noise(self, seed: int, number: int, channels: int, per_tile: int) -> np.ndarray:
        """Return the normal numbers of a scale's latent in the outer tiles, float32 (1, channels, rows, columns).

        They belong to their absolute position in the picture. number: the scale's. per_tile: cells on a tile's side.
        """
        rows, columns = (slice(part.start * per_tile, part.stop * per_tile) for part in self.outer)
        whole = self.grid[0] * per_tile, self.grid[1] * per_tile, channels
        numbers = normals(seed, number, whole, rows.start, rows.stop - rows.start, columns=columns)
        return np.ascontiguousarray(numbers[None], dtype=np.float32)


# From a block's outer tiles, and the block, to a picture of these: RGB float32 (1, 3, height, width) unclipped.
Picture = Callable[[Context, Block], np.ndarray]


def cut_blocks(grid: tuple[int, int], side: int | None = None) -> Iterator[Block]:
    """Cut a grid of (rows, columns) of tiles into blocks of so many tiles on each side, BLOCK by default.

    They come in raster order.
    """
    (rows, columns), side = grid, side or BLOCK
    for top in range(0, rows, side):
        for left in range(0, columns, side):
            y, x = slice(top, min(top + side, rows)), slice(left, min(left + side, columns))
            yield Block((y, x), (_widened(y, rows), _widened(x, columns)), grid)


def strips(rows: int, columns: int, tiles: int | None = None) -> Iterator[slice]:
    """Cut a grid of tiles into rows of at most so many tiles, STRIP_TILES without a number."""
    at_once = max(1, (tiles or STRIP_TILES) // columns)
    for top in range(0, rows, at_once):
        yield slice(top, min(top + at_once, rows))


def render_bands(context: Windows, draw: Picture) -> Iterator[np.ndarray]:
    """Give the picture of a context a row of blocks at a time, uint8 (height, 32 columns, 3), from the top.

    draw: gives the picture of a block.
    """
    large = context.grid[0] * context.grid[1] >= LARGE
    cut = cut_blocks(context.grid, min(BLOCK, LARGE_BLOCK) if large else BLOCK)
    for rows, blocks in groupby(cut, lambda block: block.pixels[0]):
        band = np.empty((rows.stop - rows.start, context.grid[1] * TILE, 3), np.uint8)
        for block in blocks:
            picture = draw(context.window(*block.outer), block)
            band[:, block.pixels[1]] = to_pixels(picture[..., block.window[0], block.window[1]])
            if large:
                hand_back_memory()  # or what the allocator keeps grows from block to block
        yield band


def size_of(context: Windows) -> tuple[int, int]:
    """Return the height and width, in pixels, of all tiles of a context."""
    rows, columns = context.grid
    return rows * TILE, columns * TILE


def blend(smooth: Picture, drawn: Picture, temperature: float) -> Picture:
    """Return what gives the pictures on the line between two, (1 - T) smooth + T drawn at temperature T, unrounded.

    At 0 and at 1 only one of the two is computed. From the picture of least squared error to a sample of what it may
    have been, no curve has a better trade-off than this line (arXiv:2107.02555, of the Wasserstein distance). What a
    file changes of its generator is for the smooth picture alone.
    """
    part = np.float32(temperature)

    def sample(context: Context, block: Block) -> np.ndarray:
        return drawn(replace(context, adaptation=NONE), block)

    def between(context: Context, block: Block) -> np.ndarray:
        picture: np.ndarray = (1 - part) * smooth(context, block) + part * sample(context, block)
        return picture

    return {0.0: smooth, 1.0: sample}.get(temperature, between)


def to_pixels(rgb: np.ndarray) -> np.ndarray:
    """Round float RGB (1, 3, H, W), 0..255, to uint8 (H, W, 3)."""
    rounded = np.rint(rgb[0])
    return rounded.clip(0, 255, out=rounded).astype(np.uint8).transpose(1, 2, 0)


def whole_tiles(pixels: np.ndarray) -> np.ndarray:
    """Continue a picture (H, W) or (H, W, 3) by its last row and column to whole tiles."""
    margin = [(0, -length % TILE) for length in pixels.shape[:2]] + [(0, 0)] * (pixels.ndim - 2)
    return np.pad(pixels, margin, mode="edge")


def _widened(tiles: slice, n: int) -> slice:
    return slice(max(tiles.start - HALO, 0), min(tiles.stop + HALO, n))
