"""The nets of `hqa-photo` on torch: pictures to indices and back, in blocks, and how the nets are built of weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hvaecodec.codec.add_texture import add_texture
from hvaecodec.codec.config_fields import config_from
from hvaecodec.codec.errors import CodecUnavailable
from hvaecodec.codec.exact_arrays import check_frequencies, take
from hvaecodec.codec.hqa import blocks
from hvaecodec.codec.hqa.blocks import Block, cut_blocks, index_grid, refine
from hvaecodec.codec.hqa.weights import HqaBitstream, check_index_prior
from hvaecodec.codec.settings import Decoding
from hvaecodec.codec.torch_guard import exact_float32, has_bfloat16
from hvaecodec.codec.torch_weights import build_net, build_texture, float_tensors
from hvaecodec.codec.weight_folders import config_of, usable
from hvaecodec.codec.weights import Generators
from hvaecodec.models.hqa.index_exact import ExactIndexArithmetic
from hvaecodec.models.hqa.index_prior import CODES, N_TABLES, IndexPriorConfig
from hvaecodec.models.hqa.index_sampler import IndexSampler
from hvaecodec.models.hqa.stack import HqaLayer, HqaStack, LayerConfig, choose
from hvaecodec.models.integers import TOTAL_BITS
from hvaecodec.models.philox import uniforms
from hvaecodec.models.texture import layer_features


class Nets:
    """`hvaecodec.codec.hqa.nets.HqaNets` on torch.

    folder: holds the generators. newest: the name of the file that pictures are encoded for. Raises CodecUnavailable if
    there is no such file.
    """

    def __init__(self, bitstream: HqaBitstream, folder: Path, newest: str) -> None:
        self.bitstream = bitstream
        overlays = {"sampler": build_sampler, "texture": build_texture}
        self.generators = Generators(folder, newest, self._build_stack, overlays)

    @cached_property
    def arithmetic(self) -> list[ExactIndexArithmetic]:
        """The index prior of every layer in integers held in float32, the bottom layer first."""
        layers = range(self.bitstream.n_layers)
        return [ExactIndexArithmetic(self.bitstream.layer(layer), self.bitstream.config) for layer in layers]

    def to_indices(self, pixels: np.ndarray, layer: int) -> np.ndarray:
        """Encode a picture as `HqaNets.to_indices` states."""
        with exact_float32():
            (indices,) = picture_to_indices(self.generators.get(self.generators.newest), pixels, [layer])
        return indices

    def to_picture(self, indices: np.ndarray, layer: int, generator: bytes, settings: Decoding) -> np.ndarray:
        """Decode indices as `HqaNets.to_picture` states, with the texture that the generator may have on top."""
        drawing = self.generators.drawing(generator)
        with exact_float32():
            sampler = drawing.sampler if settings.temperature else None
            picture = indices_to_picture(drawing.net, indices, layer, settings, sampler)
        if drawing.texture is None or not settings.temperature:
            return picture
        rate = layer_features(layer + 1, self.bitstream.n_layers)
        return add_texture(picture, drawing.texture, rate, settings.temperature, settings.seed)

    def _build_stack(self, metadata: Mapping[str, str], arrays: Mapping[str, np.ndarray]) -> HqaStack:
        """Build the encoders and decoders of a generator's file with the bitstream's codes: float32, frozen."""
        configs = [config_from(LayerConfig, raw) for raw in config_of(metadata)]
        n_layers = self.bitstream.n_layers
        if len(configs) != n_layers:
            raise CodecUnavailable(f"the generator has {len(configs)} layers, the bitstream weights {n_layers}")
        if any((config.stride, config.codes) != (2, CODES) for config in configs):
            raise ValueError(f"every layer halves the grid and has {CODES} codes")
        state = float_tensors(arrays)
        for layer in range(n_layers):
            codebook = self.bitstream.layer(layer)["codebook"]
            state[f"layers.{layer}.codebook"] = torch.from_numpy(codebook.astype(np.float32))
            state[f"layers.{layer}.seen"] = torch.ones((), dtype=torch.int64)
        with usable("the generator does not fit the bitstream weights"):
            return build_net(lambda: _stack_of(configs), state).freeze()


def _stack_of(configs: Sequence[LayerConfig]) -> HqaStack:
    return HqaStack([HqaLayer(config, bottom=layer == 0) for layer, config in enumerate(configs)])


def build_sampler(metadata: Mapping[str, str], arrays: Mapping[str, np.ndarray]) -> IndexSampler:
    """Build what draws the lower layers of `hqa-photo`.

    arrays: those of layer n, counted from 1, under `layer<n>.`, and `bit_tables`.
    """
    layers: dict[str, dict[str, np.ndarray]] = {}
    for name, array in arrays.items():
        layer, _, part = name.partition(".")
        layers.setdefault(layer, {})[part] = array
    tables = layers.pop("bit_tables")[""]
    ordered = [layers[f"layer{number + 1}"] for number in range(len(layers))]
    config = config_from(IndexPriorConfig, config_of(metadata))
    for layer_arrays in ordered:
        check_index_prior(layer_arrays, config)
    check_frequencies("bit_tables", take({"bit_tables": tables}, "bit_tables", np.int32, N_TABLES, 2), TOTAL_BITS)
    return IndexSampler(ordered, tables, config)


def picture_to_indices(
    stack: HqaStack, pixels: np.ndarray, layers: Sequence[int], device: torch.device | str = "cpu"
) -> list[np.ndarray]:
    """Encode a uint8 (H, W) or (H, W, 3) picture; return the nearest codes of some layers, int16 (rows, columns) each.

    The picture is continued by its last row and column to whole cells of the highest layer; grey is RGB with three
    equal channels.
    """
    height, width = pixels.shape[:2]
    top = max(layers)
    cell = 2 << top
    grids = [np.empty(index_grid(height, width, layer), np.int16) for layer in layers]
    overlap = -(-_overlap(stack, top) // cell)
    for block in cut_blocks(index_grid(height, width, top), max(1, blocks.ENCODER_PIXELS // cell), overlap):
        z = _to_tensor(blocks.cut_pixels(pixels, block.outer, cell)).to(device)
        for layer in range(top + 1):
            z = stack[layer].encode(z)
            if layer in layers:
                per_cell = cell >> layer + 1
                codes = stack.quantise(z[(..., *refine(block.within, per_cell))], layer)[0].cpu().numpy()
                part = grids[layers.index(layer)][refine(block.inner, per_cell)]
                part[:] = codes[: part.shape[0], : part.shape[1]]
    return grids


def indices_to_picture(
    stack: HqaStack, indices: np.ndarray, layer: int, settings: Decoding, sampler: IndexSampler | None = None
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
            indices = _indices_below(stack, indices, number, settings)
    rows, columns = indices.shape
    picture = np.empty((2 * rows, 2 * columns, 3), np.uint8)
    for block in cut_blocks((rows, columns), blocks.DECODER_CELLS, _radius(stack[0])):
        values = _reconstruct(stack[0], indices, block)
        pixels = (values[0] * 255).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0)
        picture[refine(block.inner, 2)] = pixels.numpy()
    return picture


def _indices_below(stack: HqaStack, indices: np.ndarray, layer: int, settings: Decoding) -> np.ndarray:
    """Return the indices of the layer below that a layer's decoder makes of its own, int16 (2 rows, 2 columns)."""
    rows, columns = 2 * indices.shape[0], 2 * indices.shape[1]
    out = np.empty((rows, columns), np.int16)
    upper, lower = stack[layer], stack[layer - 1]
    for block in cut_blocks((indices.shape[0], indices.shape[1]), blocks.DECODER_CELLS, _radius(upper)):
        top, left = region = refine(block.inner, 2)
        noise = None
        if settings.temperature > 0:
            u = uniforms(settings.seed, layer - 1, (rows, columns, 1), top.start, top.stop - top.start)[0]
            noise = torch.from_numpy(np.ascontiguousarray(u[:, left]))
        values = _reconstruct(upper, indices, block)
        codes = choose(lambda cells: upper.logits_below(cells, lower), values, noise, settings.temperature)
        out[region] = codes[0].numpy()
    return out


