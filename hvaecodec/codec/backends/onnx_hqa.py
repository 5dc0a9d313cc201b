"""The nets of `hqa-photo` with ONNX Runtime and numpy: what stands behind `hvaecodec.codec.hqa.nets.HqaNets`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

import numpy as np

from hvaecodec.codec.add_texture import Texture, add_texture
from hvaecodec.codec.backends.onnx_session import Net
from hvaecodec.codec.backends.onnx_texture import build_texture, texture_drawer
from hvaecodec.codec.graphs import graph_of
from hvaecodec.codec.hqa.pictures import indices_to_picture, picture_to_indices
from hvaecodec.codec.hqa.weights import HqaBitstream, layers_in, load_sampler
from hvaecodec.codec.settings import Decoding
from hvaecodec.codec.weights import Generators
from hvaecodec.models.hqa.index_blas import BlasIndexArithmetic
from hvaecodec.models.hqa.index_prior import IndexPriorConfig
from hvaecodec.models.hqa.index_sampler import IndexSampler
from hvaecodec.models.hqa.layer_config import LayerConfig
from hvaecodec.models.rate_features import hats

_CELLS = 1 << 14  # how many cells have their logits in memory at once


def exact_prior(arrays: Mapping[str, np.ndarray], config: IndexPriorConfig) -> BlasIndexArithmetic:
    """Return the index prior over the integers of a layer. Raises ValueError for unsafe layers."""
    return BlasIndexArithmetic(arrays, config)


def load_nets(folder: Path, newest: str, bitstream: HqaBitstream) -> OnnxHqaNets:
    """Return the nets of a folder of weights.

    newest: the file of the generator that is encoded for. Raises CodecUnavailable if there is no such file.
    """
    return OnnxHqaNets(bitstream, folder, newest)


def build_sampler(metadata: Mapping[str, str], arrays: Mapping[str, np.ndarray]) -> IndexSampler:
    """Build what draws the lower layers of `hqa-photo`, as `load_sampler` does, in numpy."""
    return load_sampler(metadata, arrays, BlasIndexArithmetic)


class OnnxLayer:
    """`pictures.LayerNets` of one layer; values are numpy arrays. The nets load when they are first used."""

    def __init__(self, config: LayerConfig, bottom: bool, arrays: Mapping[str, np.ndarray]) -> None:
        """Take the layer's arrays of the generator, and its codebook. Raises CodecUnavailable where they do not fit."""
        self.config = config
        self._encoder = Net(graph_of("hqa-encoder", config, bottom), arrays)
        self._decoder = Net(graph_of("hqa-decoder", config, bottom), arrays)
        self.codes = arrays["codebook"].astype(np.float32)
        self.lengths = (self.codes**2).sum(1)

    def encode(self, target: np.ndarray) -> np.ndarray:
        """Return z_e of a target, (1, dim, h, w)."""
        return self._encoder(target=target)

    def quantise(self, z_e: np.ndarray) -> np.ndarray:
        """Return the nearest codes of z_e, (h, w)."""
        return self.choose(z_e, None, 1.0)

    def decode(self, indices: np.ndarray) -> np.ndarray:
        """Return what the decoder makes of indices (h, w): (1, C, 2 h, 2 w)."""
        return self._decoder(indices=indices.astype(np.int64)[None])

    def choose(self, z_e: np.ndarray, uniforms: np.ndarray | None, temperature: float) -> np.ndarray:
        """Return the codes (h, w) that a reconstruction of z_e implies."""
        _, dim, h, w = z_e.shape
        cells = z_e[0].reshape(dim, -1).T
        numbers = None if uniforms is None else uniforms.ravel()
        parts = []
        for start in range(0, len(cells), _CELLS):
            logits = self._logits(cells[start : start + _CELLS])
            if numbers is None:
                parts.append(logits.argmax(1))
            else:
                parts.append(_drawn(logits.astype(np.float64) / temperature, numbers[start : start + _CELLS]))
        return np.concatenate(parts).reshape(h, w)

    def _logits(self, cells: np.ndarray) -> np.ndarray:
        """-||z - e_k||^2 for every code, (N, dim) to (N, K)."""
        cross = np.float32(2) * (cells @ self.codes.T)
        cross -= self.lengths
        cross -= (cells**2).sum(1, keepdims=True)
        return cross


