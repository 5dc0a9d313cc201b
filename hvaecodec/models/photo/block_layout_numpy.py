"""The transform of tiles whose DCT blocks differ, in numpy: what `block_layout` says and does, for one picture."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from hvaecodec.models.dct_numpy import dct_matrix
from hvaecodec.models.photo.block_shapes import HALF, SHAPES, WHOLE, Shape
from hvaecodec.models.photo.layout import TILE

MAP_OF_CHANNEL = (0, 1, 1)  # luma has a map of its own, Cb and Cr share one


def tiles_to_blocks(x: np.ndarray, shapes: np.ndarray) -> np.ndarray:
    """Transform a picture, float32 (3, 32 h, 32 w), to coefficients (3, 32, 32, h, w), by the blocks that maps name.

    shapes: of luma and chroma, int64 (2, 2 h, 2 w). The last axes of the result are the grid of tiles.
    """
    h, w = x.shape[1] // TILE, x.shape[2] // TILE
    tiles = x.reshape(3, h, TILE, w, TILE).transpose(0, 1, 3, 2, 4).reshape(-1, TILE, TILE)
    out = np.empty_like(tiles)
    for group in _groups(shapes):
        if group.shape is not None:
            out[group.at] = _forward(tiles[group.at], group.shape)
            continue
        inner = _split(tiles[group.at])
        done = np.empty_like(inner)
        for where, number in group.quarters:
            done[where] = _forward(inner[where], SHAPES[number])
        joined = done.reshape(-1, 2, 2, HALF, HALF).transpose(0, 3, 1, 4, 2).reshape(-1, TILE, TILE)
        out[group.at] = _mend(joined, True, True)
    return np.ascontiguousarray(out.reshape(3, h, w, TILE, TILE).transpose(0, 3, 4, 1, 2))


def blocks_to_tiles(coefficients: np.ndarray, shapes: np.ndarray, size: int = TILE) -> np.ndarray:
    """Return the picture of coefficients with `size` pixels a tile: (3, 32, 32, h, w) to (3, size h, size w).

    With 32 it is the inverse of `tiles_to_blocks`; below, thumbnails that have the mean of the picture.
    """
    *_, h, w = coefficients.shape
    low = coefficients[:, :size, :size].transpose(0, 3, 4, 1, 2).reshape(-1, size, size)
    if size == 1:
        return low.reshape(3, h, w) / np.float32(TILE)
    out, half = np.empty_like(low), size // 2
    for group in _groups(shapes):
        if group.shape is not None:
            out[group.at] = _back(low[group.at], group.shape)
            continue
        mended = _mend(low[group.at], True, True).reshape(-1, half, 2, half, 2)
        inner = mended.transpose(0, 2, 4, 1, 3).reshape(-1, half, half)
        done = np.empty_like(inner)
        for where, number in group.quarters:
            done[where] = _back(inner[where], SHAPES[number])
        out[group.at] = done.reshape(-1, 2, 2, half, half).transpose(0, 1, 3, 2, 4).reshape(-1, size, size)
    tiles = out.reshape(3, h, w, size, size).transpose(0, 1, 3, 2, 4).reshape(3, h * size, w * size)
    return tiles * np.float32(size / TILE)


class _Group(NamedTuple):
    """Tiles of one shape (flat over channel, row, column); None those of quadrants, with these by shape."""

    at: np.ndarray
    shape: Shape | None
    quarters: list[tuple[np.ndarray, int]]


def _groups(shapes: np.ndarray) -> Iterator[_Group]:
    _, rows, columns = shapes.shape
    quarters = shapes.reshape(2, rows // 2, 2, columns // 2, 2).transpose(0, 1, 3, 2, 4)
    by_tile = quarters[list(MAP_OF_CHANNEL)].reshape(-1, 4)
    first = by_tile[:, 0]
    for number in range(WHOLE):
        at = np.flatnonzero(first == number)
        if len(at):
            yield _Group(at, SHAPES[number], [])
    at = np.flatnonzero(first >= WHOLE)
    if len(at):
        inner = by_tile[at].ravel()
        yield _Group(at, None, [(np.flatnonzero(inner == number), number) for number in range(WHOLE, len(SHAPES))])


@functools.cache
def _axis(region: int, size: int) -> np.ndarray:
    """The DCTs of the blocks of `size` along a region, interleaved, (region, region): rows are places."""
    blocks = region // size
    out = np.zeros((size, blocks, blocks, size), np.float32)  # frequency, block; block, pixel
    for block in range(blocks):
        out[:, block, block] = dct_matrix(size)
    return out.reshape(region, region)


def _forward(x: np.ndarray, shape: Shape) -> np.ndarray:
    """(n, region, region) pixels to coefficients."""
    down, across = _axis(shape.region, shape.rows), _axis(shape.region, shape.columns)
    return _mend(_both_ways(x, across.T, down.T), shape.down, shape.across)


def _back(low: np.ndarray, shape: Shape) -> np.ndarray:
    """Coefficients (n, k, k) of a region to its k x k pixels, up to a factor."""
    k = low.shape[-1]
    if k == 1:
        return low
    down, across = (_axis(k, size * k // shape.region) for size in (shape.rows, shape.columns))
    return _both_ways(_mend(low, shape.down, shape.across), across, down)


def _both_ways(x: np.ndarray, across: np.ndarray, down: np.ndarray) -> np.ndarray:
    """(n, k, k) times a matrix along its rows, and another along its columns; two products of large matrices."""
    n, k, _ = x.shape
    once = (x.reshape(-1, k) @ across).reshape(n, k, k).transpose(0, 2, 1)
    return (once.reshape(-1, k) @ down).reshape(n, k, k).transpose(0, 2, 1)


def _mend(x: np.ndarray, down: bool, across: bool) -> np.ndarray:
    """Sums and differences in the corner 2 x 2 of (n, k, k), along the axes that have two blocks; its own inverse."""
    if not (down or across):
        return x
    corner, root = x[:, :2, :2], np.float32(0.5**0.5)
    if down:
        corner = np.stack([corner[:, 0] + corner[:, 1], corner[:, 0] - corner[:, 1]], 1) * root
    if across:
        corner = np.stack([corner[..., 0] + corner[..., 1], corner[..., 0] - corner[..., 1]], 2) * root
    x = x.copy()
    x[:, :2, :2] = corner
    return x


def _split(tiles: np.ndarray) -> np.ndarray:
    """(n, 32, 32) to its quadrants (4n, 16, 16)."""
    return tiles.reshape(-1, 2, HALF, 2, HALF).transpose(0, 1, 3, 2, 4).reshape(-1, HALF, HALF)
