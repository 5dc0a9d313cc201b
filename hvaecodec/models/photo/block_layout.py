"""The transform of tiles whose DCT blocks differ, there and back, and where every coefficient goes.

`block_shapes` has the blocks that there are. Coefficient (u, v) of block (a, b) of an R x C tiling of a region lies at
(u m + a, v n + b) with m x n blocks in the region, so that its octave, hence its level in the pyramid of `layout`, is
that of its frequency. Four quadrants are such arrays of their own, interleaved once more. Where blocks lie beside each
other, the lowest coefficients of both go through (a + b, a - b) / sqrt 2, inside first: C[:k, :k] gives the k x k
thumbnail of a tile in any partition. The map from pixels to coefficients is orthonormal.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from hvaecodec.models.dct import TILE, dct_matrix
from hvaecodec.models.photo.block_shapes import HALF, SHAPES, WHOLE, Shape


def whole_shapes(batch: int, rows: int, columns: int) -> Tensor:
    """Return the map of pictures of undivided tiles, int64 (B, 1, 2 rows, 2 columns) of zeros."""
    return torch.zeros(batch, 1, 2 * rows, 2 * columns, dtype=torch.long)


def valid_shapes(shapes: Tensor) -> bool:
    """Return whether maps (..., 2 rows, 2 columns) are partitions.

    They are if they name known shapes only, and those of whole tiles in all four quadrants of a tile or in none.
    """
    if bool(((shapes < 0) | (shapes >= len(SHAPES))).any()):
        return False
    first = shapes[..., ::2, ::2]
    quadrants = [shapes[..., i::2, j::2] for i in (0, 1) for j in (0, 1)]
    whole = first < WHOLE
    return all(bool(torch.where(whole, q == first, q >= WHOLE).all()) for q in quadrants)


def tiles_to_blocks(x: Tensor, shapes: Tensor) -> Tensor:
    """Transform pictures (B, C, 32 h, 32 w) to coefficients (B, C, 32, 32, h, w), by the blocks that maps name.

    shapes: int64 (B, C or 1, 2 h, 2 w). The last axes of the result are the grid of tiles, the two before them places.
    """
    b, ch, height, width = x.shape
    h, w = height // TILE, width // TILE
    tiles = x.reshape(b, ch, h, TILE, w, TILE).permute(0, 1, 2, 4, 3, 5).reshape(-1, TILE, TILE)
    out = torch.empty_like(tiles)
    for at, shape, quarters in _groups(shapes, ch):
        if shape is not None:
            out[at] = _forward(tiles[at], shape)
            continue
        inner = _split(tiles[at])
        done = torch.empty_like(inner)
        for where, number in quarters:
            done[where] = _forward(inner[where], SHAPES[number])
        n = len(at)
        joined = done.view(n, 2, 2, HALF, HALF).permute(0, 3, 1, 4, 2).reshape(n, TILE, TILE)
        out[at] = _mend(joined, True, True)
    return out.view(b, ch, h, w, TILE, TILE).permute(0, 1, 4, 5, 2, 3)


def blocks_to_tiles(coefficients: Tensor, shapes: Tensor, size: int = TILE) -> Tensor:
    """Return the pictures of coefficients with `size` pixels a tile: (B, C, 32, 32, h, w) to (B, C, size h, size w).

    With 32 it is the inverse of `tiles_to_blocks`; below, thumbnails that have the mean of the picture.
    """
    b, ch, _, _, h, w = coefficients.shape
    low = coefficients[:, :, :size, :size].permute(0, 1, 4, 5, 2, 3).reshape(-1, size, size)
    if size == 1:
        return low.view(b, ch, h, w) / TILE
    out = torch.empty_like(low)
    for at, shape, quarters in _groups(shapes, ch):
        if shape is not None:
            out[at] = _back(low[at], shape)
            continue
        n, half = len(at), size // 2
        inner = _mend(low[at], True, True).view(n, half, 2, half, 2).permute(0, 2, 4, 1, 3).reshape(-1, half, half)
        done = torch.empty_like(inner)
        for where, number in quarters:
            done[where] = _back(inner[where], SHAPES[number])
        out[at] = done.view(n, 2, 2, half, half).permute(0, 1, 3, 2, 4).reshape(n, size, size)
    tiles = out.view(b, ch, h, w, size, size).permute(0, 1, 2, 4, 3, 5)
    return tiles.reshape(b, ch, h * size, w * size) * (size / TILE)


@functools.cache
def _frequencies() -> Tensor:
    """Row and column frequency in cycles of a 32-pixel tile's DCT of every place, (2, 7, 32, 32) float32.

    A shape of quadrants stands at all four of them.
    """
    out = torch.empty(2, len(SHAPES), TILE, TILE, dtype=torch.float32)
    for number, shape in enumerate(SHAPES):
        place = torch.arange(TILE)
        for axis, size in enumerate((shape.rows, shape.columns)):
            blocks = TILE // size
            frequency = (place // blocks * blocks).float()
            out[axis, number] = frequency[:, None] if axis == 0 else frequency[None]
    return out


def frequency_radius() -> Tensor:
    """Return how far every place's frequency is from 0, (7, 32, 32) float32, in frequencies of the 32 x 32 DCT."""
    rows, columns = _frequencies()
    return torch.hypot(rows, columns)


