"""Pictures as tiles of 32 x 32 that know nothing of each other, for models of small pictures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from hvaecodec.codec.torch_guard import without_autocast
from hvaecodec.models.philox import normals

SIDE = 32
BATCH = 64  # tiles that a net sees together


def cut(pixels: np.ndarray, side: int = SIDE) -> np.ndarray:
    """Cut a uint8 (H, W) or (H, W, 3) picture into (rows, columns, side, side, 3) tiles.

    Its last row and column are repeated to whole tiles.
    """
    rgb = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, 2)
    bottom, right = (-n % side for n in rgb.shape[:2])
    rgb = np.pad(rgb, ((0, bottom), (0, right), (0, 0)), "edge")
    rows, columns = (n // side for n in rgb.shape[:2])
    return np.ascontiguousarray(rgb.reshape(rows, side, columns, side, 3).swapaxes(1, 2))


def whole_tiles(pixels: np.ndarray, side: int = SIDE) -> np.ndarray:
    """Return a picture without the last rows and columns that fill no tile, which `cut` would repeat."""
    height, width = (n // side * side for n in pixels.shape[:2])
    return pixels[:height, :width]


def join(tiles: np.ndarray) -> np.ndarray:
    """Join tiles (rows, columns, s, s, 3) side by side into a picture, (rows * s, columns * s, 3)."""
    rows, columns, side = tiles.shape[:3]
    return np.ascontiguousarray(tiles.swapaxes(1, 2).reshape(rows * side, columns * side, 3))


def to_tensor(tiles: np.ndarray) -> Tensor:
    """Convert uint8 tiles (rows, columns, s, s, 3) to float (tiles, 3, s, s), whole numbers, in raster order."""
    return torch.from_numpy(tiles.reshape(-1, *tiles.shape[2:])).permute(0, 3, 1, 2).float()


def to_pixels(x: Tensor) -> np.ndarray:
    """Round float (tiles, 3, s, s) in 0..255 to uint8 (tiles, s, s, 3)."""
    return x.round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()


def render_tiles(count: int, render: Callable[[int, int], Tensor]) -> np.ndarray:
    """Render tiles, some at a time, into uint8 (count, 32, 32, 3).

    render: called as `render(first, n)`, renders the `n` tiles from `first` on as float (n, 3, 32, 32) in 0..255.
    """
    out = np.empty((count, SIDE, SIDE, 3), np.uint8)
    for first in range(0, count, BATCH):
        n = min(BATCH, count - first)
        with without_autocast():
            out[first : first + n] = to_pixels(render(first, n))
    return out


def tile_noise(seed: int, latent_number: int, shape: tuple[int, int, int], first: int, count: int) -> Tensor:
    """Return the standard normal numbers of some tiles for a latent of shape (Z, s, s): float (count, Z, s, s).

    Tile n has the rows s n to s n + s - 1 of a grid that is s columns wide, as docs/FORMAT.md says.
    """
    channels, side, _ = shape
    noise = normals(seed, latent_number, (side * (first + count), side, channels), side * first, side * count)
    tiles = noise.reshape(channels, count, side, side).swapaxes(0, 1)
    return torch.from_numpy(np.ascontiguousarray(tiles)).float()
