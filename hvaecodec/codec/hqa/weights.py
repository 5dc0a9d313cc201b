"""The bitstream weights of `hqa-photo`: the priors of the indices, and the codes that give the indices their meaning.

Codes belong to the bitstream: an encoder or a decoder may be trained anew, but an index must keep its meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from hvaecodec.codec.backends import library_in_use, load_backend, require_torch
from hvaecodec.codec.config_fields import config_from
from hvaecodec.codec.entropy.bits import BitTables
from hvaecodec.codec.errors import CodecUnavailable
from hvaecodec.codec.exact_arrays import check_frequencies, check_layer, take
from hvaecodec.codec.weight_files import read_weights
from hvaecodec.codec.weight_folders import config_of, usable
from hvaecodec.codec.weights import BITSTREAM, bitstream_digest
from hvaecodec.models.hqa.index_prior import CODES, N_TABLES, Arithmetic, IndexPriorConfig, layer_shapes
from hvaecodec.models.hqa.index_sampler import IndexArithmetic, IndexSampler
from hvaecodec.models.hqa.layer_config import LayerConfig
from hvaecodec.models.integers import TOTAL_BITS

MAX_LAYERS = 5  # whose cells are 32 x 32 pixels


@dataclass(frozen=True)
class HqaBitstream:
    """The bitstream weights that a file's digest names.

    digest: 4 bytes. arrays: those of layer n, counted from 1, under `layer<n>.`, and `bit_tables`. library: what
    computes with them, see `hvaecodec.codec.backends`.
    """

    digest: bytes
    config: IndexPriorConfig
    arrays: Mapping[str, np.ndarray]
    library: str

    @cached_property
    def n_layers(self) -> int:
        """The number of layers: every layer has a codebook."""
        return sum(name.endswith(".codebook") for name in self.arrays)

    def layer(self, layer: int) -> dict[str, np.ndarray]:
        """Return the arrays of a layer, counted from 0, under their names without the layer's prefix."""
        prefix = f"layer{layer + 1}."
        return {name.removeprefix(prefix): part for name, part in self.arrays.items() if name.startswith(prefix)}

    def arithmetic_in(self, library: str, layer: int) -> Arithmetic:
        """Return the index prior of a layer, counted from 0, in the arithmetic of a library.

        library: "torch", "onnx" or "numpy", the plain reference. Raises CodecUnavailable for torch where it is not
        installed.
        """
        if library == "torch":
            require_torch("the backend torch")
        prior: Arithmetic = load_backend("hqa", library).exact_prior(self.layer(layer), self.config)
        return prior

    @cached_property
    def tables(self) -> BitTables:
        """The frequency tables of bits, ready for the coder."""
        return BitTables(self.arrays["bit_tables"])


def load_hqa_bitstream(folder: Path) -> HqaBitstream:
    """Read the bitstream weights of a folder. Raises CodecUnavailable."""
    with usable(f"cannot use the weights {folder / BITSTREAM}"):
        weights = read_weights(folder / BITSTREAM)
        config = config_from(IndexPriorConfig, config_of(weights.metadata))
        bitstream = HqaBitstream(bitstream_digest(weights.data), config, weights.arrays, library_in_use())
        check_bitstream(bitstream)
        return bitstream


def check_bitstream(bitstream: HqaBitstream) -> None:
    """Raise ValueError unless every layer has a codebook and a prior of the configuration, whose sums are exact."""
    if not 1 <= bitstream.n_layers <= MAX_LAYERS or bitstream.config.above:
        raise ValueError(f"these are {bitstream.n_layers} layers, expected 1..{MAX_LAYERS} that see no layer above")
    for layer in range(bitstream.n_layers):
        arrays = bitstream.layer(layer)
        take(arrays, "codebook", np.float16, CODES, None)
        check_index_prior(arrays, bitstream.config)
    check_frequencies("bit_tables", take(bitstream.arrays, "bit_tables", np.int32, N_TABLES, 2), TOTAL_BITS)


def layers_in(metadata: Mapping[str, str], n_layers: int) -> list[LayerConfig]:
    """Return the configurations of a generator's layers, as its file's metadata state them, the bottom layer first.

    n_layers: how many the bitstream weights have. Raises CodecUnavailable or ValueError for others than they ask for.
    """
    configs = [config_from(LayerConfig, raw) for raw in config_of(metadata)]
    if len(configs) != n_layers:
        raise CodecUnavailable(f"the generator has {len(configs)} layers, the bitstream weights {n_layers}")
    if any((config.stride, config.codes) != (2, CODES) for config in configs):
        raise ValueError(f"every layer halves the grid and has {CODES} codes")
    return configs


def check_index_prior(arrays: Mapping[str, np.ndarray], config: IndexPriorConfig) -> None:
    """Raise ValueError unless a layer's arrays are those of a prior of this configuration, whose sums are exact."""
    take(arrays, "embedding", np.int8, config.embedding_rows, config.embedding)
    for name, inputs, outputs in layer_shapes(config):
        check_layer(arrays, name, outputs, inputs)


def load_sampler(
    metadata: Mapping[str, str], arrays: Mapping[str, np.ndarray], arithmetic: IndexArithmetic
) -> IndexSampler:
    """Build what draws the lower layers.

    arrays: those of layer n, counted from 1, under `layer<n>.`, and `bit_tables`. arithmetic: makes that of a layer.
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
    return IndexSampler(ordered, tables, config, arithmetic)
