"""The bitstream weights of `hqa-photo`: the priors of the indices, and the codes that give the indices their meaning.

Codes belong to the bitstream: an encoder or a decoder may be trained anew, but an index must keep its meaning.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from safetensors.numpy import load as load_arrays

from hvaecodec.codec.backends import library_in_use, load_backend, require_torch
from hvaecodec.codec.entropy.bits import BitTables
from hvaecodec.codec.weights import BITSTREAM, bitstream_digest, read_weights
from hvaecodec.models.hqa.index_prior import Arithmetic, IndexPriorConfig
from hvaecodec.models.hqa.index_sampler import IndexArithmetic, IndexSampler


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
    data, metadata = read_weights(folder / BITSTREAM)
    config = IndexPriorConfig(**json.loads(metadata["config"]))
    return HqaBitstream(bitstream_digest(data), config, load_arrays(data), library_in_use())


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
    return IndexSampler(ordered, tables, IndexPriorConfig(**json.loads(metadata["config"])), arithmetic)
