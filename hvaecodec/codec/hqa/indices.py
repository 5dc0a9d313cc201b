"""Pictures to HQA indices and back, in blocks with overlaps, so that memory does not grow with the network's width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hvaecodec.codec.torch_guard import has_bfloat16
from hvaecodec.models.hqa.index_sampler import IndexSampler
from hvaecodec.models.hqa.stack import HqaLayer, HqaStack, choose
from hvaecodec.models.philox import uniforms

BLOCK = 1024  # pixels on each side of a block that is encoded
CELLS = 384  # cells on each side of a block that one layer decodes


def index_grid(height: int, width: int, layer: int) -> tuple[int, int]:
    """Rows and columns of a layer's cells, 0 the bottom layer: a cell is 2**(layer + 1) pixels wide."""
    return -(-height >> layer + 1), -(-width >> layer + 1)


def encode_picture(
    stack: HqaStack, pixels: np.ndarray, layers: Sequence[int], device: torch.device | str = "cpu"
) -> list[np.ndarray]:
    """The nearest codes of some layers, int16 (rows, columns) each, of a uint8 (H, W) or (H, W, 3) picture.

    The picture is continued by its last row and column to whole cells of the highest layer; grey is RGB with three
    equal channels.
    """
    height, width = pixels.shape[:2]
    cell = 2 << max(layers)
    found = [np.empty(index_grid(height, width, layer), np.int16) for layer in layers]
    halo = _halo(stack, max(layers))
    rows, columns = -(-height // cell), -(-width // cell)
    for block in _blocks(rows, columns, max(1, BLOCK // cell), -(-halo // cell)):
        z = _cut(pixels, block.outer, cell).to(device)
        for layer in range(max(layers) + 1):
            z = stack[layer].encode(z)
            if layer in layers:
                per_cell = cell >> layer + 1
                codes = stack.quantise(z[(..., *_times(block.within, per_cell))], layer)[0].cpu().numpy()
                part = found[layers.index(layer)][_times(block.inner, per_cell)]
                part[:] = codes[: part.shape[0], : part.shape[1]]
    return found


def decode_picture(
    stack: HqaStack,
    indices: np.ndarray,
    layer: int,
    temperature: float = 0.0,
    seed: int = 0,
    sampler: IndexSampler | None = None,
) -> np.ndarray:
    """The picture of a layer's indices, uint8 (rows * cell, columns * cell, 3); a layer at a time, each in blocks.

    temperature 0 takes the mode of every layer below; above it, draws whose logits are divided by it, each layer from
    the sampler, or without one every cell by itself from what the decoder above says of it, as in the paper.
    """
    for number in range(layer, 0, -1):
        if sampler is not None and temperature > 0:
            indices = sampler.draw(indices, number - 1, temperature, seed)
        else:
            indices = _indices_below(stack, indices, number, temperature, seed)
    rows, columns = indices.shape
    out = np.empty((2 * rows, 2 * columns, 3), np.uint8)
    for block in _blocks(rows, columns, CELLS, _radius(stack[0])):
        values = _reconstruct(stack[0], indices, block)
        shown = (values[0] * 255).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0)
        out[_times(block.inner, 2)] = shown.numpy()
    return out


def _indices_below(stack: HqaStack, indices: np.ndarray, number: int, temperature: float, seed: int) -> np.ndarray:
    """Indices of layer `number` - 1 that layer `number`'s decoder makes of its own."""
    rows, columns = 2 * indices.shape[0], 2 * indices.shape[1]
    out = np.empty((rows, columns), np.int16)
    layer, below = stack[number], stack[number - 1]
    for block in _blocks(indices.shape[0], indices.shape[1], CELLS, _radius(layer)):
        top, left = to = _times(block.inner, 2)
        drawn = None
        if temperature > 0:
            numbers = uniforms(seed, number - 1, (rows, columns, 1), top.start, top.stop - top.start)[0]
            drawn = torch.from_numpy(np.ascontiguousarray(numbers[:, left]))
        values = _reconstruct(layer, indices, block)
        codes = choose(lambda cells: layer.logits_below(cells, below), values, drawn, temperature)
        out[to] = codes[0].numpy()
    return out


def _reconstruct(layer: HqaLayer, indices: np.ndarray, block: _Block) -> Tensor:
    """What a layer's decoder makes of the cells of a block, (1, C, 2 h, 2 w).

    The picture itself needs no more than half precision; what codes are chosen by is float32.
    """
    patch = torch.from_numpy(indices[block.outer].astype(np.int64))[None]
    with torch.autocast("cpu", torch.bfloat16, enabled=layer.bottom and has_bfloat16()):
        decoded = layer.decode(layer.lookup(patch))
    return layer.unstandardise(decoded.float())[(..., *_times(block.within, 2))]


def _radius(layer: HqaLayer) -> int:
    """Cells around a block that its reconstruction depends on: a 3x3, two for each block, and two at twice the side."""
    return 2 + 2 * layer.config.blocks


def _halo(stack: HqaStack, layer: int) -> int:
    """Pixels around a block that its indices of a layer depend on."""
    return sum((2 << n) * (2 + 2 * stack[n].config.blocks) for n in range(layer + 1))


@dataclass(frozen=True)
class _Block:
    """Rows and columns of cells: the block, the same with its overlap, and where in that the block lies."""

    inner: tuple[slice, slice]
    outer: tuple[slice, slice]

    @property
    def within(self) -> tuple[slice, slice]:
        y, x = (slice(i.start - o.start, i.stop - o.start) for i, o in zip(self.inner, self.outer, strict=True))
        return y, x


def _blocks(rows: int, columns: int, side: int, halo: int) -> Iterator[_Block]:
    for top in range(0, rows, side):
        for left in range(0, columns, side):
            inner = slice(top, min(top + side, rows)), slice(left, min(left + side, columns))
            y, x = (
                slice(max(i.start - halo, 0), min(i.stop + halo, n))
                for i, n in zip(inner, (rows, columns), strict=True)
            )
            yield _Block(inner, (y, x))


def _times(block: tuple[slice, slice], factor: int) -> tuple[slice, slice]:
    """The same block on a grid that is finer by a factor."""
    y, x = (slice(part.start * factor, part.stop * factor) for part in block)
    return y, x


def _cut(pixels: np.ndarray, block: tuple[slice, slice], cell: int) -> Tensor:
    """Some cells of a picture as (1, 3, H, W) float 0..1, continued beyond its edges."""
    rows, columns = (slice(b.start * cell, b.stop * cell) for b in block)
    part = pixels[rows, columns]
    margin = ((0, rows.stop - rows.start - part.shape[0]), (0, columns.stop - columns.start - part.shape[1]))
    padded = np.pad(part, margin + ((0, 0),) * (pixels.ndim - 2), mode="edge")
    x = torch.from_numpy(padded).float() / 255
    return (x.permute(2, 0, 1) if x.ndim == 3 else x.expand(3, -1, -1))[None]
