"""Texture on decoded pictures, block by block, the same whatever the blocks are and whatever runs the net."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from hvaecodec.models.philox import normals
from hvaecodec.models.texture_config import FOLD, RADIUS

BLOCK = 1536  # pixels on each side of a block, a multiple of FOLD

Noise = Callable[[int, int, int], np.ndarray]  # from latent number, channels and fold to numbers (1, C, h, w) float32
DrawTexture = Callable[[np.ndarray, Noise], np.ndarray]  # from a picture (1, 3, h, w) float32 to its texture, alike


def add_texture(picture: np.ndarray, draw: DrawTexture, temperature: float, seed: int) -> np.ndarray:
    """Add `temperature` times its texture to a picture, uint8 (H, W, 3); return the same shape.

    draw: runs the net on a block at the picture's rate. Noise belongs to its absolute position under `seed`. Edges are
    continued to whole FOLDs.
    """
    height, width = picture.shape[:2]
    margin = ((0, -height % FOLD), (0, -width % FOLD), (0, 0))
    padded = np.pad(picture, margin, mode="edge")
    out = np.empty_like(padded)
    for top in range(0, padded.shape[0], BLOCK):
        for left in range(0, padded.shape[1], BLOCK):
            inner = slice(top, top + BLOCK), slice(left, left + BLOCK)
            rows, columns = (slice(max(0, part.start - RADIUS), part.stop + RADIUS) for part in inner)
            block = np.ascontiguousarray(padded[rows, columns].transpose(2, 0, 1)[None], dtype=np.float32)
            noise = _noise_maps(seed, padded.shape[:2], (rows.start, columns.start), block.shape[2:])
            block += np.float32(temperature) * draw(block, noise)
            pixels = np.rint(block[0]).clip(0, 255).astype(np.uint8).transpose(1, 2, 0)
            out[inner] = pixels[top - rows.start :, left - columns.start :][:BLOCK, :BLOCK]
    return out[:height, :width]


def _noise_maps(seed: int, whole: Sequence[int], corner: Sequence[int], size: Sequence[int]) -> Noise:
    """Return the maps of noise of a block, as the net asks for them.

    whole, size: (rows, columns) of the picture and of the block. corner: the block's place in the picture.
    """

    def noise(number: int, channels: int, fold: int) -> np.ndarray:
        grid = whole[0] // fold, whole[1] // fold, channels
        rows = normals(seed, number, grid, corner[0] // fold, size[0] // fold)
        columns = slice(corner[1] // fold, corner[1] // fold + size[1] // fold)
        return np.ascontiguousarray(rows[None, :, :, columns], dtype=np.float32)

    return noise
