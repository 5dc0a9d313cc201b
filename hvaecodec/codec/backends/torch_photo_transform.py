"""Pixels to coefficients and coefficients to pixels in PyTorch, some tiles at a time so that memory stays bounded."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from hvaecodec.codec.photo.context import Context
from hvaecodec.codec.photo.nets import Analysis
from hvaecodec.codec.photo.render import STRIP_TILES, strips, to_pixels, whole_tiles
from hvaecodec.models.dct import TILE, rgb_to_ycc, ycc_to_rgb
from hvaecodec.models.photo.block_layout import blocks_to_tiles, by_place, tiles_to_blocks
from hvaecodec.models.photo.partition import by_channel, choose_shapes
from hvaecodec.models.side_by_side import cut, each, n_threads

LEAST_TILES = 64  # that are worth a piece of their own: about two milliseconds of one processor


def analyse(pixels: np.ndarray, delta: float, s: Tensor, shapes: np.ndarray | None = None) -> Analysis:
    """Transform a uint8 (H, W) or (H, W, 3) picture for a luma step; where there are no shapes yet they are chosen.

    s: the relative steps, (7, 3, 32, 32). The picture is continued by its last row and column to whole tiles; grey is
    RGB with three equal channels, so its chroma is zero, and undivided.
    """
    height, width = pixels.shape[:2]
    rows, columns = -(-height // TILE), -(-width // TILE)
    coefficients = np.empty((3, TILE, TILE, rows, columns), np.float32)
    maps = np.zeros((2, 2 * rows, 2 * columns), np.int64) if shapes is None else shapes
    n_maps = 1 if pixels.ndim == 2 else 2  # of grey only luma's is chosen

    def fill(strip: slice) -> None:
        ycc = rgb_to_ycc(as_rgb(whole_tiles(pixels[strip.start * TILE : strip.stop * TILE]))[None])
        own = maps[:, 2 * strip.start : 2 * strip.stop]
        if shapes is None:
            own[:n_maps] = choose_shapes(ycc, torch.tensor([delta], dtype=torch.float32))[0, :n_maps]
        tiles = tiles_to_blocks(ycc, by_channel(torch.from_numpy(own)[None]))
        steps = delta * spread(s, torch.from_numpy(own)[None])
        coefficients[..., strip, :] = (tiles / steps)[0].numpy()

    each(fill, pieces(rows, columns))
    if pixels.ndim == 2:
        coefficients[1:] = 0
    return Analysis(coefficients, maps)


def dequantised_picture(context: Context, delta: float, s: Tensor, size: int = TILE) -> Tensor:
    """Return the picture of a context without a generator, RGB (1, 3, rows * size, columns * size) float, unclipped.

    size: pixels a tile has on each side; below 32 the picture is band-limited.
    """
    return dequantise(torch.from_numpy(context.symbols).float(), context.shapes, delta * s, size)


def dequantise(symbols: Tensor, shapes: np.ndarray, steps: Tensor, size: int = TILE) -> Tensor:
    """Return the picture of float symbols (3, 32, 32, rows, columns), with gradients; see `dequantised_picture`.

    steps: (7, 3, 32, 32), in grey levels.
    """

    def strip(rows: slice) -> Tensor:
        maps = torch.from_numpy(shapes[:, 2 * rows.start : 2 * rows.stop])[None]
        coefficients = symbols[None, ..., rows, :] * spread(steps, maps)
        return ycc_to_rgb(blocks_to_tiles(coefficients, by_channel(maps), size))

    rows, columns = symbols.shape[3:]
    with_gradients = symbols.requires_grad and torch.is_grad_enabled()
    return torch.cat(each(strip, pieces(rows, columns) if not with_gradients else [slice(0, rows)]), 2)


def pieces(rows: int, columns: int) -> list[slice]:
    """Cut a grid of tiles into rows to be transformed side by side, none with more than about STRIP_TILES tiles."""
    at_once = max(1, min(n_threads(), rows * columns // LEAST_TILES))
    return cut(rows, at_once * -(-rows * columns // (at_once * STRIP_TILES)))


def spread(table: Tensor, maps: Tensor) -> Tensor:
    """Return a table (7, 3, 32, 32) by shape and place over maps (1, 2, 2 rows, 2 columns), (1, 3, 32, 32, ...)."""
    return torch.cat([by_place(table[:, :1], maps[:, :1]), by_place(table[:, 1:], maps[:, 1:])], 1)


def as_rgb(pixels: np.ndarray) -> Tensor:
    """Return a uint8 (H, W) or (H, W, 3) picture as float (3, H, W)."""
    rgb = torch.from_numpy(pixels.astype(np.float32))
    return rgb.permute(2, 0, 1) if rgb.ndim == 3 else rgb.expand(3, -1, -1)


def thumbnail(context: Context, delta: float, s: Tensor, size: int) -> np.ndarray:
    """Return the band-limited picture of `size` pixels a tile, uint8 (rows * size, columns * size, 3)."""
    rows, columns = context.grid
    parts = (context.window(strip, slice(0, columns)) for strip in strips(rows, columns))
    return np.concatenate([to_pixels(dequantised_picture(part, delta, s, size).numpy()) for part in parts])