def _reconstruct(layer: HqaLayer, indices: np.ndarray, block: Block) -> Tensor:
    """Return what a layer's decoder makes of the cells of a block, (1, C, 2 h, 2 w).

    The picture itself needs no more than half precision; what codes are chosen by is float32.
    """
    patch = torch.from_numpy(indices[block.outer].astype(np.int64))[None]
    with torch.autocast("cpu", torch.bfloat16, enabled=layer.bottom and has_bfloat16()):
        decoded = layer.decode(layer.lookup(patch))
    return layer.unstandardise(decoded.float())[(..., *refine(block.within, 2))]


def _radius(layer: HqaLayer) -> int:
    """Return how many cells around a block its reconstruction depends on.

    They are one for a 3x3 convolution, two for every residual block, and half of two more at twice the side.
    """
    return 2 + 2 * layer.config.blocks


def _overlap(stack: HqaStack, layer: int) -> int:
    """Return how many pixels around a block its indices of a layer depend on."""
    return sum((2 << n) * (2 + 2 * stack[n].config.blocks) for n in range(layer + 1))


def _to_tensor(pixels: np.ndarray) -> Tensor:
    """Convert uint8 (H, W) or (H, W, 3) to float (1, 3, H, W) in 0..1."""
    x = torch.from_numpy(pixels).float() / 255
    return (x.permute(2, 0, 1) if x.ndim == 3 else x.expand(3, -1, -1))[None]
