"""Pictures to the indices of a layer and back, in blocks, so that memory does not grow with the picture.

What a block's nets give is the backend's; here is where blocks lie, and in which order layers run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from hvaecodec.codec.hqa import blocks
from hvaecodec.codec.hqa.blocks import cut_blocks, index_grid, refine
from hvaecodec.codec.settings import Decoding
from hvaecodec.models.hqa.index_sampler import IndexSampler
from hvaecodec.models.hqa.layer_config import LayerConfig
from hvaecodec.models.philox import uniforms

Values = Any  # float32 (1, C, h, w) of the library's own kind; all that is done with it here is to slice it


class LayerNets(Protocol):
    """The encoder, the codes and the decoder of one layer."""

    config: LayerConfig

    def encode(self, target: Values) -> Values:
        """Return z_e, (1, dim, h, w), of a target: a picture in 0..1, or z_e of the layer below."""

    def quantise(self, z_e: Values) -> np.ndarray:
        """Return the nearest codes of z_e, (h, w)."""

    def decode(self, indices: np.ndarray) -> Values:
        """Return what the decoder makes of indices (h, w): the target, (1, C, 2 h, 2 w)."""

    def choose(self, z_e: Values, uniforms: np.ndarray | None, temperature: float) -> np.ndarray:
        """Return the codes (h, w) that a reconstruction of z_e implies: the nearest, or drawn where there are uniforms.

        uniforms: float64 (h, w). temperature: above 0; logits are divided by it.
        """


class HqaLayers(Protocol):
    """The layers of a generator, the bottom one first, and how pictures enter and leave."""

    @property
    def layers(self) -> Sequence[LayerNets]:
        """The layers."""

    def enter(self, pixels: np.ndarray) -> Values:
        """Convert uint8 (H, W) or (H, W, 3) to (1, 3, H, W) in 0..1."""

    def leave(self, values: Values) -> np.ndarray:
        """Round (1, 3, H, W) in 0..1 to uint8 (H, W, 3)."""


def picture_to_indices(nets: HqaLayers, pixels: np.ndarray, layers: Sequence[int]) -> list[np.ndarray]:
    """Encode a uint8 (H, W) or (H, W, 3) picture; return the nearest codes of some layers, int16 (rows, columns) each.

    The picture is continued by its last row and column to whole cells of the highest layer; grey is RGB with three
    equal channels.
    """
    height, width = pixels.shape[:2]
    top = max(layers)
    cell = 2 << top
    grids = [np.empty(index_grid(height, width, layer), np.int16) for layer in layers]
    overlap = -(-_overlap(nets, top) // cell)
    for block in cut_blocks(index_grid(height, width, top), max(1, blocks.ENCODER_PIXELS // cell), overlap):
        z = nets.enter(blocks.cut_pixels(pixels, block.outer, cell))
        for layer in range(top + 1):
            z = nets.layers[layer].encode(z)
            if layer in layers:
                per_cell = cell >> layer + 1
                codes = nets.layers[layer].quantise(z[(..., *refine(block.within, per_cell))])
                part = grids[layers.index(layer)][refine(block.inner, per_cell)]
                part[:] = codes[: part.shape[0], : part.shape[1]]
    return grids


def indices_to_picture(
    nets: HqaLayers, indices: np.ndarray, layer: int, settings: Decoding, sampler: IndexSampler | None = None
) -> np.ndarray:
    """Decode a layer's indices, int16 (rows, columns), a layer at a time, each in blocks.

    Returns uint8 (rows * cell, columns * cell, 3). Temperature 0 takes the mode of every layer below. Above it the
    layers below are drawn with logits divided by it: each layer by the sampler, or without one every cell by itself
    from what the decoder above says of it, as in the paper (arXiv:2002.08111).
    """
    for number in range(layer, 0, -1):
        if sampler is not None:
            indices = sampler.draw(indices, number - 1, settings.temperature, settings.seed)
        else:
            indices = _indices_below(nets, indices, number, settings)
    rows, columns = indices.shape
    picture, bottom = np.empty((2 * rows, 2 * columns, 3), np.uint8), nets.layers[0]
    for block in cut_blocks((rows, columns), blocks.DECODER_CELLS, bottom.config.radius):
        values = bottom.decode(indices[block.outer])
        picture[refine(block.inner, 2)] = nets.leave(values[(..., *refine(block.within, 2))])
    return picture


def _indices_below(nets: HqaLayers, indices: np.ndarray, layer: int, settings: Decoding) -> np.ndarray:
    """Return the indices of the layer below that a layer's decoder makes of its own, int16 (2 rows, 2 columns)."""
    rows, columns = 2 * indices.shape[0], 2 * indices.shape[1]
    out = np.empty((rows, columns), np.int16)
    upper, lower = nets.layers[layer], nets.layers[layer - 1]
    for block in cut_blocks((indices.shape[0], indices.shape[1]), blocks.DECODER_CELLS, upper.config.radius):
        top, left = region = refine(block.inner, 2)
        noise = None
        if settings.temperature > 0:
            u = uniforms(settings.seed, layer - 1, (rows, columns, 1), top.start, top.stop - top.start)[0]
            noise = np.ascontiguousarray(u[:, left])
        values = upper.decode(indices[block.outer])[(..., *refine(block.within, 2))]
        out[region] = lower.choose(values, noise, settings.temperature)
    return out


def _overlap(nets: HqaLayers, layer: int) -> int:
    """Return how many pixels around a block its indices of a layer depend on."""
    return sum((2 << n) * nets.layers[n].config.radius for n in range(layer + 1))
