"""Pictures as tiles of 32 x 32 that know nothing of each other, for models of small pictures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from hvaecodec.models.philox import normals

SIDE = 32


def cut(pixels: np.ndarray) -> np.ndarray:
    """uint8 (H, W) or (H, W, 3) to (rows, columns, 32, 32, 3), the last row and column repeated to whole tiles."""
    rgb = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, 2)
    bottom, right = (-n % SIDE for n in rgb.shape[:2])
    rgb = np.pad(rgb, ((0, bottom), (0, right), (0, 0)), "edge")
    rows, columns = (n // SIDE for n in rgb.shape[:2])
    return np.ascontiguousarray(rgb.reshape(rows, SIDE, columns, SIDE, 3).swapaxes(1, 2))


def join(tiles: np.ndarray) -> np.ndarray:
    """(rows, columns, s, s, 3) side by side."""
    rows, columns, side = tiles.shape[:3]
    return np.ascontiguousarray(tiles.swapaxes(1, 2).reshape(rows * side, columns * side, 3))


def to_tensor(tiles: np.ndarray) -> Tensor:
    """(rows, columns, 32, 32, 3) as float (tiles, 3, 32, 32), whole numbers, raster order."""
    return torch.from_numpy(tiles.reshape(-1, *tiles.shape[2:])).permute(0, 3, 1, 2).float()


def tile_noise(seed: int, level: int, shape: tuple[int, int, int], first: int, count: int) -> Tensor:
    """Standard normal numbers of some tiles, (count, Z, s, s): tile n has the rows s n to s n + s - 1 of a grid s
    columns wide, as docs/FORMAT.md says. shape: (Z, s, s)."""
    channels, side, _ = shape
    drawn = normals(seed, level, (side * (first + count), side, channels), side * first, side * count)
    tiles = drawn.reshape(channels, count, side, side).swapaxes(0, 1)
    return torch.from_numpy(np.ascontiguousarray(tiles)).float()


@contextmanager
def plain() -> Iterator[None]:
    """No gradients, and none of the caller's autocast."""
    with torch.no_grad(), torch.autocast("cpu", enabled=False):
        yield
