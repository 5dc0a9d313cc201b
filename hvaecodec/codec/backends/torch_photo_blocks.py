"""The generator over whole pictures, block by block, so that memory does not grow with the picture.

A block is computed with as much around it as the generator sees, so that blocks give what the whole would.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from hvaecodec.codec.backends.torch_photo_transform import as_rgb, dequantise, to_pixels
from hvaecodec.codec.photo.adaptation import unit
from hvaecodec.codec.photo.context import Context
from hvaecodec.codec.photo.nets import ErrorGradient
from hvaecodec.codec.torch_guard import has_bfloat16
from hvaecodec.models.dct import TILE
from hvaecodec.models.philox import normals
from hvaecodec.models.photo.generator import RADIUS, Draw, Generator

BLOCK = 48  # tiles on each side of a block
HALO = RADIUS // TILE  # tiles around a block that are computed with it


@dataclass(frozen=True)
class Draws:
    """Latents at a temperature: mean + temperature * sigma * n, n a normal number of the place under `seed`."""

    temperature: float
    seed: int


@dataclass(frozen=True)
class _Block:
    """Rows and columns of tiles to compute, the same with what is around them, and the grid they are in."""

    inner: tuple[slice, slice]
    outer: tuple[slice, slice]
    grid: tuple[int, int]

    @property
    def window(self) -> tuple[slice, slice]:
        """Where the inner pixels are in a picture of the outer tiles."""
        y, x = (
            slice((i.start - o.start) * TILE, (i.stop - o.start) * TILE)
            for i, o in zip(self.inner, self.outer, strict=True)
        )
        return y, x

    @property
    def pixels(self) -> tuple[slice, slice]:
        """Where they are in the whole picture."""
        y, x = (slice(i.start * TILE, i.stop * TILE) for i in self.inner)
        return y, x


def _blocks(grid: tuple[int, int]) -> Iterator[_Block]:
    rows, columns = grid
    for top in range(0, rows, BLOCK):
        for left in range(0, columns, BLOCK):
            y, x = slice(top, min(top + BLOCK, rows)), slice(left, min(left + BLOCK, columns))
            yield _Block((y, x), (_widened(y, rows), _widened(x, columns)), grid)


def _widened(tiles: slice, n: int) -> slice:
    return slice(max(tiles.start - HALO, 0), min(tiles.stop + HALO, n))


def render(generator: Generator, context: Context, steps: Tensor, draws: Draws | None = None) -> np.ndarray:
    """Return the generator's picture of a context, uint8 (32 rows, 32 columns, 3).

    steps: (7, 3, 32, 32), in grey levels. draws: None takes the latents' means.
    """
    rows, columns = context.grid
    out = np.empty((rows * TILE, columns * TILE, 3), np.uint8)
    for block in _blocks((rows, columns)):
        part = context.window(*block.outer)
        noise = _Noise(draws, block) if draws else None
        picture = run_generator(generator, part, steps, draw=noise)
        out[block.pixels] = to_pixels(picture[..., block.window[0], block.window[1]])
    return out


def error_gradient(generator: Generator, context: Context, steps: Tensor, pixels: np.ndarray) -> ErrorGradient:
    """Return the squared error of the temperature-0 picture, summed over RGB samples, and its gradients.

    pixels: uint8 (H, W) or (H, W, 3), what was encoded; samples beyond it do not count. The picture is not rounded or
    clipped.
    """
    total, gradient = 0.0, np.zeros(context.symbols.shape, np.float32)
    rows = _rows(generator, context).requires_grad_()
    for block in _blocks(context.grid):
        part = context.window(*block.outer)
        symbols = torch.from_numpy(part.symbols).float().requires_grad_()
        with torch.enable_grad():
            picture = run_generator(generator, part, steps, varied=Varied(symbols, rows))
            target = as_rgb(pixels[block.pixels])
            ours = picture[0, :, block.window[0], block.window[1]][:, : target.shape[1], : target.shape[2]]
            error = (ours - target).square().sum()
            error.backward()
        total += float(error.detach())
        if symbols.grad is not None:
            gradient[..., block.outer[0], block.outer[1]] += symbols.grad.numpy()
    by_row = np.zeros(len(rows)) if rows.grad is None else rows.grad.double().numpy()
    return ErrorGradient(total, gradient, by_row)


class Varied(NamedTuple):
    """What a gradient is asked of, in the place of what a context has.

    symbols: float (3, 32, 32, rows, columns). rows: how much of each row of the generator's basis is added to its
    offsets, float (64,) or (0,), None for what the adaptation says.
    """

    symbols: Tensor
    rows: Tensor | None = None


def run_generator(
    generator: Generator, context: Context, steps: Tensor, *, draw: Draw | None = None, varied: Varied | None = None
) -> Tensor:
    """Run the generator once, in bfloat16 where the processor multiplies it, whatever autocast the caller is in.

    The result is RGB (1, 3, 32 rows, 32 columns) float.
    """
    symbols, rows = varied or Varied(torch.from_numpy(context.symbols).float())
    dequantised = dequantise(symbols, context.shapes, steps)
    rows = _rows(generator, context) if rows is None else rows
    changed = len(rows) and (rows.requires_grad or bool(rows.any()))
    offsets = rows[None] @ generator.basis if changed else None
    shapes, step_index = torch.from_numpy(context.shapes)[None], torch.tensor([context.step_index])
    with torch.autocast("cpu", torch.bfloat16, enabled=has_bfloat16()):
        picture: Tensor = generator(dequantised, shapes, step_index, draw, offsets)
        return picture


def _rows(generator: Generator, context: Context) -> Tensor:
    """How much of each row of the generator's basis the context's adaptation takes, float (rows,)."""
    out = torch.zeros(len(generator.basis))
    values = context.adaptation.coefficients[: len(out)]
    out[: len(values)] = unit(context.adaptation.scale) * torch.from_numpy(values).float()
    return out


class _Noise:
    """The `Draw` of a block: normal numbers that belong to their absolute position in the picture."""

    def __init__(self, draws: Draws, block: _Block) -> None:
        self.draws, self.block = draws, block

    def __call__(self, number: int, mean: Tensor, log_sigma: Tensor) -> Tensor:
        channels, height = mean.shape[1], mean.shape[2]
        rows, columns = self.block.outer
        per_tile = height // (rows.stop - rows.start)
        whole = self.block.grid[0] * per_tile, self.block.grid[1] * per_tile, channels
        noise = normals(self.draws.seed, number, whole, rows.start * per_tile, height)
        own = noise[:, :, columns.start * per_tile : columns.stop * per_tile]
        normal = torch.from_numpy(np.ascontiguousarray(own)).float()[None]
        return mean + self.draws.temperature * log_sigma.exp() * normal