def _drawn(logits: np.ndarray, u: np.ndarray) -> np.ndarray:
    """The first index at which the cumulated softmax of logits, float64 (N, K), reaches the numbers u, (N,)."""
    cumulated = np.exp(logits - logits.max(1, keepdims=True)).cumsum(1)
    return (cumulated < u[:, None] * cumulated[:, -1:]).sum(1)


class OnnxLayers:
    """`pictures.HqaLayers` of a generator's file."""

    def __init__(self, layers: list[OnnxLayer]) -> None:
        self.layers = layers

    def enter(self, pixels: np.ndarray) -> np.ndarray:
        """Convert uint8 (H, W) or (H, W, 3) to float32 (1, 3, H, W) in 0..1."""
        x = pixels.astype(np.float32) / np.float32(255)
        return np.ascontiguousarray(x.transpose(2, 0, 1) if x.ndim == 3 else np.broadcast_to(x, (3, *x.shape)))[None]

    def leave(self, values: np.ndarray) -> np.ndarray:
        """Round (1, 3, H, W) in 0..1 to uint8 (H, W, 3)."""
        return np.rint(values[0] * np.float32(255)).clip(0, 255).astype(np.uint8).transpose(1, 2, 0)


class OnnxHqaNets:
    """`HqaNets` over the generators of a folder; each is loaded when it is first asked for."""

    def __init__(self, bitstream: HqaBitstream, folder: Path, newest: str) -> None:
        self.bitstream = bitstream
        overlays = {"sampler": build_sampler, "texture": build_texture}
        self.generators = Generators(folder, newest, self._build_layers, overlays)

    @cached_property
    def arithmetic(self) -> list[BlasIndexArithmetic]:
        """The index prior of every layer in integers held in float32, the bottom layer first."""
        layers = range(self.bitstream.n_layers)
        return [exact_prior(self.bitstream.layer(layer), self.bitstream.config) for layer in layers]

    def to_indices(self, pixels: np.ndarray, layer: int) -> np.ndarray:
        """Encode a picture as `HqaNets.to_indices` states."""
        (indices,) = picture_to_indices(self.generators.get(self.generators.newest), pixels, [layer])
        return indices

    def to_picture(self, indices: np.ndarray, layer: int, generator: bytes, settings: Decoding) -> np.ndarray:
        """Decode indices as `HqaNets.to_picture` states, with the texture that the generator may have on top."""
        drawing, n_layers = self.generators.drawing(generator), self.bitstream.n_layers
        sampler = drawing.sampler if settings.temperature else None
        picture = indices_to_picture(drawing.net, indices, layer, settings, sampler)
        if drawing.texture is None or not settings.temperature:
            return picture
        rate = hats((n_layers - 1 - layer) / max(1, n_layers - 1))
        texture = Texture(texture_drawer(drawing.texture, rate), settings.temperature, settings.seed)
        return add_texture(picture, texture)

    def _build_layers(self, metadata: Mapping[str, str], arrays: Mapping[str, np.ndarray]) -> OnnxLayers:
        """Build the encoders and decoders of a generator's file with the bitstream's codes. Raises CodecUnavailable."""
        configs = layers_in(metadata, self.bitstream.n_layers)
        layers = [dict(_of_layer(arrays, number)) for number in range(len(configs))]
        for number, own in enumerate(layers):
            own["codebook"] = self.bitstream.layer(number)["codebook"]
        return OnnxLayers([OnnxLayer(c, n == 0, own) for n, (c, own) in enumerate(zip(configs, layers, strict=True))])


def _of_layer(arrays: Mapping[str, np.ndarray], number: int) -> Iterator[tuple[str, np.ndarray]]:
    """The arrays of a layer, counted from 0, under their names without its prefix."""
    prefix = f"layers.{number}."
    for name, array in arrays.items():
        if name.startswith(prefix):
            yield name.removeprefix(prefix), array
