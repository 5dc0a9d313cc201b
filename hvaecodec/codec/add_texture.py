"""Texture on decoded pictures, block by block, the same whatever the blocks are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from hvaecodec.codec.torch_guard import has_bfloat16
from hvaecodec.models.philox import normals
from hvaecodec.models.texture import FOLD, RADIUS, Noise, Texture

BLOCK = 1536  # pixels on each side of a block, a multiple of FOLD


def add_texture(picture: np.ndarray, texture: Texture, rate: Tensor, temperature: float, seed: int) -> np.ndarray:
    """Add `temperature` times its texture to a picture, uint8 (H, W, 3); return the same shape.

    rate: (1, 8), see `Texture`. Noise belongs to its absolute position under `seed`. Edges are continued to whole
    FOLDs.
    """
    height, width = picture.shape[:2]
    margin = ((0, -height % FOLD), (0, -width % FOLD), (0, 0))
    padded = np.pad(picture, margin, mode="edge")
    out = np.empty_like(padded)
    for top in range(0, padded.shape[0], BLOCK):
        for left in range(0, padded.shape[1], BLOCK):
            inner = slice(top, top + BLOCK), slice(left, left + BLOCK)
            rows, columns = (slice(max(0, part.start - RADIUS), part.stop + RADIUS) for part in inner)
            block = torch.from_numpy(np.ascontiguousarray(padded[rows, columns])).permute(2, 0, 1).float()[None]
            noise = _noise_maps(seed, padded.shape[:2], (rows.start, columns.start), block.shape[2:])
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=has_bfloat16()):
                block = block + temperature * texture(block, rate, noise)
            pixels = block[0].round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()
            out[inner] = pixels[top - rows.start :, left - columns.start :][:BLOCK, :BLOCK]
    return out[:height, :width]


def _noise_maps(seed: int, whole: Sequence[int], corner: Sequence[int], size: Sequence[int]) -> Noise:
    """Return the maps of noise of a block, as `Texture` asks for them.

    whole, size: (rows, columns) of the picture and of the block. corner: the block's place in the picture.
    """

    def noise(number: int, channels: int, fold: int) -> Tensor:
        grid = whole[0] // fold, whole[1] // fold, channels
        rows = normals(seed, number, grid, corner[0] // fold, size[0] // fold)
        columns = slice(corner[1] // fold, corner[1] // fold + size[1] // fold)
        return torch.from_numpy(np.ascontiguousarray(rows[:, :, columns])).float()[None]

    return noise
