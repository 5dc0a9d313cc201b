"""Pixels to coefficients and coefficients to pixels in PyTorch, some tiles at a time so that memory stays bounded."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from hvaecodec.models.dct import TILE, coefficients_to_tiles, rgb_to_ycc, tiles_to_coefficients, ycc_to_rgb

STRIP_TILES = 4096  # tiles transformed at once


def to_coefficients(pixels: np.ndarray, steps: Tensor) -> np.ndarray:
    """Return the coefficients of a uint8 (H, W) or (H, W, 3) picture in units of their steps.

    steps: (3, 32, 32), in grey levels. The result is float32 (3, 32, 32, rows, columns). The picture is continued by
    its last row and column to whole tiles; grey is RGB with three equal channels, so its chroma is zero.
    """
    height, width = pixels.shape[:2]
    rows, columns = -(-height // TILE), -(-width // TILE)
    out = np.empty((3, TILE, TILE, rows, columns), np.float32)
    at_once = max(1, STRIP_TILES // columns)
    for top in range(0, rows, at_once):
        n = min(at_once, rows - top)
        strip = pixels[top * TILE : (top + n) * TILE]
        margin = ((0, n * TILE - strip.shape[0]), (0, columns * TILE - width))
        padded = np.pad(strip, margin + ((0, 0),) * (pixels.ndim - 2), mode="edge")
        out[..., top : top + n, :] = (_coefficients(padded) / steps[..., None, None]).numpy()
    if pixels.ndim == 2:
        out[1:] = 0
    return out


def _coefficients(pixels: np.ndarray) -> Tensor:
    """The coefficients, in grey levels, of a uint8 picture of whole tiles."""
    return tiles_to_coefficients(rgb_to_ycc(as_rgb(pixels)[None]))[0]


def as_rgb(pixels: np.ndarray) -> Tensor:
    """Return a uint8 (H, W) or (H, W, 3) picture as float (3, H, W)."""
    rgb = torch.from_numpy(pixels.astype(np.float32))
    return rgb.permute(2, 0, 1) if rgb.ndim == 3 else rgb.expand(3, -1, -1)


def dequantised_picture(symbols: np.ndarray, steps: Tensor, size: int = TILE) -> Tensor:
    """Return the picture of symbols without a generator, RGB (1, 3, rows * size, columns * size) float, unclipped.

    symbols: (3, 32, 32, rows, columns). steps: (3, 32, 32), in grey levels. size: pixels a tile has on each side; below
    32 the picture is band-limited.
    """
    low = torch.from_numpy(np.ascontiguousarray(symbols[:, :size, :size])).float()
    return dequantise(low, steps[:, :size, :size], size)


def dequantise(symbols: Tensor, steps: Tensor, size: int = TILE) -> Tensor:
    """Return the picture of float symbols (3, size, size, rows, columns), with gradients; see `dequantised_picture`."""
    return ycc_to_rgb(coefficients_to_tiles((symbols * steps[..., None, None])[None], size))


def to_pixels(rgb: Tensor) -> np.ndarray:
    """Round float RGB (1, 3, H, W), 0..255, to uint8 (H, W, 3)."""
    return rgb[0].round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).contiguous().numpy()


def thumbnail(symbols: np.ndarray, steps: Tensor, size: int) -> np.ndarray:
    """Return the band-limited picture of `size` pixels a tile, uint8 (rows * size, columns * size, 3)."""
    at_once = max(1, STRIP_TILES // symbols.shape[-1])
    strips = [symbols[..., top : top + at_once, :] for top in range(0, symbols.shape[-2], at_once)]
    return np.concatenate([to_pixels(dequantised_picture(strip, steps, size)) for strip in strips])
