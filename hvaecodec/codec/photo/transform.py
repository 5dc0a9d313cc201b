"""Pixels to coefficients and coefficients to pixels in numpy, some tiles at a time so that memory stays bounded."""

from __future__ import annotations

import numpy as np

from hvaecodec.codec.photo.by_shape import ByShape
from hvaecodec.codec.photo.context import Context
from hvaecodec.codec.photo.nets import Analysis
from hvaecodec.codec.photo.render import strips, to_pixels, whole_tiles
from hvaecodec.models.dct_numpy import rgb_to_ycc, ycc_to_rgb
from hvaecodec.models.photo.block_layout_numpy import blocks_to_tiles, tiles_to_blocks
from hvaecodec.models.photo.layout import TILE
from hvaecodec.models.photo.partition_numpy import choose_shapes

CACHED_TILES = 128  # tiles transformed at once: what a processor's cache holds of them


def analyse(pixels: np.ndarray, delta: float, s: np.ndarray, shapes: np.ndarray | None = None) -> Analysis:
    """Transform a uint8 (H, W) or (H, W, 3) picture for a luma step; where there are no shapes yet they are chosen.

    s: the relative steps, (7, 3, 32, 32). The picture is continued by its last row and column to whole tiles; grey is
    RGB with three equal channels, so its chroma is zero, and undivided.
    """
    rows, columns = (-(-length // TILE) for length in pixels.shape[:2])
    coefficients = np.empty((3, TILE, TILE, rows, columns), np.float32)
    maps = np.zeros((2, 2 * rows, 2 * columns), np.int64) if shapes is None else shapes
    n_maps = 1 if pixels.ndim == 2 else 2  # of grey only luma's is chosen
    for strip in strips(rows, columns, CACHED_TILES):
        ycc = rgb_to_ycc(_as_rgb(whole_tiles(pixels[strip.start * TILE : strip.stop * TILE])))
        own = maps[:, 2 * strip.start : 2 * strip.stop]
        if shapes is None:
            own[:n_maps] = choose_shapes(ycc, delta, s, n_maps)
        steps = ByShape(np.float32(delta) * s, own).whole()
        coefficients[..., strip, :] = tiles_to_blocks(ycc, own) / steps
    if pixels.ndim == 2:
        coefficients[1:] = 0
    return Analysis(coefficients, maps)


def dequantised_picture(context: Context, delta: float, s: np.ndarray, size: int = TILE) -> np.ndarray:
    """Return the picture of a context without a generator, RGB float32 (3, rows * size, columns * size), unclipped.

    size: pixels a tile has on each side; below 32 the picture is band-limited.
    """
    rows, columns = context.grid
    out = np.empty((3, rows * size, columns * size), np.float32)
    for strip in strips(rows, columns, CACHED_TILES):
        part = context.window(strip, slice(0, columns))
        steps = ByShape(np.float32(delta) * s, part.shapes).whole()
        ycc = blocks_to_tiles(part.symbols * steps, part.shapes, size)
        out[:, strip.start * size : strip.stop * size] = ycc_to_rgb(ycc)
    return out


def thumbnail(context: Context, delta: float, s: np.ndarray, size: int) -> np.ndarray:
    """Return the band-limited picture of `size` pixels a tile, uint8 (rows * size, columns * size, 3)."""
    return to_pixels(dequantised_picture(context, delta, s, size)[None])


def _as_rgb(pixels: np.ndarray) -> np.ndarray:
    """A uint8 (H, W) or (H, W, 3) picture as float32 (3, H, W)."""
    rgb = pixels.astype(np.float32)
    return np.ascontiguousarray(rgb.transpose(2, 0, 1)) if rgb.ndim == 3 else np.stack([rgb] * 3)
