"""Pictures to symbols and symbols to pictures, in blocks, so that memory does not grow with the network's width."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from hvaecodec.codec.torch_guard import has_bfloat16
from hvaecodec.models.dct import TILE, coefficients_to_tiles, rgb_to_ycc, tiles_to_coefficients, ycc_to_rgb
from hvaecodec.models.philox import normals
from hvaecodec.models.photo.generator import RADIUS, Generator

STRIP_TILES = 4096  # tiles transformed at once
BLOCK = 48  # tiles on each side of a block that the generator renders
HALO = RADIUS // TILE


def tile_grid(height: int, width: int) -> tuple[int, int]:
    """Rows and columns of tiles that cover a picture."""
    return -(-height // TILE), -(-width // TILE)


def to_coefficients(pixels: np.ndarray, steps: Tensor) -> np.ndarray:
    """Coefficients in units of their steps, float32 (3, 32, 32, rows, columns), of a uint8 (H, W) or (H, W, 3) picture.

    steps: (3, 32, 32). The picture is continued by its last row and column to whole tiles; grey is RGB with three
    equal channels, so its chroma is zero.
    """
    height, width = pixels.shape[:2]
    rows, columns = tile_grid(height, width)
    out = np.empty((3, TILE, TILE, rows, columns), np.float32)
    at_once = max(1, STRIP_TILES // columns)
    for top in range(0, rows, at_once):
        strip = pixels[top * TILE : (top + at_once) * TILE]
        n = min(at_once, rows - top)
        margin = ((0, n * TILE - strip.shape[0]), (0, columns * TILE - width))
        padded = np.pad(strip, margin + ((0, 0),) * (pixels.ndim - 2), mode="edge")
        rgb = torch.from_numpy(padded).float()
        rgb = rgb.permute(2, 0, 1) if rgb.ndim == 3 else rgb.expand(3, -1, -1)
        coefficients = tiles_to_coefficients(rgb_to_ycc(rgb[None]))[0] / steps[..., None, None]
        if pixels.ndim == 2:
            coefficients[1:] = 0
        out[..., top : top + n, :] = coefficients.numpy()
    return out


def dequantised_picture(symbols: np.ndarray, steps: Tensor, size: int = TILE) -> Tensor:
    """RGB (1, 3, rows * size, columns * size) float 0..255, unclipped, from symbols (3, 32, 32, rows, columns)."""
    low = torch.from_numpy(np.ascontiguousarray(symbols[:, :size, :size])).float()
    values = low * steps[:, :size, :size, None, None]
    return ycc_to_rgb(coefficients_to_tiles(values[None], size))


def to_pixels(rgb: Tensor) -> np.ndarray:
    """Float RGB (1, 3, H, W) to uint8 (H, W, 3)."""
    return rgb[0].round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).contiguous().numpy()


def thumbnail(symbols: np.ndarray, steps: Tensor, size: int) -> np.ndarray:
    """The band-limited picture of `size` pixels a tile, uint8 (rows * size, columns * size, 3)."""
    rows = symbols.shape[-2]
    at_once = max(1, STRIP_TILES // symbols.shape[-1])
    strips = [symbols[..., top : top + at_once, :] for top in range(0, rows, at_once)]
    return np.concatenate([to_pixels(dequantised_picture(strip, steps, size)) for strip in strips])


def render(
    generator: Generator, symbols: np.ndarray, steps: Tensor, index: int, temperature: float = 0.0, seed: int = 0
) -> np.ndarray:
    """The generator's picture of symbols, uint8 (32 rows, 32 columns, 3), block by block with overlaps of its radius."""
    rows, columns = symbols.shape[-2:]
    out = np.empty((rows * TILE, columns * TILE, 3), np.uint8)
    for inner, outer in _blocks(rows, columns):
        patch = symbols[..., outer[0], outer[1]]
        draw = _Noise((rows, columns), outer, temperature, seed) if temperature else None
        picture = run_generator(generator, dequantised_picture(patch, steps), index, draw)
        y, x = (slice((i.start - o.start) * TILE, (i.stop - o.start) * TILE) for i, o in zip(inner, outer, strict=True))
        target = tuple(slice(i.start * TILE, i.stop * TILE) for i in inner)
        out[target] = to_pixels(picture[..., y, x])
    return out


