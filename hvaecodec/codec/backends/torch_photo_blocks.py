"""The generator in PyTorch over the blocks of a picture, and the gradients of its error."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from hvaecodec.codec.backends.torch_photo_transform import as_rgb, dequantise
from hvaecodec.codec.photo import render as rendering
from hvaecodec.codec.photo.adaptation import unit
from hvaecodec.codec.photo.context import Context, Windows
from hvaecodec.codec.photo.nets import ErrorGradient
from hvaecodec.codec.photo.render import Block, Draws, Picture, cut_blocks
from hvaecodec.models.photo.generator import Draw, Generator
from hvaecodec.models.processor import bfloat16_is_faster


def picture_of(generator: Generator, steps: Tensor, draws: Draws | None = None) -> Picture:
    """Return what gives a generator's pictures of blocks.

    steps: (7, 3, 32, 32), in grey levels. draws: None takes the latents' means.
    """

    def draw(part: Context, block: Block) -> np.ndarray:
        noise = _Noise(draws, block) if draws else None
        return run_generator(generator, part, steps, draw=noise).numpy()

    return draw


@torch.no_grad()
def render_bands(
    generator: Generator, context: Windows, steps: Tensor, draws: Draws | None = None
) -> Iterator[np.ndarray]:
    """Give the generator's picture of a context a row of blocks at a time; see `picture_of`."""
    yield from rendering.render_bands(context, picture_of(generator, steps, draws))


def error_gradient(generator: Generator, context: Context, steps: Tensor, pixels: np.ndarray) -> ErrorGradient:
    """Return the squared error of the temperature-0 picture, summed over RGB samples, and its gradients.

    pixels: uint8 (H, W) or (H, W, 3), what was encoded; samples beyond it do not count. The picture is not rounded or
    clipped.
    """
    total, gradient = 0.0, np.zeros(context.symbols.shape, np.float32)
    rows = _rows(generator, context).requires_grad_()
    for block in cut_blocks(context.grid):
        part = context.window(*block.outer)
        symbols = torch.from_numpy(part.symbols).float().requires_grad_()
        with torch.enable_grad():
            picture = run_generator(generator, part, steps, varied=Varied(symbols, rows))
            error = _block_error(picture, block, pixels)
            error.backward()
        total += float(error.detach())
        if symbols.grad is not None:
            gradient[..., block.outer[0], block.outer[1]] += symbols.grad.numpy()
    by_row = np.zeros(len(rows)) if rows.grad is None else rows.grad.double().numpy()
    return ErrorGradient(total, gradient, by_row)


def squared_error(generator: Generator, context: Context, steps: Tensor, pixels: np.ndarray) -> float:
    """Return the error of `error_gradient` without its gradients."""
    pictures = (
        (block, run_generator(generator, context.window(*block.outer), steps)) for block in cut_blocks(context.grid)
    )
    return sum(float(_block_error(picture, block, pixels)) for block, picture in pictures)


def _block_error(picture: Tensor, block: Block, pixels: np.ndarray) -> Tensor:
    target = as_rgb(pixels[block.pixels])
    ours = picture[0, :, block.window[0], block.window[1]][:, : target.shape[1], : target.shape[2]]
    return (ours - target).square().sum()


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
    """Run the generator once, in bfloat16 where that is faster, whatever autocast the caller is in.

    The result is RGB (1, 3, 32 rows, 32 columns) float.
    """
    symbols, rows = varied or Varied(torch.from_numpy(context.symbols).float())
    dequantised = dequantise(symbols, context.shapes, steps)
    rows = _rows(generator, context) if rows is None else rows
    changed = len(rows) and (rows.requires_grad or bool(rows.any()))
    offsets = rows[None] @ generator.basis if changed else None
    shapes, step_index = torch.from_numpy(context.shapes)[None], torch.tensor([context.step_index])
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16_is_faster()):
        picture: Tensor = generator(dequantised, shapes, step_index, draw, offsets)
        return picture


def _rows(generator: Generator, context: Context) -> Tensor:
    """How much of each row of the generator's basis the context's adaptation takes, float (rows,)."""
    out = torch.zeros(len(generator.basis), dtype=torch.float32)
    values = context.adaptation.coefficients[: len(out)]
    out[: len(values)] = unit(context.adaptation.scale) * torch.from_numpy(values).float()
    return out


class _Noise:
    """The `Draw` of a block: normal numbers that belong to their absolute position in the picture."""

    def __init__(self, draws: Draws, block: Block) -> None:
        self.draws, self.block = draws, block

    def __call__(self, number: int, mean: Tensor, log_sigma: Tensor) -> Tensor:
        rows = self.block.outer[0]
        per_tile = mean.shape[2] // (rows.stop - rows.start)
        normal = torch.from_numpy(self.block.noise(self.draws.seed, number, mean.shape[1], per_tile))
        return mean + self.draws.temperature * log_sigma.exp() * normal
