"""Texture on decoded pictures, block by block, the same whatever the blocks are and whatever runs the net."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hvaecodec.codec.bands import RollingParts, join_bands
from hvaecodec.models.philox import normals
from hvaecodec.models.texture_config import FOLD, RADIUS

BLOCK = 1536  # pixels on each side of a block, a multiple of FOLD

Noise = Callable[[int, int, int], np.ndarray]  # from latent number, channels and fold to numbers (1, C, h, w) float32
DrawTexture = Callable[[np.ndarray, Noise], np.ndarray]  # from a picture (1, 3, h, w) float32 to its texture, alike


@dataclass(frozen=True)
class Texture:
    """How a picture gets its texture: by a net at the picture's rate, so much of it, with noise under a seed."""

    draw: DrawTexture
    temperature: float
    seed: int


def add_texture(picture: np.ndarray, texture: Texture) -> np.ndarray:
    """Return a picture with its texture, uint8 (H, W, 3) both."""
    return join_bands(texture_bands(iter([picture]), picture.shape[:2], texture), picture.shape)


def texture_bands(bands: Iterator[np.ndarray], size: Sequence[int], texture: Texture) -> Iterator[np.ndarray]:
    """Add `temperature` times its texture to a picture, and give it a row of blocks at a time.

    bands: its rows from the top, uint8 (rows, W, 3). size: (H, W). Noise belongs to its absolute position under the
    seed. Edges are continued to whole FOLDs.
    """
    height, width = size
    whole = height + -height % FOLD, width + -width % FOLD
    smooth = RollingParts(_padded(bands, size), len, lambda band, rows: band[rows:])
    for top in range(0, whole[0], BLOCK):
        rows = slice(max(0, top - RADIUS), min(top + BLOCK + RADIUS, whole[0]))
        around = np.concatenate([part[own] for part, own in smooth.covering(rows)])
        out = np.empty((min(BLOCK, whole[0] - top), *around.shape[1:]), np.uint8)
        for left in range(0, whole[1], BLOCK):
            columns = slice(max(0, left - RADIUS), left + BLOCK + RADIUS)
            block = _block_with_texture(around[:, columns], texture, whole, (rows.start, columns.start))
            out[:, left : left + BLOCK] = block[top - rows.start :, left - columns.start :][: len(out), :BLOCK]
        yield out[: height - top, :width]


def _padded(bands: Iterator[np.ndarray], size: Sequence[int]) -> Iterator[np.ndarray]:
    """Continue the bands of a picture of (rows, columns) by its last row and column to whole FOLDs."""
    left = size[0]
    for band in bands:
        left -= len(band)
        yield np.pad(band, ((0, 0 if left else -size[0] % FOLD), (0, -size[1] % FOLD), (0, 0)), mode="edge")


def _block_with_texture(
    pixels: np.ndarray, texture: Texture, whole: Sequence[int], corner: Sequence[int]
) -> np.ndarray:
    """Return a block of a picture with its texture, uint8 (h, w, 3). corner: its place in the whole picture."""
    block = np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], dtype=np.float32)
    noise = _noise_maps(texture.seed, whole, corner, block.shape[2:])
    block += np.float32(texture.temperature) * texture.draw(block, noise)
    return np.rint(block[0]).clip(0, 255).astype(np.uint8).transpose(1, 2, 0)


def _noise_maps(seed: int, whole: Sequence[int], corner: Sequence[int], size: Sequence[int]) -> Noise:
    """Return the maps of noise of a block, as the net asks for them.

    whole, size: (rows, columns) of the picture and of the block. corner: the block's place in the picture.
    """

    def noise(number: int, channels: int, fold: int) -> np.ndarray:
        grid = whole[0] // fold, whole[1] // fold, channels
        columns = slice(corner[1] // fold, corner[1] // fold + size[1] // fold)
        numbers = normals(seed, number, grid, corner[0] // fold, size[0] // fold, columns=columns)
        return np.ascontiguousarray(numbers[None], dtype=np.float32)

    return noise