def error_gradient(
    generator: Generator, symbols: np.ndarray, steps: Tensor, index: int, pixels: np.ndarray
) -> tuple[float, np.ndarray]:
    """Squared error of the temperature-0 picture, summed over RGB samples, and its gradient by symbol.

    pixels: uint8 (H, W) or (H, W, 3), what was encoded; samples beyond it do not count. Gradient: float32, the shape
    of `symbols`. The picture is not rounded or clipped.
    """
    total, gradient = 0.0, np.zeros(symbols.shape, np.float32)
    height, width = pixels.shape[:2]
    for inner, outer in _blocks(*symbols.shape[-2:]):
        patch = torch.from_numpy(np.ascontiguousarray(symbols[..., outer[0], outer[1]])).float().requires_grad_()
        with torch.enable_grad():
            dequantised = ycc_to_rgb(coefficients_to_tiles((patch * steps[..., None, None])[None]))
            picture = run_generator(generator, dequantised, index)
            y, x = (
                slice((i.start - o.start) * TILE, (i.stop - o.start) * TILE) for i, o in zip(inner, outer, strict=True)
            )
            target = pixels[
                tuple(slice(i.start * TILE, min(i.stop * TILE, n)) for i, n in zip(inner, (height, width), strict=True))
            ]
            wanted = torch.from_numpy(target.astype(np.float32))
            wanted = wanted.permute(2, 0, 1) if wanted.ndim == 3 else wanted.expand(3, -1, -1)
            shown = picture[0, :, y, x][:, : wanted.shape[1], : wanted.shape[2]]
            error = (shown - wanted).square().sum()
            error.backward()
        total += float(error.detach())
        if patch.grad is not None:
            gradient[..., outer[0], outer[1]] += patch.grad.numpy()
    return total, gradient


def run_generator(generator: Generator, dequantised: Tensor, index: int, draw: _Noise | None = None) -> Tensor:
    """One pass of the generator, in bfloat16 where the processor multiplies it, whatever autocast the caller is in."""
    with torch.autocast("cpu", torch.bfloat16, enabled=has_bfloat16()):
        return generator(dequantised, torch.tensor([index]), draw)


def _blocks(rows: int, columns: int) -> Iterator[tuple[tuple[slice, slice], tuple[slice, slice]]]:
    """Blocks of tiles (row and column slices) and the same with their overlap."""
    for top in range(0, rows, BLOCK):
        for left in range(0, columns, BLOCK):
            inner = slice(top, min(top + BLOCK, rows)), slice(left, min(left + BLOCK, columns))
            outer = tuple(
                slice(max(i.start - HALO, 0), min(i.stop + HALO, n))
                for i, n in zip(inner, (rows, columns), strict=True)
            )
            yield inner, (outer[0], outer[1])


class _Noise:
    """Latents at a temperature: mean + temperature * sigma * n, n at its absolute position in the picture."""

    def __init__(self, grid: tuple[int, int], block: tuple[slice, slice], temperature: float, seed: int) -> None:
        self.grid, self.block, self.temperature, self.seed = grid, block, temperature, seed

    def __call__(self, number: int, mean: Tensor, log_sigma: Tensor) -> Tensor:
        channels, height = mean.shape[1], mean.shape[2]
        rows, columns = self.block
        per_tile = height // (rows.stop - rows.start)
        whole = self.grid[0] * per_tile, self.grid[1] * per_tile, channels
        drawn = normals(self.seed, number, whole, rows.start * per_tile, height)
        drawn = drawn[:, :, columns.start * per_tile : columns.stop * per_tile]
        return mean + self.temperature * log_sigma.exp() * torch.from_numpy(np.ascontiguousarray(drawn)).float()[None]
