"""Texture on decoded pictures, block by block, the same whatever the blocks are."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from hvaecodec.codec.torch_guard import has_bfloat16
from hvaecodec.models.philox import normals
from hvaecodec.models.texture import FOLD, RADIUS, Texture

BLOCK = 1536  # pixels on each side of a block, a multiple of FOLD


def add_texture(picture: np.ndarray, texture: Texture, rate: Tensor, temperature: float, seed: int) -> np.ndarray:
    """A picture plus `temperature` times its texture; uint8 (H, W, 3) both.

    rate: (1, 8), see `Texture`. Noise belongs to its absolute position under `seed`. Edges are continued to whole FOLDs.
    """
    height, width = picture.shape[:2]
    margin = ((0, -height % FOLD), (0, -width % FOLD), (0, 0))
    padded = np.pad(picture, margin, mode="edge")
    out = np.empty_like(padded)
    for top in range(0, padded.shape[0], BLOCK):
        for left in range(0, padded.shape[1], BLOCK):
            inner = slice(top, top + BLOCK), slice(left, left + BLOCK)
            outer = tuple(slice(max(0, i.start - RADIUS), i.stop + RADIUS) for i in inner)
            drawn = _drawn(padded, (outer[0], outer[1]), texture, rate, temperature, seed)
            y, x = (slice(i.start - o.start, i.stop - o.start) for i, o in zip(inner, outer, strict=True))
            out[inner] = drawn[y, x]
    return out[:height, :width]


def _drawn(
    picture: np.ndarray, block: tuple[slice, slice], texture: Texture, rate: Tensor, temperature: float, seed: int
) -> np.ndarray:
    part = np.ascontiguousarray(picture[block])
    rows, columns = block
    grid = picture.shape[0], picture.shape[1]

    def noise(number: int, channels: int, fold: int) -> Tensor:
        whole = (grid[0] // fold, grid[1] // fold, channels)
        found = normals(seed, number, whole, rows.start // fold, part.shape[0] // fold)
        found = found[:, :, columns.start // fold : columns.start // fold + part.shape[1] // fold]
        return torch.from_numpy(np.ascontiguousarray(found)).float()[None]

    x = torch.from_numpy(part).permute(2, 0, 1).float()[None]
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=has_bfloat16()):
        x = x + temperature * texture(x, rate, noise)
    return x[0].round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()