def by_place(table: Tensor, shapes: Tensor) -> Tensor:
    """Spread values by shape and place over tiles.

    table: (7, C, 32, 32). shapes: int64 (B, 1, 2 h, 2 w). The result is (B, C, 32, 32, h, w).
    """
    b, _, rows, columns = shapes.shape
    out = table.new_empty(b, rows // 2, columns // 2, table.shape[1], HALF, 2, HALF, 2)
    parts = table.view(len(table), -1, HALF, 2, HALF, 2)
    for i in (0, 1):
        for j in (0, 1):
            out[..., i, :, j] = parts[..., i, :, j][shapes[:, 0, i::2, j::2].to(table.device)]
    return out.flatten(6).flatten(4, 5).unflatten(-1, (TILE,)).permute(0, 3, 4, 5, 1, 2)


def _groups(shapes: Tensor, channels: int) -> list[tuple[Tensor, Shape | None, list[tuple[Tensor, int]]]]:
    """Tiles (flat over picture, channel, row, column) by shape; None those of quadrants, with these by shape."""
    b, c, rows, columns = shapes.shape
    quarters = shapes.view(b, c, rows // 2, 2, columns // 2, 2).permute(0, 1, 2, 4, 3, 5)
    quarters = quarters.expand(b, channels, -1, -1, -1, -1).reshape(-1, 4)
    first = quarters[:, 0]
    groups: list[tuple[Tensor, Shape | None, list[tuple[Tensor, int]]]] = []
    for number in range(WHOLE):
        at = (first == number).nonzero()[:, 0]
        if len(at):
            groups.append((at, SHAPES[number], []))
    at = (first >= WHOLE).nonzero()[:, 0]
    if len(at):
        inner = quarters[at].flatten()
        named = [((inner == number).nonzero()[:, 0], number) for number in range(WHOLE, len(SHAPES))]
        groups.append((at, None, [(where, number) for where, number in named if len(where)]))
    return groups


@functools.cache
def _axis(region: int, size: int) -> Tensor:
    """The DCTs of the blocks of `size` along a region, interleaved, (region, region): rows are places."""
    blocks = region // size
    out = torch.zeros(size, blocks, blocks, size, dtype=torch.float32)  # frequency, block; block, pixel
    for block in range(blocks):
        out[:, block, block] = dct_matrix(size)
    return out.view(region, region)


def _forward(x: Tensor, shape: Shape) -> Tensor:
    """(n, region, region) pixels to coefficients."""
    down, across = _axis(shape.region, shape.rows).to(x), _axis(shape.region, shape.columns).to(x)
    rows = (x @ across.T).transpose(1, 2)
    return _mend((rows @ down.T).transpose(1, 2), shape.down, shape.across)


def _back(low: Tensor, shape: Shape) -> Tensor:
    """Coefficients (n, k, k) of a region to its k x k pixels, up to a factor."""
    k = low.shape[-1]
    if k == 1:
        return low
    down, across = (_axis(k, size * k // shape.region).to(low) for size in (shape.rows, shape.columns))
    rows = (_mend(low, shape.down, shape.across) @ across).transpose(1, 2)
    return (rows @ down).transpose(1, 2)


def _mend(x: Tensor, down: bool, across: bool) -> Tensor:
    """Sums and differences in the corner 2 x 2 of (n, k, k), along the axes that have two blocks; its own inverse."""
    corner = x[:, :2, :2]
    if down:
        corner = torch.stack([corner[:, 0] + corner[:, 1], corner[:, 0] - corner[:, 1]], 1) * 0.5**0.5
    if across:
        corner = torch.stack([corner[..., 0] + corner[..., 1], corner[..., 0] - corner[..., 1]], 2) * 0.5**0.5
    if not (down or across):
        return x
    x = x.clone()
    x[:, :2, :2] = corner
    return x


def _split(tiles: Tensor) -> Tensor:
    """(n, 32, 32) to its quadrants (4n, 16, 16)."""
    n = len(tiles)
    return tiles.view(n, 2, HALF, 2, HALF).permute(0, 1, 3, 2, 4).reshape(-1, HALF, HALF)
